package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** What is there at time 0: topics, and offsets that groups had committed. */
final class Topics {
    /** For the record that warms up producers. */
    static final String WARM_UP = "warm-up";
    /** Bounds every wait for an answer of the cluster. A machine with much to do is slow. */
    static final int ANSWER_SECONDS = 90;
    private static final int TRIES = 100;

    private Topics() {}

    static void create(String bootstrap, Scenario scenario) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            List<NewTopic> topics = new ArrayList<>();
            topics.add(new NewTopic(WARM_UP, 1, (short) 1));
            scenario.topics().fields().forEachRemaining(entry -> topics.add(topic(entry.getKey(), entry.getValue())));
            admin.createTopics(topics).all().get(ANSWER_SECONDS, TimeUnit.SECONDS);
            touchOffsetsTopic(admin);
            for (String group : scenario.groups()) {
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                scenario.group(group).path("committed").fields().forEachRemaining(entry ->
                        offsets.put(partition(entry.getKey()), new OffsetAndMetadata(entry.getValue().asLong())));
                if (!offsets.isEmpty()) {
                    commit(admin, scenario.groupId(group), offsets);
                }
            }
        }
    }

    /** Makes room for the next run on the same cluster. */
    static void delete(String bootstrap, Scenario scenario) throws Exception {
        List<String> names = new ArrayList<>(List.of(WARM_UP));
        scenario.topics().fieldNames().forEachRemaining(names::add);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.deleteTopics(names).all().get(ANSWER_SECONDS, TimeUnit.SECONDS);
        }
    }

    /** A coordinator may hear of a new topic a moment later than whoever made it. */
    private static void commit(Admin admin, String groupId, Map<TopicPartition, OffsetAndMetadata> offsets) throws Exception {
        for (int attempt = 1;; attempt++) {
            try {
                admin.alterConsumerGroupOffsets(groupId, offsets).all().get(ANSWER_SECONDS, TimeUnit.SECONDS);
                return;
            } catch (ExecutionException refused) {
                if (attempt == TRIES || !(refused.getCause() instanceof UnknownTopicOrPartitionException)) {
                    throw refused;
                }
                Thread.sleep(100);
            }
        }
    }

    private static NewTopic topic(String name, JsonNode topic) {
        NewTopic wanted;
        JsonNode assignment = topic.path("replica-assignment");
        if (assignment.isArray()) {
            Map<Integer, List<Integer>> replicas = new HashMap<>();
            for (JsonNode one : assignment) {
                List<Integer> nodes = new ArrayList<>();
                one.forEach(node -> nodes.add(node.asInt()));
                replicas.put(replicas.size(), nodes);
            }
            wanted = new NewTopic(name, replicas);
        } else {
            wanted = new NewTopic(name, topic.path("partitions").asInt(), (short) topic.path("replication.factor").asInt());
        }
        Map<String, String> config = new HashMap<>();
        topic.path("config").fields().forEachRemaining(entry -> config.put(entry.getKey(), entry.getValue().asText()));
        return wanted.configs(config);
    }

    /**
     * The offsets topic is made when somebody looks for a coordinator; the client asks again until it is
     * there. Its 50 partitions with three copies each take a cold cluster several seconds.
     */
    private static void touchOffsetsTopic(Admin admin) throws Exception {
        ListConsumerGroupOffsetsOptions patient = new ListConsumerGroupOffsetsOptions().timeoutMs(ANSWER_SECONDS * 1_000);
        admin.listConsumerGroupOffsets("nobody", patient).partitionsToOffsetAndMetadata().get(ANSWER_SECONDS, TimeUnit.SECONDS);
    }

    /** `orders-0`: split at the last dash. */
    static TopicPartition partition(String name) {
        int dash = name.lastIndexOf('-');
        return new TopicPartition(name.substring(0, dash), Integer.parseInt(name.substring(dash + 1)));
    }
}
