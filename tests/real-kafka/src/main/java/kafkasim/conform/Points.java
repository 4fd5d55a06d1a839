package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Collection;
import java.util.function.Predicate;

/**
 * The points before and after each step, at which the scenario's faults strike. Whether one strikes
 * is decided by the parent, which counts over all members and lives.
 */
final class Points {
    private final Parent parent;
    private final JsonNode faults;
    /** Whether a name or role of a fault means this member now. */
    private final Predicate<String> isMe;

    Points(Parent parent, JsonNode faults, Predicate<String> isMe) {
        this.parent = parent;
        this.faults = faults;
        this.isMe = isMe;
    }

    /** What a strike asks of the application. */
    interface Struck {
        void stall(long millis);

        void seek(String to);

        void close();
    }

    /** The member stands before or after a step that concerns these records, by all their names. */
    void at(String phase, String step, Collection<String> concerns, Struck struck) {
        for (int index = 0; index < faults.size(); index++) {
            JsonNode fault = faults.get(index);
            boolean here = step.equals(fault.path(phase).asText(null));
            boolean concerned = !fault.has("record") || concerns.contains(fault.get("record").asText());
            if (here && concerned && meansMe(fault)) {
                reached(index, struck);
            }
        }
    }

    private boolean meansMe(JsonNode fault) {
        JsonNode who = fault.path(verb(fault));
        if (who.isTextual()) {
            return isMe.test(who.asText());
        }
        for (JsonNode one : who) {
            if (isMe.test(one.asText())) {
                return true;
            }
        }
        return false;
    }

    /** What a fault does. */
    static String verb(JsonNode fault) {
        for (String verb : new String[] {"crash", "close", "pause", "stall", "seek", "start", "set-offsets",
                "delete-records", "lose-request", "lose-response"}) {
            if (fault.has(verb)) {
                return verb;
            }
        }
        throw new Scenario.Unsupported("a fault without a verb that is known here: " + fault);
    }

    private void reached(int index, Struck struck) {
        JsonNode answer = parent.ask(Journal.line("ask-fault").put("fault", index));
        switch (answer.path("answer").asText()) {
            case "go-on" -> { }
            // No hook runs and nothing is closed: the process is gone, as after kill -9.
            case "crash" -> Runtime.getRuntime().halt(Member.CRASHED);
            case "stall" -> struck.stall(answer.path("millis").asLong());
            case "seek" -> struck.seek(answer.path("to").asText());
            case "close" -> struck.close();
            default -> throw new IllegalStateException("an answer without a meaning: " + answer);
        }
    }
}
