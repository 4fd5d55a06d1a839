package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** The fault `set-offsets`: what `kafka-consumer-groups --reset-offsets` does. */
final class OffsetReset {
    private OffsetReset() {}

    static void set(String bootstrap, Scenario scenario, JsonNode fault, Journal journal) throws Exception {
        String group = fault.path("set-offsets").asText();
        ObjectNode line = Journal.line("offsets-set").put("group", group);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.alterConsumerGroupOffsets(scenario.groupId(group), wanted(admin, scenario, fault, group)).all().get(Topics.ANSWER_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException refused) {
            line.put("error", refused.getCause().getClass().getSimpleName());
        }
        journal.write(line);
    }

    private static Map<TopicPartition, OffsetAndMetadata> wanted(Admin admin, Scenario scenario, JsonNode fault, String group)
            throws Exception {
        Map<TopicPartition, OffsetAndMetadata> wanted = new HashMap<>();
        String to = fault.path("to").asText("");
        if (to.contains("@")) {
            int at = to.lastIndexOf('@');
            wanted.put(Topics.partition(to.substring(0, at)), new OffsetAndMetadata(Long.parseLong(to.substring(at + 1))));
            return wanted;
        }
        Map<TopicPartition, OffsetAndMetadata> committed =
                admin.listConsumerGroupOffsets(scenario.groupId(group)).partitionsToOffsetAndMetadata().get(Topics.ANSWER_SECONDS, TimeUnit.SECONDS);
        for (JsonNode topic : scenario.group(group).path("topics")) {
            int partitions = scenario.topics().path(topic.asText()).path("partitions").asInt();
            for (int number = 0; number < partitions; number++) {
                TopicPartition partition = new TopicPartition(topic.asText(), number);
                long start = offset(admin, partition, OffsetSpec.earliest());
                long end = offset(admin, partition, OffsetSpec.latest());
                if (!to.isEmpty()) {
                    wanted.put(partition, new OffsetAndMetadata(to.equals("latest") ? end : start));
                } else if (committed.get(partition) != null) {
                    long moved = committed.get(partition).offset() + fault.path("shift-by").asLong();
                    wanted.put(partition, new OffsetAndMetadata(Math.max(start, Math.min(end, moved))));
                }
            }
        }
        return wanted;
    }

    private static long offset(Admin admin, TopicPartition partition, OffsetSpec spec) throws Exception {
        return admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get(Topics.ANSWER_SECONDS, TimeUnit.SECONDS).offset();
    }
}
