package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.Map;

/** How often each fault's condition held, over all members and lives, and whether it strikes now. */
final class Faults {
    private final JsonNode faults;
    private final int[] reached;
    private final int[] struck;
    /** Failures of processing so far, by record. */
    private final Map<String, Integer> failures = new HashMap<>();

    Faults(JsonNode faults) {
        this.faults = faults;
        reached = new int[faults.size()];
        struck = new int[faults.size()];
    }

    JsonNode get(int index) {
        return faults.get(index);
    }

    int size() {
        return faults.size();
    }

    /** Counts an occurrence; whether the fault strikes at it: at the nth, and so many in a row. */
    synchronized boolean strikesNow(int index) {
        int count = ++reached[index];
        int nth = faults.get(index).path("nth").asInt(1);
        return nth <= count && count < nth + faults.get(index).path("times").asInt(1);
    }

    /** Whether this was its first strike. */
    synchronized boolean struck(int index) {
        return struck[index]++ == 0;
    }

    /** Whether the work on this record fails once more. */
    boolean failsNow(String record, int times) {
        int failed = failures.getOrDefault(record, 0);
        if (failed < times) {
            failures.put(record, failed + 1);
        }
        return failed < times;
    }
}
