package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;

/**
 * The scenario's loop, step by step, with the Java client. Everything that happens is journalled
 * when it happens, by the thread to which it happens.
 */
final class Application implements ConsumerRebalanceListener, Points.Struck {
    /** A poll that throws is tried again after this; the scenario's time does not hang on it. */
    private static final long AFTER_FAILED_POLL_MS = 100;

    private final Parent parent;
    private final JsonNode spec;
    private final String group;
    private final List<String> topics = new ArrayList<>();
    private final Points points;
    private final Progress progress = new Progress();
    private final Work work;
    private final Commits commits;
    private final Properties settings;
    private KafkaConsumer<String, String> consumer;

    /** A commit, not a poll, was ended by `wakeup()`. */
    private boolean wokenUp;
    /** How many lines there were when it was last told that nothing is left to do. */
    private long idleSince;
    private volatile long stalledUntil;
    private final Queue<String> seeks = new ConcurrentLinkedQueue<>();
    private List<ConsumerRecord<String, String>> polled = List.of();
    /** What the listener was told last. */
    private Collection<TopicPartition> assigned = List.of();

    Application(Parent parent, Scenario scenario, JsonNode spec, String group, String name, Properties settings) {
        this.parent = parent;
        this.spec = spec;
        this.group = group;
        this.settings = settings;
        spec.path("topics").forEach(topic -> topics.add(topic.asText()));
        points = new Points(parent, scenario.faults(), who ->
                who.equals(name) || who.equals(group) || ownsBy(who, group));
        work = new Work(this, parent, spec, progress, settings);
        commits = new Commits(this, parent.journal, spec, progress);
    }

    /** The loop ends here: it was told to, or an exception or a record ended it. */
    static final class Leave extends RuntimeException {
        /** Null if it was told to. */
        final String reason;

        Leave(String reason) {
            super(reason, null, false, false);
            this.reason = reason;
        }
    }

    /** The rest of a poll is dropped and polled again. */
    static final class PollAgain extends RuntimeException {
        PollAgain() {
            super(null, null, false, false);
        }
    }

    void run() {
        consumer = new KafkaConsumer<>(settings);
        commits.watch(consumer);
        consumer.subscribe(topics, this);
        String reason = null;
        try {
            while (true) {
                try {
                    steps(spec.path("loop"), null);
                } catch (PollAgain again) {
                    // The loop begins with its poll.
                }
            }
        } catch (Leave leave) {
            reason = leave.reason;
        }
        parent.journal.write(Journal.line("leaving").put("reason", reason));
        leave();
    }

    private void leave() {
        try {
            point("before", "close", List.of());
        } catch (Leave already) {
            // It is leaving.
        }
        try {
            steps(spec.path("on-close"), null);
        } catch (Leave already) {
            // It is leaving.
        }
        consumer.close();
        work.finish();
        parent.journal.write(Journal.line("closed"));
        point("after", "close", List.of());
    }

    /** Takes steps; inside `each` there is a current record. */
    private void steps(JsonNode steps, ConsumerRecord<String, String> current) {
        for (JsonNode step : steps) {
            String word = Scenario.word(step);
            JsonNode parameters = Scenario.parameters(step);
            switch (word) {
                case "poll" -> {
                    if (!poll(parameters)) {
                        return;
                    }
                }
                case "each" -> each(parameters);
                case "process" -> work.process(current);
                case "commit-sync", "commit-async" -> commits.step(word, step, current);
                case "hand-off" -> {
                    point("before", word, names(polled));
                    work.handOff(polled);
                    point("after", word, names(polled));
                }
                case "sleep" -> {
                    point("before", word, List.of());
                    pass(Scenario.millis(parameters));
                    point("after", word, List.of());
                }
                case "store", "store-with-offset" -> store(word, List.of(current));
                case "store-all" -> store(word, polled);
                case "seek-to-stored" -> seekToStored(word);
                case "close" -> throw new Leave(null);
                default -> throw new Scenario.Unsupported("the step `" + word + "`");
            }
        }
    }

