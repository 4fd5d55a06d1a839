package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.function.Function;
import java.util.stream.Stream;
import org.apache.kafka.common.utils.AppInfoParser;

/**
 * Plays one resolved scenario on real Kafka and writes its story to standard output as JSON lines.
 *
 * <p>Exit codes: 0 played, 2 it cannot be played here (the reason is on standard error), 1 it failed.
 * Whatever happens, no process and no folder of it is left behind.
 */
public final class Main {
    private static Path folder;
    private static Cluster cluster;
    private static Conductor conductor;

    private Main() {}

    /** Takes the scenario's file, the Python member's script, and a Python that has librdkafka. */
    public static void main(String[] arguments) throws Exception {
        try {
            Scenario scenario = Scenario.read(Path.of(arguments[0]));
            endWithParent();
            Runtime.getRuntime().addShutdownHook(new Thread(Main::cleanUp));
            play(scenario, arguments);
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

    private static void play(Scenario scenario, String[] arguments) throws Exception {
        Journal journal = Journal.ofProcess();
        journal.write(Journal.line("versions").put("version", Scenario.VERSION)
                .put("kafka", AppInfoParser.getVersion()).put("java", System.getProperty("java.version")));
        folder = Files.createTempDirectory("kafkasim-conform-");
        cluster = new Cluster(folder);
        cluster.start(scenario);
        Topics.create(cluster.bootstrap(), scenario);
        conductor = new Conductor(scenario, cluster.bootstrap(), journal, folder.resolve("members.log"),
                launcher(arguments));
        String how = conductor.play();
        conductor.close();
        new Truth(cluster.bootstrap(), journal).write(scenario);
        journal.write(Journal.line("end").put("how", how));
    }

    private static Function<Conductor.MemberKey, ProcessBuilder> launcher(String[] arguments) {
        return member -> {
            String[] same = {arguments[0], member.group(), member.name(), cluster.bootstrap()};
            JsonNode client = member.spec().path("client");
            if (client.asText().equals("java")) {
                return Jvm.command("-Xmx128m", Member.class, same);
            }
            if (arguments.length < 3) {
                throw new Scenario.Unsupported("`client: " + client.asText() + "` without a Python that has it");
            }
            return new ProcessBuilder(arguments[2], arguments[1], same[0], same[1], same[2], same[3]);
        };
    }

    /** The end of standard input is the end of whoever wants the story. */
    private static void endWithParent() {
        Thread watch = new Thread(() -> {
            try {
                while (System.in.read() != -1) {
                    // Nothing is ever said; only the end counts.
                }
            } catch (IOException gone) {
                // The same as the end.
            }
            System.exit(1);
        }, "parent-watch");
        watch.setDaemon(true);
        watch.start();
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
