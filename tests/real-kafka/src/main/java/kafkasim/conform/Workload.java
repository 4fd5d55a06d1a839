package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Utils;

/**
 * One producer, on a thread of its own: its records with the scenario's keys, values, partitions and
 * instants. A record bears its name (`shop#7`) in a header, by which it is known wherever it turns up.
 */
final class Workload {
    private static final String NAME = "record";
    private static final String FILLER = ".";

    private final String name;
    private final JsonNode spec;
    private final JsonNode topics;
    private final Journal journal;
    private final KafkaProducer<String, String> producer;
    private final AtomicInteger open = new AtomicInteger();
    private volatile boolean allSent;

    Workload(String name, JsonNode spec, Scenario scenario, String bootstrap, Journal journal) {
        this.name = name;
        this.spec = spec;
        this.topics = scenario.topics();
        this.journal = journal;
        Properties settings = Scenario.settings(spec.path("config"));
        settings.put("bootstrap.servers", bootstrap);
        settings.put("client.id", name);
        settings.put("key.serializer", StringSerializer.class.getName());
        settings.put("value.serializer", StringSerializer.class.getName());
        producer = new KafkaProducer<>(settings);
        // What it has to learn first would hold up its first records.
        spec.path("topics").forEach(topic -> producer.partitionsFor(topic.asText()));
    }

    /** Loads the client's classes with a record that no scenario looks at. */
    static void warmUp(String bootstrap) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap,
                "key.serializer", StringSerializer.class, "value.serializer", StringSerializer.class);
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings)) {
            producer.send(new ProducerRecord<>(Topics.WARM_UP, FILLER)).get(Topics.ANSWER_SECONDS, TimeUnit.SECONDS);
        }
    }

    void start(long timeZero) {
        Thread thread = new Thread(() -> run(timeZero), name);
        thread.setDaemon(true);
        thread.start();
    }

    /** The name in a record's header. */
    static String name(Headers headers) {
        Header header = headers.lastHeader(NAME);
        return header == null ? "?" : new String(header.value(), StandardCharsets.UTF_8);
    }

    /** Whether everything was sent, and heard of. */
    boolean isDone() {
        return allSent && open.get() == 0;
    }

    private void run(long timeZero) {
        JsonNode records = spec.path("records");
        int count = records.isArray() ? records.size() : records.asInt();
        long next = timeZero + Scenario.millis(spec.path("start-at"));
        long end = spec.has("stop-at") ? timeZero + Scenario.millis(spec.path("stop-at")) : Long.MAX_VALUE;
        for (int index = 0; index < count; index++) {
            JsonNode listed = records.isArray() ? records.get(index) : Journal.JSON.missingNode();
            if (listed.has("at")) {
                next = timeZero + Scenario.millis(listed.get("at"));
            }
            if (end <= next) {
                break;
            }
            sleepUntil(next);
            send(record(index, listed));
            next += Scenario.millis(spec.path("every"));
        }
        allSent = true;
    }

    private static void sleepUntil(long instant) {
        try {
            Thread.sleep(Math.max(0, instant - System.currentTimeMillis()));
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException("nobody interrupts a producer", interrupted);
        }
    }

    private ProducerRecord<String, String> record(int index, JsonNode listed) {
        JsonNode inTurn = spec.path("topics");
        String topic = listed.path("topic").asText(inTurn.path(index % Math.max(1, inTurn.size())).asText());
        JsonNode cycle = spec.path("keys").path("cycle");
        String key = listed.path("key").asText(cycle.isArray() ? cycle.get(index % cycle.size()).asText() : null);
        Integer partition = partition(topic, key, listed);
        ProducerRecord<String, String> record = new ProducerRecord<>(topic, partition, key, value(index, listed));
        record.headers().add(NAME, (name + "#" + (index + 1)).getBytes(StandardCharsets.UTF_8));
        return record;
    }

    private String value(int index, JsonNode listed) {
        JsonNode values = spec.path("values");
        if (listed.has("value")) {
            return listed.get("value").asText();
        }
        if (values.path("cycle").isArray()) {
            JsonNode value = values.get("cycle").get(index % values.get("cycle").size());
            return value.isNull() ? null : value.asText();
        }
        return FILLER.repeat(values.path("bytes").asInt());
    }

    /** Whether a value only has a size. */
    static boolean isFiller(String value) {
        return value != null && value.replace(FILLER, "").isEmpty();
    }

    /** A fixed partition, or that of a table; else the client's own partitioner chooses. */
    private Integer partition(String topic, String key, JsonNode listed) {
        JsonNode fixed = listed.has("partition") ? listed.get("partition") : spec.path("partition");
        if (fixed.isInt()) {
            return fixed.asInt();
        }
        JsonNode table = spec.path("partitioner");
        if (!table.isObject() || key == null) {
            return null;
        }
        if (table.path("table").has(key)) {
            return table.path("table").get(key).asInt();
        }
        JsonNode others = table.path("others");
        int hash = Utils.toPositive(Utils.murmur2(key.getBytes(StandardCharsets.UTF_8)));
        if (others.isArray()) {
            return others.get(hash % others.size()).asInt();
        }
        return hash % topics.path(topic).path("partitions").asInt();
    }

    private void send(ProducerRecord<String, String> record) {
        open.incrementAndGet();
        producer.send(record, (metadata, error) -> ended(record, metadata, error));
    }

    private void ended(ProducerRecord<String, String> record, RecordMetadata metadata, Exception error) {
        open.decrementAndGet();
        if (error == null && !metadata.hasOffset()) {
            return; // With acks=0 nobody is told anything.
        }
        ObjectNode line = Journal.line(error == null ? "acknowledged" : "send-failed");
        line.put("producer", name).put("record", name(record.headers()));
        if (error != null) {
            line.put("error", error.getClass().getSimpleName());
        }
        journal.write(line);
        if (error != null && spec.path("on-failure").asText().equals("resend")) {
            // Not on the producer's own thread, which may not wait for memory.
            open.incrementAndGet();
            new Thread(() -> {
                send(record);
                open.decrementAndGet();
            }, name + "-resend").start();
        }
    }

    /** Ends it without waiting for anything. */
    void stop() {
        producer.close(Duration.ZERO);
    }

    static List<String> actors(String producer, JsonNode spec) {
        return Scenario.actors(producer, spec.path("instances"));
    }
}
