package kafkasim.conform;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * Writes what happened, one JSON object a line, at once: a process that is about to be halted has
 * nothing left in a buffer.
 */
final class Journal {
    static final ObjectMapper JSON = new ObjectMapper();

    private final PrintStream out;

    Journal(PrintStream out) {
        this.out = out;
    }

    /** The journal that the parent process reads. */
    static Journal ofProcess() {
        return new Journal(System.out);
    }

    /** A line under construction. */
    static ObjectNode line(String event) {
        return JSON.createObjectNode().put("event", event);
    }

    synchronized void write(ObjectNode line) {
        try {
            byte[] text = (JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8);
            out.write(text, 0, text.length);
            out.flush();
        } catch (JsonProcessingException error) {
            throw new IllegalStateException("a tree is always JSON", error);
        }
    }
}
