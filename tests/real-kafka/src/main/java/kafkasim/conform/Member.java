package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * One life of a group member, a process of its own. It is started ahead of time, warms up, and
 * begins when the parent says so: how fast a JVM starts is no part of the story.
 */
public final class Member {
    /** The exit code of a process that was told to die. */
    static final int CRASHED = 77;

    /** A machine with much to do is slow, which is no part of any story. */
    private static final int WARM_UP_SECONDS = 60;

    private Member() {}

    /** Takes the scenario's file, the group, the member's name, the brokers' addresses, the group's id. */
    public static void main(String[] arguments) throws Exception {
        Scenario scenario = Scenario.read(Path.of(arguments[0]));
        String group = arguments[1];
        String name = arguments[2];
        JsonNode member = Scenario.actor(scenario.group(group), name);
        Properties settings = settings(member, arguments[4], name, arguments[3]);

        CountDownLatch go = new CountDownLatch(1);
        Application[] application = new Application[1];
        Parent parent = new Parent(order -> {
            if (order.path("order").asText().equals("go")) {
                go.countDown();
            } else if (application[0] != null) {
                application[0].order(order);
            }
        });
        warmUp(settings);
        application[0] = new Application(parent, scenario, member, group, name, settings);
        parent.journal.write(Journal.line("ready"));
        go.await();
        application[0].run();
        System.exit(0);
    }

    private static Properties settings(JsonNode member, String groupId, String name, String bootstrap) {
        Properties settings = Scenario.settings(member.path("config"));
        settings.replaceAll((key, value) -> value.toString().replace("<actor>", name));
        settings.put("bootstrap.servers", bootstrap);
        settings.put("group.id", groupId);
        settings.put("client.id", name);
        settings.put("key.deserializer", StringDeserializer.class.getName());
        settings.put("value.deserializer", StringDeserializer.class.getName());
        settings.put("interceptor.classes", CommitWatch.class.getName());
        return settings;
    }

    /** Loads the client's classes, and nothing that a group would notice. */
    private static void warmUp(Properties settings) {
        Properties alone = new Properties();
        alone.putAll(settings);
        alone.remove("group.id");
        alone.remove("group.instance.id");
        alone.put("enable.auto.commit", "false");
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(alone)) {
            consumer.listTopics(Duration.ofSeconds(WARM_UP_SECONDS));
        }
    }
}
