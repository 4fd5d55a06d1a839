package kafkasim.conform;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Brokers that cannot start say why, and nothing of them stays. */
class ClusterTest {
    private static final Path SAMPLE = Path.of("src/test/resources/resolved.json");

    @TempDir
    Path folder;

    @Test
    void aPortInUseIsToldInTheLastLinesOfTheBroker() throws Exception {
        Scenario scenario = Scenario.read(SAMPLE);
        List<Integer> ports = Cluster.freePorts(3 * scenario.brokers() + 1);
        try (ServerSocket taken = new ServerSocket(ports.get(0), 1, InetAddress.getLoopbackAddress());
                Cluster cluster = new Cluster(folder)) {
            IOException refused = assertThrows(IOException.class, () -> cluster.start(scenario, null, ports));
            assertTrue(refused.getMessage().contains("ended before it was ready"), refused.getMessage());
            assertTrue(cluster.lastLines().contains("Address already in use"), cluster.lastLines());
            assertTrue(cluster.lastLines().contains(String.valueOf(taken.getLocalPort())), cluster.lastLines());
        }
        assertNoneIsLeft();
    }

    @Test
    void aSettingThatTheBrokerRefusesIsToldInItsLastLines() throws Exception {
        ObjectNode sample = (ObjectNode) Journal.JSON.readTree(Files.readString(SAMPLE));
        ObjectNode config = (ObjectNode) sample.path("scenario").path("cluster").path("config");
        config.put("num.io.threads", "0");
        Scenario scenario = Scenario.read(sample.toString(), 1);
        try (Cluster cluster = new Cluster(folder)) {
            Exception refused = assertThrows(Exception.class, () -> cluster.start(scenario, null));
            assertTrue(refused.getMessage().contains("num.io.threads"), refused.getMessage());
        }
        assertNoneIsLeft();
    }

    /** No process on this machine was started with this test's folder. */
    private void assertNoneIsLeft() {
        assertFalse(ProcessHandle.allProcesses().anyMatch(process ->
                process.isAlive() && process.info().commandLine().orElse("").contains(folder.toString())));
    }
}
