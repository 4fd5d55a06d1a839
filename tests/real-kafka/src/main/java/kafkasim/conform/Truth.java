package kafkasim.conform;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecord;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordSerde;
import org.apache.kafka.coordinator.group.generated.OffsetCommitKey;
import org.apache.kafka.coordinator.group.generated.OffsetCommitValue;

/**
 * What is in the logs when a run is over: every record of every partition, and every offset commit
 * in the order in which the coordinator wrote it, whoever heard of it.
 */
final class Truth {
    private static final long READ_MS = 30_000;
    private static final String OFFSETS = "__consumer_offsets";

    private final String bootstrap;
    private final Journal journal;

    Truth(String bootstrap, Journal journal) {
        this.bootstrap = bootstrap;
        this.journal = journal;
    }

    void write(Scenario scenario) throws Exception {
        Map<String, Object> settings = Map.of(
                "bootstrap.servers", bootstrap, "enable.auto.commit", "false",
                "key.deserializer", ByteArrayDeserializer.class, "value.deserializer", ByteArrayDeserializer.class);
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
            List<String> topics = new ArrayList<>();
            scenario.topics().fieldNames().forEachRemaining(topics::add);
            for (String topic : topics) {
                for (var partition : consumer.partitionsFor(topic)) {
                    log(consumer, new TopicPartition(topic, partition.partition()));
                }
            }
            stored(consumer, scenario);
        }
        committed(scenario);
    }

    private void log(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition) {
        ObjectNode line = Journal.line("log").put("partition", partition.toString());
        ArrayNode records = line.putArray("records");
        read(consumer, List.of(partition), record -> {
            ObjectNode one = records.addObject();
            one.put("offset", record.offset()).put("record", Workload.name(record.headers()));
            one.put("key", text(record.key()));
            if (!Workload.isFiller(text(record.value()))) {
                one.put("value", text(record.value()));
            }
        });
        journal.write(line);
    }

    private static String text(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    /** Reads partitions from their start to their end. */
    private static void read(KafkaConsumer<byte[], byte[]> consumer, List<TopicPartition> partitions,
            Consumer<ConsumerRecord<byte[], byte[]>> each) {
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        long bound = System.currentTimeMillis() + READ_MS;
        while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
            if (bound < System.currentTimeMillis()) {
                throw new IllegalStateException(partitions + " cannot be read to their end");
            }
            consumer.poll(Duration.ofMillis(100)).forEach(each);
        }
    }

    private void stored(KafkaConsumer<byte[], byte[]> consumer, Scenario scenario) {
        GroupCoordinatorRecordSerde serde = new GroupCoordinatorRecordSerde();
        Map<String, Map<TopicPartition, List<Long>>> groups = new TreeMap<>();
        List<TopicPartition> partitions = new ArrayList<>();
        consumer.partitionsFor(OFFSETS).forEach(one -> partitions.add(new TopicPartition(OFFSETS, one.partition())));
        read(consumer, partitions, record -> {
            if (record.value() == null) {
                return;
            }
            CoordinatorRecord entry = serde.deserialize(ByteBuffer.wrap(record.key()), ByteBuffer.wrap(record.value()));
            if (entry.key() instanceof OffsetCommitKey key) {
                long offset = ((OffsetCommitValue) entry.value().message()).offset();
                groups.computeIfAbsent(key.group(), group -> new TreeMap<>(Progress.BY_NAME))
                        .computeIfAbsent(new TopicPartition(key.topic(), key.partition()), of -> new ArrayList<>())
                        .add(offset);
            }
        });
        for (String group : scenario.groups()) {
            groups.getOrDefault(scenario.groupId(group), Map.of()).forEach((partition, offsets) -> {
                ObjectNode line = Journal.line("stored").put("group", group).put("partition", partition.toString());
                offsets.forEach(line.putArray("offsets")::add);
                journal.write(line);
            });
        }
    }

    private void committed(Scenario scenario) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            for (String group : scenario.groups()) {
                Map<TopicPartition, OffsetAndMetadata> offsets = new TreeMap<>(Progress.BY_NAME);
                offsets.putAll(admin.listConsumerGroupOffsets(scenario.groupId(group)).partitionsToOffsetAndMetadata().get(Topics.ANSWER_SECONDS, TimeUnit.SECONDS));
                ObjectNode line = Journal.line("committed").put("group", group);
                ObjectNode map = line.putObject("offsets");
                offsets.forEach((partition, offset) -> {
                    if (offset != null) {
                        map.put(partition.toString(), offset.offset());
                    }
                });
                journal.write(line);
            }
        }
    }
}
