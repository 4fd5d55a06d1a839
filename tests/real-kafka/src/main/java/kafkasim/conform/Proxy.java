package kafkasim.conform;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Stands between clients and one broker and loses the messages that {@link Losses} names. It knows
 * of Kafka's protocol that a message is a length and a body, and that an answer begins with the
 * number of its request; a request is handed on before its answer is lost.
 */
final class Proxy implements AutoCloseable {
    private final ServerSocket listener;
    private final int broker;
    private final Losses losses;

    /** Listens on one port of loopback and hands on to another. */
    Proxy(int port, int broker, Losses losses) throws IOException {
        this.broker = broker;
        this.losses = losses;
        listener = new ServerSocket(port, 50, InetAddress.getLoopbackAddress());
        inBackground(this::accept);
    }

    private static void inBackground(Runnable task) {
        Thread thread = new Thread(task, "proxy");
        thread.setDaemon(true);
        thread.start();
    }

    private void accept() {
        try {
            while (true) {
                Connection connection = new Connection(listener.accept());
                inBackground(() -> connection.pump(true));
                inBackground(() -> connection.pump(false));
            }
        } catch (IOException closed) {
            // The end of the run.
        }
    }

    /** A client's connection and its counterpart to the broker. */
    private final class Connection {
        private final Socket client;
        private final Socket server;
        /** Requests on their way, by number: the faults that their answers concern. */
        private final Map<Integer, List<Integer>> open = new ConcurrentHashMap<>();
        private volatile boolean silent;

        Connection(Socket client) throws IOException {
            this.client = client;
            server = new Socket(InetAddress.getLoopbackAddress(), broker);
        }

        void pump(boolean requests) {
            try (Socket from = requests ? client : server; Socket to = requests ? server : client) {
                DataInputStream in = new DataInputStream(from.getInputStream());
                DataOutputStream out = new DataOutputStream(to.getOutputStream());
                while (true) {
                    byte[] frame = new byte[in.readInt()];
                    in.readFully(frame);
                    String lost = requests ? request(frame) : response(frame);
                    silent |= "silence".equals(lost);
                    if (lost != null && !silent) {
                        return; // Both sockets close: a reset.
                    }
                    if (!silent) {
                        out.writeInt(frame.length);
                        out.write(frame);
                        out.flush();
                    }
                }
            } catch (IOException closed) {
                // One side is gone, and the other with it.
            }
        }

        private String request(byte[] frame) {
            ByteBuffer buffer = ByteBuffer.wrap(frame);
            List<Integer> concerned = losses.concerned(buffer);
            for (int index : concerned) {
                String lost = losses.lost(index, Losses.REQUEST);
                if (lost != null) {
                    return lost;
                }
            }
            open.put(ByteBuffer.wrap(frame).getInt(4), concerned);
            return null;
        }

        private String response(byte[] frame) {
            List<Integer> concerned = open.remove(ByteBuffer.wrap(frame).getInt(0));
            for (int index : concerned == null ? List.<Integer>of() : concerned) {
                String lost = losses.lost(index, Losses.RESPONSE);
                if (lost != null) {
                    return lost;
                }
            }
            return null;
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
    }
}
