package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringSerializer;

/** The work on a record: its time, its failures, what the application does about them; its threads. */
final class Work {
    private final Application application;
    private final Parent parent;
    private final JsonNode spec;
    private final Progress progress;
    private final String bootstrap;
    private KafkaProducer<String, String> producer;
    private LinkedBlockingQueue<Runnable> queue;
    private ThreadPoolExecutor workers;
    private long handedOff;
    /** Why a worker wants the loop to end. */
    private volatile String stopped;

    Work(Application application, Parent parent, JsonNode spec, Progress progress, Properties settings) {
        this.application = application;
        this.parent = parent;
        this.spec = spec;
        this.progress = progress;
        this.bootstrap = settings.getProperty("bootstrap.servers");
    }

    /** The application seeks back to the record at hand. */
    static final class SeekBack extends RuntimeException {
        SeekBack() {
            super(null, null, false, false);
        }
    }

    /** The step `process`, on the application's thread or a worker's. */
    void process(ConsumerRecord<String, String> record) {
        List<String> names = Application.names(record);
        application.point("before", "process", names);
        JsonNode process = spec.path("process");
        if (tries(record, process)) {
            parent.journal.write(Journal.line("processed").put("record", names.get(0)));
        } else {
            giveUp(record, names.get(0), process);
        }
        progress.done(Application.partition(record), record.offset());
        application.point("after", "process", names);
    }

    /** Whether one of the tries went well. */
    private boolean tries(ConsumerRecord<String, String> record, JsonNode process) {
        int retries = process.path("retries").asInt();
        for (int attempt = 0; attempt <= retries; attempt++) {
            if (attempt > 0) {
                application.pass(Scenario.millis(process.path("backoff")));
            }
            JsonNode slow = named(process.path("slow"), record);
            application.pass(Scenario.millis(slow == null ? process.path("time") : slow));
            if (!fails(record, process)) {
                return true;
            }
            String name = Application.names(record).get(0);
            parent.journal.write(Journal.line("processing-failed").put("record", name));
        }
        return false;
    }

    /** Failures are counted over all members and lives, so the parent counts them. */
    private boolean fails(ConsumerRecord<String, String> record, JsonNode process) {
        JsonNode times = named(process.path("fails"), record);
        if (times == null || times.asText().equals("always")) {
            return times != null;
        }
        String name = Application.names(record).get(0);
        JsonNode answer = parent.ask(Journal.line("ask-failure").put("record", name).put("times", times.asInt()));
        return answer.path("answer").asBoolean();
    }

    private static JsonNode named(JsonNode map, ConsumerRecord<String, String> record) {
        for (String name : Application.names(record)) {
            if (map.has(name)) {
                return map.get(name);
            }
        }
        return null;
    }

    private void giveUp(ConsumerRecord<String, String> record, String name, JsonNode process) {
        switch (process.path("on-failure").asText()) {
            case "skip" -> parent.journal.write(Journal.line("skipped").put("record", name));
            case "seek-back" -> throw new SeekBack();
            case "send" -> {
                sendOn(record, process.path("send-to").asText());
                parent.journal.write(Journal.line("handed-on").put("record", name));
            }
            default -> throw new Application.Leave("processing failed");
        }
    }

    private void sendOn(ConsumerRecord<String, String> record, String to) {
        if (producer == null) {
            Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "linger.ms", 0,
                    "key.serializer", StringSerializer.class, "value.serializer", StringSerializer.class);
            producer = new KafkaProducer<>(settings);
        }
        try {
            producer.send(new ProducerRecord<>(to, null, record.key(), record.value(), record.headers())).get();
        } catch (InterruptedException | ExecutionException error) {
            throw new IllegalStateException("a record could not be sent on", error);
        }
    }

    /** The step `hand-off`: blocks while the queue is full. */
    void handOff(List<ConsumerRecord<String, String>> records) {
        start();
        for (ConsumerRecord<String, String> record : records) {
            try {
                handedOff++;
                queue.put(new Task(record));
            } catch (InterruptedException interrupted) {
                throw new IllegalStateException("nobody interrupts a member", interrupted);
            }
        }
        if (stopped != null) {
            throw new Application.Leave(stopped);
        }
    }

    /** One record for a worker. */
    private final class Task implements Runnable {
        final ConsumerRecord<String, String> record;

        Task(ConsumerRecord<String, String> record) {
            this.record = record;
        }

        @Override
        public void run() {
            try {
                for (JsonNode step : handOffParameters().path("steps")) {
                    if (Scenario.word(step).equals("sleep")) {
                        application.pass(Scenario.millis(Scenario.parameters(step)));
                    } else {
                        process(record);
                    }
                }
            } catch (Application.Leave leave) {
                stopped = leave.reason;
            }
        }
    }

    private JsonNode handOffParameters() {
        for (JsonNode step : spec.path("loop")) {
            if (Scenario.word(step).equals("hand-off")) {
                return Scenario.parameters(step);
            }
        }
        throw new IllegalStateException("workers belong to a `hand-off`");
    }

    private void start() {
        if (workers == null) {
            int threads = spec.path("workers").asInt();
            int room = handOffParameters().path("queue").asInt(Integer.MAX_VALUE);
            queue = new LinkedBlockingQueue<>(room);
            workers = new ThreadPoolExecutor(threads, threads, 0, TimeUnit.SECONDS, queue);
            workers.prestartAllCoreThreads();
        }
    }

    /** Queued records of partitions taken away, if the scenario wants them dropped. */
    void drop(Collection<TopicPartition> taken) {
        if (workers != null && handOffParameters().path("revoked").asText().equals("drop")) {
            queue.removeIf(task -> taken.contains(Application.partition(((Task) task).record)));
        }
    }

    /** Whether no worker has anything to do. */
    boolean isIdle() {
        return workers == null || (queue.isEmpty() && workers.getCompletedTaskCount() == handedOff);
    }

    /** Lets the workers empty the queue, as an orderly shutdown does. */
    void finish() {
        if (workers != null) {
            workers.shutdown();
            try {
                workers.awaitTermination(1, TimeUnit.MINUTES);
            } catch (InterruptedException interrupted) {
                throw new IllegalStateException("nobody interrupts a member", interrupted);
            }
        }
        if (producer != null) {
            producer.close();
        }
    }
}
