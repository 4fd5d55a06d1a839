package kafkasim.conform;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Writes what happened, one JSON object a line. */
final class Journal {
    static final ObjectMapper JSON = new ObjectMapper();

    private final PrintStream out;

    private final boolean atOnce;
    private long written;

    /** `atOnce`: a process that may be halted next has nothing left in a buffer. */
    Journal(PrintStream out, boolean atOnce) {
        this.out = out;
        this.atOnce = atOnce;
    }

    /** The journal of a member, which its parent reads. */
    static Journal ofMember() {
        return new Journal(System.out, true);
    }

    /** A line under construction. */
    static ObjectNode line(String event) {
        return JSON.createObjectNode().put("event", event);
    }

    /** How many lines there are. */
    synchronized long written() {
        return written;
    }

    synchronized void write(ObjectNode line) {
        try {
            byte[] text = (JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8);
            written++;
            out.write(text, 0, text.length);
            if (atOnce) {
                out.flush();
            }
        } catch (JsonProcessingException error) {
            throw new IllegalStateException("a tree is always JSON", error);
        }
    }
}
