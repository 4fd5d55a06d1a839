package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Stream;
import org.apache.kafka.common.utils.AppInfoParser;

/**
 * Plays resolved scenarios on real Kafka, one after the other: each comes as a line of standard
 * input, and its story leaves as JSON lines, the last of them `end`, `unsupported` or `failed`. The
 * end of standard input is the end of everything. Scenarios that want the same brokers share them.
 *
 * <p>However it ends, no process and no folder of it is left behind.
 */
public final class Main {
    private static final long LIMIT_MINUTES = 15;
    private static final int STORY_BYTES = 1 << 20;
    private static final int CLEANING_TRIES = 50;
    private static final long CLEANING_MS = 50;

    private static final BlockingQueue<String> scenarios = new LinkedBlockingQueue<>();
    private static volatile Path folder;
    private static volatile Cluster cluster;
    private static JsonNode clusterOf;
    private static volatile Conductor conductor;
    private static volatile long runEnds = Long.MAX_VALUE;

    private Main() {}

    /** Takes the Python member's script, and a Python that has librdkafka. */
    public static void main(String[] arguments) throws Exception {
        Runtime.getRuntime().addShutdownHook(new Thread(Main::cleanUp));
        inBackground("scenario-reader", Main::readScenarios);
        inBackground("time-watch", Main::endInTime);
        folder = Files.createTempDirectory("kafkasim-conform-");
        // Told at the end of a run: whoever reads it late must not hold it up.
        PrintStream out = new PrintStream(new BufferedOutputStream(System.out, STORY_BYTES), false);
        Journal journal = new Journal(out, false);
        int run = 0;
        while (true) {
            String text = scenarios.take();
            runEnds = System.nanoTime() + TimeUnit.MINUTES.toNanos(LIMIT_MINUTES);
            playOrSayWhyNot(text, ++run, arguments, journal);
            runEnds = Long.MAX_VALUE;
            out.flush();
        }
    }

    private static void playOrSayWhyNot(String text, int run, String[] arguments, Journal journal) {
        try {
            play(Scenario.read(text, run), text, arguments, journal);
        } catch (Scenario.Unsupported unsupported) {
            journal.write(Journal.line("unsupported").put("reason", unsupported.getMessage()));
            discard();
        } catch (Exception error) {
            String logged = cluster == null ? "" : "\n" + cluster.lastLines();
            journal.write(Journal.line("failed").put("reason", error + logged));
            discard();
        }
    }

    private static void play(Scenario scenario, String text, String[] arguments, Journal journal) throws Exception {
        journal.write(Journal.line("versions").put("version", Scenario.VERSION)
                .put("kafka", AppInfoParser.getVersion()).put("java", System.getProperty("java.version")));
        Path file = folder.resolve("scenario.json");
        Files.writeString(file, text);
        Faults faults = new Faults(scenario.faults());
        startCluster(scenario, faults);
        Topics.create(cluster.bootstrap(), scenario);
        conductor = new Conductor(scenario, cluster, faults, journal, folder.resolve("members.log"),
                launcher(scenario, file, arguments));
        String how = conductor.play();
        conductor.close();
        new Truth(cluster.bootstrap(), journal).write(scenario);
        Topics.delete(cluster.bootstrap(), scenario);
        journal.write(Journal.line("end").put("how", how));
    }

    /** Brokers with a proxy before them serve one run: the proxy belongs to its faults. */
    private static void startCluster(Scenario scenario, Faults faults) throws Exception {
        JsonNode wanted = scenario.root.path("cluster");
        boolean losing = Losses.any(scenario);
        if (cluster != null && !losing && wanted.equals(clusterOf)) {
            return;
        }
        discard();
        cluster = new Cluster(Files.createTempDirectory(folder, "cluster-"));
        cluster.start(scenario, losing ? new Losses(scenario, faults) : null);
        clusterOf = losing ? null : wanted;
    }

    private static void discard() {
        if (conductor != null) {
            conductor.close();
        }
        if (cluster != null) {
            cluster.close();
            cluster = null;
        }
    }

    private static Function<Conductor.MemberKey, ProcessBuilder> launcher(Scenario scenario, Path file, String[] arguments) {
        return member -> {
            String[] same = {file.toString(), member.group(), member.name(), cluster.bootstrapOfClients(),
                    scenario.groupId(member.group())};
            JsonNode client = member.spec().path("client");
            if (client.asText().equals("java")) {
                return Jvm.command("-Xmx128m", Member.class, same);
            }
            if (arguments.length < 2) {
                throw new Scenario.Unsupported("`client: " + client.asText() + "` without a Python that has it");
            }
            ProcessBuilder python = new ProcessBuilder(arguments[1], arguments[0]);
            python.command().addAll(List.of(same));
            return python;
        };
    }

    private static void inBackground(String name, Runnable task) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        thread.start();
    }

    /** The end of standard input is the end of whoever wants the stories. */
    private static void readScenarios() {
        try (BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                scenarios.add(line);
            }
        } catch (IOException gone) {
            // The same as the end.
        }
        System.exit(0);
    }

    /** Whatever hangs, it does not hang for ever. */
    private static void endInTime() {
        while (System.nanoTime() < runEnds) {
            try {
                Thread.sleep(1_000);
            } catch (InterruptedException interrupted) {
                return;
            }
        }
        Journal journal = new Journal(System.out, true);
        String logged = cluster == null ? "" : "\n" + cluster.lastLines();
        journal.write(Journal.line("failed").put("reason", "not over after " + LIMIT_MINUTES + " minutes" + logged));
        System.exit(1);
    }

    /** Other threads may be starting something meanwhile: done again until nothing is left. */
    private static void cleanUp() {
        for (int attempt = 0; attempt < CLEANING_TRIES; attempt++) {
            discard();
            if (folder == null || !Files.exists(folder)) {
                return;
            }
            try (Stream<Path> files = Files.walk(folder)) {
                files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
                Thread.sleep(CLEANING_MS);
            } catch (IOException | UncheckedIOException | InterruptedException changed) {
                // Looked at again.
            }
        }
    }
}
