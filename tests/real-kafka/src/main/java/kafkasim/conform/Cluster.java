package kafkasim.conform;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.Uuid;

/**
 * The brokers of a run: one combined node, or one controller with several brokers, on free ports of
 * loopback, in a folder of their own.
 */
final class Cluster implements AutoCloseable {
    private static final long READY_MS = 60_000;
    private static final int LOG_LINES = 15;

    /** One broker cannot hold three copies of the topics that no scenario looks at. */
    private static final Map<String, String> SINGLE = Map.of(
            "transaction.state.log.replication.factor", "1",
            "transaction.state.log.min.isr", "1",
            "share.coordinator.state.topic.replication.factor", "1",
            "share.coordinator.state.topic.min.isr", "1");

    private final Path folder;
    private final List<Process> processes = new ArrayList<>();
    private final List<Path> logs = new ArrayList<>();
    private final List<Proxy> proxies = new ArrayList<>();
    private final List<String> addresses = new ArrayList<>();
    /** Where clients connect: the brokers themselves, or the proxies before them. */
    private final List<String> clientAddresses = new ArrayList<>();

    /** No process is started any more. */
    private boolean closed;

    Cluster(Path folder) {
        this.folder = folder;
    }

    /** Straight to the brokers, for whoever looks on. */
    String bootstrap() {
        return String.join(",", addresses);
    }

    /** For the clients of the scenario, whose messages may be lost. */
    String bootstrapOfClients() {
        return String.join(",", clientAddresses);
    }

    /** Starts the cluster and waits until every broker serves. Without losses there is no proxy. */
    void start(Scenario scenario, Losses losses) throws Exception {
        start(scenario, losses, freePorts(3 * scenario.brokers() + 1));
    }

    /** The same on these ports. */
    void start(Scenario scenario, Losses losses, List<Integer> ports) throws Exception {
        int brokers = scenario.brokers();
        String clusterId = Uuid.randomUuid().toString();
        Properties config = Scenario.settings(scenario.root.path("cluster").path("config"));
        String voters = (brokers == 1 ? 1 : 100) + "@127.0.0.1:" + ports.get(brokers);
        if (brokers > 1) {
            Properties controller = node(config, 100, "controller", voters);
            controller.put("listeners", "CONTROLLER://127.0.0.1:" + ports.get(brokers));
            launch("controller-1", clusterId, controller);
        }
        for (int id = 1; id <= brokers; id++) {
            String address = "127.0.0.1:" + ports.get(id - 1);
            addresses.add(address);
            Properties broker = node(config, id, brokers == 1 ? "broker,controller" : "broker", voters);
            String direct = "PLAINTEXT://" + address;
            String listeners = direct;
            String advertised = direct;
            clientAddresses.add(address);
            if (losses != null) {
                int behind = ports.get(brokers + id);
                int proxy = ports.get(2 * brokers + id);
                clientAddresses.set(id - 1, "127.0.0.1:" + proxy);
                listeners += ",PROXIED://127.0.0.1:" + behind;
                advertised += ",PROXIED://127.0.0.1:" + proxy;
                proxies.add(new Proxy(proxy, behind, losses));
            }
            broker.put("listeners", brokers == 1 ? listeners + ",CONTROLLER://127.0.0.1:" + ports.get(brokers) : listeners);
            broker.put("advertised.listeners", advertised);
            broker.put("inter.broker.listener.name", "PLAINTEXT");
            launch("broker-" + id, clusterId, broker);
        }
        awaitReady(brokers);
    }

    private Properties node(Properties config, int id, String roles, String voters) {
        Properties all = new Properties();
        all.putAll(SINGLE);
        all.putAll(config);
        all.put("process.roles", roles);
        all.put("node.id", String.valueOf(id));
        all.put("controller.quorum.voters", voters);
        all.put("controller.listener.names", "CONTROLLER");
        all.put("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT");
        all.put("log.dirs", folder.resolve("node-" + id).toString());
        return all;
    }

    private synchronized void launch(String name, String clusterId, Properties properties) throws IOException {
        if (closed) {
            throw new IOException("the run is over");
        }
        Path file = folder.resolve(name + ".properties");
        try (OutputStream out = Files.newOutputStream(file)) {
            properties.store(out, name);
        }
        PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream());
        String[] format = {"format", "-t", clusterId, "-c", file.toString()};
        if (kafka.tools.StorageTool.execute(format, nowhere) != 0) {
            throw new IOException(name + ": its folder cannot be formatted");
        }
        Path log = folder.resolve(name + ".log");
        ProcessBuilder builder = Jvm.command("-Xmx400m", BrokerMain.class, file.toString());
        builder.redirectErrorStream(true).redirectOutput(log.toFile());
        logs.add(log);
        processes.add(builder.start());
    }

    private void awaitReady(int brokers) throws Exception {
        long end = System.currentTimeMillis() + READY_MS;
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap()))) {
            while (System.currentTimeMillis() < end) {
                if (processes.stream().anyMatch(process -> !process.isAlive())) {
                    throw new IOException("a broker ended before it was ready");
                }
                try {
                    if (admin.describeCluster().nodes().get(2, TimeUnit.SECONDS).size() == brokers) {
                        return;
                    }
                } catch (ExecutionException | TimeoutException notYet) {
                    // Asked again until the time is over.
                }
                Thread.sleep(100);
            }
        }
        throw new IOException("no broker was ready after " + READY_MS / 1_000 + " s");
    }

    /** The last lines that each process logged. */
    String lastLines() {
        return logs.stream().map(Cluster::lastLines).collect(Collectors.joining());
    }

    static String lastLines(Path log) {
        try {
            List<String> lines = Files.readAllLines(log);
            List<String> last = lines.subList(Math.max(0, lines.size() - LOG_LINES), lines.size());
            return log.getFileName() + ":\n  " + String.join("\n  ", last) + "\n";
        } catch (IOException unread) {
            return log.getFileName() + ": unreadable\n";
        }
    }

    /** Ports that are free now; all are held until all are known, so that they differ. */
    static List<Integer> freePorts(int count) throws IOException {
        List<ServerSocket> held = new ArrayList<>();
        List<Integer> ports = new ArrayList<>();
        try {
            for (int n = 0; n < count; n++) {
                ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                held.add(socket);
                ports.add(socket.getLocalPort());
            }
        } finally {
            for (ServerSocket socket : held) {
                socket.close();
            }
        }
        return ports;
    }

    @Override
    public synchronized void close() {
        closed = true;
        for (Process process : processes) {
            process.destroyForcibly();
        }
        for (Proxy proxy : proxies) {
            try {
                proxy.close();
            } catch (IOException closed) {
                // It is closed.
            }
        }
        for (Process process : processes) {
            try {
                process.waitFor(10, TimeUnit.SECONDS);
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
