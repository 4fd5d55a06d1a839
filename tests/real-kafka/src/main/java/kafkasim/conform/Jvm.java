package kafkasim.conform;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** How a further JVM of this project is started: small, and quick to start. */
final class Jvm {
    private Jvm() {}

    static ProcessBuilder command(String memory, Class<?> main, String... arguments) {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        List<String> command = new ArrayList<>(List.of(
                java, memory, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
                "-cp", System.getProperty("java.class.path"), main.getName()));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command);
    }
}
