package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.function.Function;
import java.util.stream.Stream;
import org.apache.kafka.common.utils.AppInfoParser;

/**
 * Plays one resolved scenario on real Kafka. The scenario comes as the first line of standard input,
 * which stays open as long as somebody wants the story; the story leaves as JSON lines.
 *
 * <p>Exit codes: 0 played, 2 it cannot be played here (the reason is on standard error), 1 it failed.
 * Whatever happens, no process and no folder of it is left behind.
 */
public final class Main {
    private static final long LIMIT_MS = 15 * 60_000;
    private static final int STORY_BYTES = 1 << 20;

    private static Path folder;
    private static Cluster cluster;
    private static Conductor conductor;

    private Main() {}

    /** Takes the Python member's script, and a Python that has librdkafka. */
    public static void main(String[] arguments) {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Runtime.getRuntime().addShutdownHook(new Thread(Main::cleanUp));
        try {
            folder = Files.createTempDirectory("kafkasim-conform-");
            Path file = folder.resolve("scenario.json");
            Files.writeString(file, String.valueOf(in.readLine()));
            Scenario scenario = Scenario.read(file);
            inBackground("parent-watch", () -> endWithParent(in));
            inBackground("time-watch", Main::endInTime);
            play(scenario, file, arguments);
        } catch (Scenario.Unsupported unsupported) {
            System.err.println("not supported: " + unsupported.getMessage());
            System.exit(2);
        } catch (Exception error) {
            System.err.println("failed: " + error);
            System.err.print(cluster == null ? "" : cluster.lastLines());
            System.exit(1);
        }
        System.exit(0);
    }

    private static void play(Scenario scenario, Path file, String[] arguments) throws Exception {
        // Told at the end: whoever reads it late must not hold up the run.
        PrintStream out = new PrintStream(new BufferedOutputStream(System.out, STORY_BYTES), false);
        Journal journal = new Journal(out, false);
        journal.write(Journal.line("versions").put("version", Scenario.VERSION)
                .put("kafka", AppInfoParser.getVersion()).put("java", System.getProperty("java.version")));
        cluster = new Cluster(folder);
        Faults faults = new Faults(scenario.faults());
        cluster.start(scenario, Losses.any(scenario) ? new Losses(scenario, faults) : null);
        Topics.create(cluster.bootstrap(), scenario);
        conductor = new Conductor(scenario, cluster, faults, journal, folder.resolve("members.log"),
                launcher(file, arguments));
        String how = conductor.play();
        conductor.close();
        new Truth(cluster.bootstrap(), journal).write(scenario);
        journal.write(Journal.line("end").put("how", how));
        out.flush();
    }

    private static Function<Conductor.MemberKey, ProcessBuilder> launcher(Path file, String[] arguments) {
        return member -> {
            String[] same = {file.toString(), member.group(), member.name(), cluster.bootstrapOfClients()};
            JsonNode client = member.spec().path("client");
            if (client.asText().equals("java")) {
                return Jvm.command("-Xmx128m", Member.class, same);
            }
            if (arguments.length < 2) {
                throw new Scenario.Unsupported("`client: " + client.asText() + "` without a Python that has it");
            }
            return new ProcessBuilder(arguments[1], arguments[0], same[0], same[1], same[2], same[3]);
        };
    }

    private static void inBackground(String name, Runnable task) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        thread.start();
    }

    /** The end of standard input is the end of whoever wants the story. */
    private static void endWithParent(BufferedReader in) {
        try {
            while (in.read() != -1) {
                // Nothing more is ever said; only the end counts.
            }
        } catch (IOException gone) {
            // The same as the end.
        }
        System.exit(1);
    }

    /** Whatever hangs, it does not hang for ever. */
    private static void endInTime() {
        try {
            Thread.sleep(LIMIT_MS);
        } catch (InterruptedException interrupted) {
            return;
        }
        System.err.println("failed: not at its end after " + LIMIT_MS / 60_000 + " minutes");
        System.err.print(cluster == null ? "" : cluster.lastLines());
        System.exit(1);
    }

    private static void cleanUp() {
        if (conductor != null) {
            conductor.close();
        }
        if (cluster != null) {
            cluster.close();
        }
        if (folder != null) {
            try (Stream<Path> files = Files.walk(folder)) {
                files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
            } catch (IOException gone) {
                // Somebody else removed it.
            }
        }
    }
}
