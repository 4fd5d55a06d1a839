package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/** The parent's side of one life of a member: its process, and what it said so far. */
final class MemberProcess {
    /** A line of a member; null if the process has ended. */
    record Said(MemberProcess who, JsonNode line) { }

    final String name;
    final String group;
    /** Which of the member's lives it is, from 1. */
    final int life;
    private final Process process;
    private final Writer in;

    boolean ready;
    boolean wentOn;
    /** Whether the listener was called since it began: it is in the group. */
    boolean joined;
    boolean idle;
    boolean leaving;
    boolean paused;
    /** Whether the process has answered since it was last asked whether it is there. */
    boolean answered;
    final Set<String> owned = new TreeSet<>();
    /** One past what it was handed, and what auto-commit has stored. */
    final TreeMap<String, Long> position = new TreeMap<>();
    final TreeMap<String, Long> committed = new TreeMap<>();

    MemberProcess(String name, String group, int life, ProcessBuilder builder, Path log, BlockingQueue<Said> heard)
            throws IOException {
        this.name = name;
        this.group = group;
        this.life = life;
        builder.redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()));
        process = builder.start();
        in = process.outputWriter(StandardCharsets.UTF_8);
        Thread reader = new Thread(() -> read(heard), name + "-reader");
        reader.setDaemon(true);
        reader.start();
    }

    private void read(BlockingQueue<Said> heard) {
        try (BufferedReader out = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                heard.add(new Said(this, Journal.JSON.readTree(line)));
            }
        } catch (IOException gone) {
            // The same as the end.
        }
        heard.add(new Said(this, null));
    }

    /** What it says changes what is known of it. */
    void note(JsonNode line) {
        String event = line.path("event").asText();
        if (event.equals(Parent.HERE)) {
            answered = true;
            return;
        }
        idle = event.equals("idle") || (idle && event.startsWith("commit-confirmed"));
        switch (event) {
            case "ready" -> ready = true;
            case "assigned" -> {
                joined = true;
                line.path("partitions").forEach(partition -> owned.add(partition.asText()));
            }
            case "revoked", "lost" -> line.path("partitions").forEach(partition -> {
                owned.remove(partition.asText());
                position.remove(partition.asText());
            });
            case "polled" -> line.path("records").forEach(span ->
                    position.put(span.get(0).asText(), span.get(1).asLong() + span.get(2).asLong()));
            case "commit-confirmed" -> line.path("offsets").fields().forEachRemaining(offset ->
                    committed.put(offset.getKey(), offset.getValue().asLong()));
            case "leaving" -> leaving = true;
            default -> { }
        }
    }

    /** Whether everything it was handed from what it owns is committed. */
    boolean hasCommitted() {
        return position.entrySet().stream().allMatch(at -> at.getValue().equals(committed.get(at.getKey())));
    }

    void tell(ObjectNode message) {
        try {
            in.write(Journal.JSON.writeValueAsString(message) + "\n");
            in.flush();
        } catch (IOException gone) {
            // It has ended; its reader says so.
        }
    }

    void order(String order) {
        tell(Journal.JSON.createObjectNode().put("order", order));
    }

    /** Sends a signal by its name, such as STOP. */
    void signal(String signal) throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-" + signal, String.valueOf(process.pid())).start().waitFor(5, TimeUnit.SECONDS);
    }

    void kill() {
        process.destroyForcibly();
    }

    int exitCode() {
        try {
            return process.waitFor();
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException("nobody interrupts the conductor", interrupted);
        }
    }
}