    /** Whether there is anything to do. */
    private boolean poll(JsonNode parameters) {
        point("before", "poll", List.of());
        if (wokenUp) {
            throw new Leave(null);
        }
        for (String to = seeks.poll(); to != null; to = seeks.poll()) {
            seekTo(to);
        }
        polled = List.of();
        boolean threw = false;
        try {
            ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(Scenario.millis(parameters.path("timeout"))));
            polled = new ArrayList<>(records.count());
            records.forEach(polled::add);
        } catch (WakeupException wakeup) {
            throw new Leave(null);
        } catch (RuntimeException error) {
            pollFailed(error);
            threw = true;
        }
        if (!polled.isEmpty()) {
            for (ConsumerRecord<String, String> record : polled) {
                progress.handedOver(partition(record), record.offset(), sender(record));
            }
            parent.journal.write(polledLine());
        }
        point("after", "poll", names(polled));
        tellIdle(!threw && polled.isEmpty() && work.isIdle());
        return !polled.isEmpty();
    }

    /** The parent ends a run in which nobody has anything left to do. */
    private void tellIdle(boolean now) {
        if (now && idleSince != parent.journal.written()) {
            parent.journal.write(Journal.line("idle"));
            idleSince = parent.journal.written();
        }
    }

    private void pollFailed(RuntimeException error) {
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            if (cause instanceof Leave leave) {
                throw leave; // Out of a listener.
            }
        }
        String name = error.getClass().getSimpleName();
        parent.journal.write(Journal.line("poll-failed").put("error", name));
        if (spec.path("on-poll-failure").asText().equals("stop")) {
            throw new Leave(name);
        }
        pass(AFTER_FAILED_POLL_MS);
    }

    /** The records of a poll as spans, in the order in which they came. */
    private ObjectNode polledLine() {
        ObjectNode line = Journal.line("polled");
        spans(line, polled);
        return line;
    }

    private static void spans(ObjectNode line, List<ConsumerRecord<String, String>> records) {
        ArrayNode spans = line.putArray("records");
        for (int from = 0; from < records.size();) {
            ConsumerRecord<String, String> first = records.get(from);
            int to = from + 1;
            while (to < records.size()
                    && partition(records.get(to)).equals(partition(first))
                    && records.get(to).offset() == first.offset() + to - from) {
                to++;
            }
            spans.addArray().add(partition(first).toString()).add(first.offset()).add(to - from);
            from = to;
        }
    }

    /** Rows into the sink, with the offset behind each if the step says so. */
    private void store(String word, List<ConsumerRecord<String, String>> records) {
        point("before", word, names(records));
        ObjectNode request = asked("ask-store").put("with-offset", word.equals("store-with-offset"));
        spans(request, records);
        parent.ask(request);
        point("after", word, names(records));
    }

    /** To the offsets that the sink has of what was just assigned. */
    private void seekToStored(String word) {
        point("before", word, List.of());
        ObjectNode request = asked("ask-stored");
        ArrayNode partitions = request.putArray("partitions");
        assigned.forEach(partition -> partitions.add(partition.toString()));
        parent.ask(request).path("offsets").fields().forEachRemaining(entry -> {
            TopicPartition partition = Topics.partition(entry.getKey());
            consumer.seek(partition, entry.getValue().asLong());
            progress.sought(partition, entry.getValue().asLong());
        });
        point("after", word, List.of());
    }

    private ObjectNode asked(String what) {
        return Journal.line(what).put("sink", spec.path("sink").asText()).put("group", group);
    }

    private void each(JsonNode steps) {
        for (int index = 0; index < polled.size(); index++) {
            try {
                steps(steps, polled.get(index));
            } catch (Work.SeekBack back) {
                seekBack(polled.subList(index, polled.size()));
                throw new PollAgain();
            }
        }
    }

    /** Back to the first unfinished record of every partition of the poll, or they were passed over. */
    private void seekBack(List<ConsumerRecord<String, String>> unfinished) {
        Map<TopicPartition, Long> first = new TreeMap<>(Progress.BY_NAME);
        unfinished.forEach(record -> first.putIfAbsent(partition(record), record.offset()));
        first.forEach((partition, offset) -> {
            consumer.seek(partition, offset);
            progress.sought(partition, offset);
        });
    }

    private void seekTo(String to) {
        if (to.equals("earliest")) {
            consumer.seekToBeginning(consumer.assignment());
        } else if (to.equals("latest")) {
            consumer.seekToEnd(consumer.assignment());
        } else {
            int at = to.lastIndexOf('@');
            TopicPartition partition = Topics.partition(to.substring(0, at));
            if (consumer.assignment().contains(partition)) {
                long offset = Long.parseLong(to.substring(at + 1));
                consumer.seek(partition, offset);
                progress.sought(partition, offset);
            }
        }
    }

    // The listener. Kafka calls it inside poll and close, on this thread.

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        ObjectNode line = callback("assigned", partitions);
        parent.journal.write(line.put("generation", consumer.groupMetadata().generationId()));
        assigned = partitions;
        steps(spec.path("on-assigned"), null);
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        parent.journal.write(callback("revoked", partitions));
        takenAway("on-revoked", partitions);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        parent.journal.write(callback("lost", partitions));
        takenAway("on-lost", partitions);
    }

    private void takenAway(String steps, Collection<TopicPartition> partitions) {
        steps(spec.path(steps), null);
        work.drop(partitions);
        partitions.forEach(progress::forget);
    }

    private static ObjectNode callback(String event, Collection<TopicPartition> partitions) {
        ObjectNode line = Journal.line(event);
        ArrayNode names = line.putArray("partitions");
        partitions.stream().sorted(Progress.BY_NAME).forEach(partition -> names.add(partition.toString()));
        return line;
    }

    // Faults.

    void point(String phase, String step, Collection<String> concerns) {
        pass(0);
        points.at(phase, step, concerns, this);
    }

    @Override
    public void stall(long millis) {
        stalledUntil = System.currentTimeMillis() + millis;
        pass(0);
    }

    @Override
    public void seek(String to) {
        seeks.add(to);
    }

    @Override
    public void close() {
        throw new Leave(null);
    }

    /** The next poll ends the loop. */
    void wokenUp() {
        wokenUp = true;
    }

    /** What the parent orders at an instant; called on another thread. */
    void order(JsonNode order) {
        switch (order.path("order").asText()) {
            case "stall" -> stalledUntil = System.currentTimeMillis() + order.path("millis").asLong();
            case "seek" -> seeks.add(order.path("to").asText());
            case "close" -> consumer.wakeup();
            default -> throw new IllegalStateException("an order without a meaning: " + order);
        }
    }

    /** Time passes, and then what is left of a stall. */
    void pass(long millis) {
        long until = System.currentTimeMillis() + millis;
        try {
            for (long now = System.currentTimeMillis(); now < Math.max(until, stalledUntil); now = System.currentTimeMillis()) {
                Thread.sleep(Math.max(until, stalledUntil) - now);
            }
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException("nobody interrupts a member", interrupted);
        }
    }

    /** `owner of orders-0 in workers`. */
    private boolean ownsBy(String role, String group) {
        String prefix = "owner of ";
        String suffix = " in " + group;
        if (consumer == null || !role.startsWith(prefix) || !role.endsWith(suffix)) {
            return false;
        }
        String partition = role.substring(prefix.length(), role.length() - suffix.length());
        return consumer.assignment().contains(Topics.partition(partition));
    }

    // Names of records.

    static TopicPartition partition(ConsumerRecord<String, String> record) {
        return new TopicPartition(record.topic(), record.partition());
    }

    /** `shop#7`: the name that its producer gave it. */
    static String sender(ConsumerRecord<String, String> record) {
        return Workload.name(record.headers());
    }

    /** `orders-0@4` and `shop#7`. */
    static List<String> names(ConsumerRecord<String, String> record) {
        return List.of(partition(record) + "@" + record.offset(), sender(record));
    }

    private static List<String> names(List<ConsumerRecord<String, String>> records) {
        List<String> names = new ArrayList<>();
        records.forEach(record -> names.addAll(names(record)));
        return names;
    }
}
