package kafkasim.conform;

import java.io.IOException;

/**
 * A broker process that does not outlive its parent: it halts when its standard input ends, however
 * the parent went.
 */
public final class BrokerMain {
    private BrokerMain() {}

    /** Takes the path of the properties. */
    public static void main(String[] arguments) {
        Thread watch = new Thread(BrokerMain::haltWithParent, "parent-watch");
        watch.setDaemon(true);
        watch.start();
        kafka.Kafka.main(arguments);
    }

    private static void haltWithParent() {
        try {
            while (System.in.read() != -1) {
                // Nothing is ever said; only the end counts.
            }
        } catch (IOException gone) {
            // The same as the end.
        }
        Runtime.getRuntime().halt(1);
    }
}
