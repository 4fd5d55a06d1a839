package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;

/**
 * A member's line to the process that started it: the journal out, orders and answers in. Without
 * the parent there is no run, so its end halts the member.
 */
final class Parent {
    /** An order that the process answers whatever its application does, and its answer. */
    static final String ARE_YOU_THERE = "are-you-there";
    static final String HERE = "here";

    final Journal journal = Journal.ofMember();
    private final BlockingQueue<JsonNode> answers = new LinkedBlockingQueue<>();
    private final Consumer<JsonNode> orders;

    /** `orders` is called on the reading thread. */
    Parent(Consumer<JsonNode> orders) {
        this.orders = orders;
        Thread reader = new Thread(this::read, "parent-reader");
        reader.setDaemon(true);
        reader.start();
    }

    private void read() {
        try (BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                JsonNode message = Journal.JSON.readTree(line);
                if (message.path("order").asText().equals(ARE_YOU_THERE)) {
                    journal.write(Journal.line(HERE));
                } else if (message.has("order")) {
                    orders.accept(message);
                } else {
                    answers.add(message);
                }
            }
        } catch (IOException gone) {
            // The same as the end.
        }
        Runtime.getRuntime().halt(1);
    }

    /** Asks what only the parent knows, such as how often all members together came to a point. */
    synchronized JsonNode ask(ObjectNode question) {
        journal.write(question);
        try {
            return answers.take();
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException("nobody interrupts a member", interrupted);
        }
    }
}
