package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;

/** The steps `commit-sync` and `commit-async`, and what is heard of every offset commit. */
final class Commits {
    private final Application application;
    private final Journal journal;
    private final JsonNode spec;
    private final Progress progress;
    private KafkaConsumer<String, String> consumer;
    /** How often each step was reached; steps are told apart by their place in the scenario. */
    private final Map<JsonNode, Integer> reached = new IdentityHashMap<>();
    /** Offsets of the last commit that was confirmed, for `commitSync()`, which names none. */
    private volatile Map<TopicPartition, OffsetAndMetadata> confirmed = Map.of();
    private volatile boolean inCommitSync;
    private volatile int asyncInFlight;

    Commits(Application application, Journal journal, JsonNode spec, Progress progress) {
        this.application = application;
        this.journal = journal;
        this.spec = spec;
        this.progress = progress;
    }

    /** Auto-commits are seen by the client's interceptor alone: no step asks for them. */
    void watch(KafkaConsumer<String, String> consumer) {
        this.consumer = consumer;
        CommitWatch.heard = offsets -> {
            confirmed = offsets;
            if (!inCommitSync && asyncInFlight == 0) {
                outcome("auto", offsets, null);
            }
        };
    }

    /** Commits, each so many times that the step is reached. */
    void step(String word, JsonNode step, ConsumerRecord<String, String> current) {
        JsonNode parameters = Scenario.parameters(step);
        int times = reached.merge(step, 1, Integer::sum);
        if (times % parameters.path("every").asInt() != 0) {
            return;
        }
        String which = parameters.path("offsets").asText();
        long shift = parameters.path("shift").asLong();
        Map<TopicPartition, Long> offsets = new TreeMap<>(Progress.BY_NAME);
        switch (which) {
            case "polled" -> offsets.putAll(progress.handedOver());
            case "processed" -> offsets.putAll(progress.processedInOrder());
            default -> offsets.put(Application.partition(current), current.offset() + 1);
        }
        offsets.replaceAll((partition, offset) -> offset + shift);
        List<String> concerns = progress.movedPast(offsets);
        application.point("before", word, concerns);
        progress.asked(offsets);
        // Positions, unshifted, are what the calls without arguments commit.
        boolean positions = which.equals("polled") && shift == 0;
        Map<TopicPartition, OffsetAndMetadata> named = positions ? null : named(offsets);
        if (word.equals("commit-sync")) {
            sync(named);
        } else {
            async(named);
        }
        application.point("after", word, concerns);
    }

    private static Map<TopicPartition, OffsetAndMetadata> named(Map<TopicPartition, Long> offsets) {
        Map<TopicPartition, OffsetAndMetadata> named = new HashMap<>();
        offsets.forEach((partition, offset) -> named.put(partition, new OffsetAndMetadata(offset)));
        return named;
    }

    private boolean asks(String how, Map<TopicPartition, OffsetAndMetadata> named) {
        boolean anything = named == null ? !consumer.assignment().isEmpty() : !named.isEmpty();
        if (anything) {
            journal.write(Journal.line("commit-asked").put("how", how));
        }
        return anything;
    }

    private void sync(Map<TopicPartition, OffsetAndMetadata> named) {
        boolean anything = asks("sync", named);
        inCommitSync = true;
        try {
            if (named == null) {
                consumer.commitSync();
            } else {
                consumer.commitSync(named);
            }
            if (anything) {
                outcome("sync", named == null ? confirmed : named, null);
            }
        } catch (RuntimeException error) {
            outcome("sync", null, error);
            if (error instanceof WakeupException) {
                application.wokenUp();
            }
            if (spec.path("on-commit-failure").asText().equals("stop")) {
                throw new Application.Leave(error.getClass().getSimpleName());
            }
        } finally {
            inCommitSync = false;
        }
    }

    private void async(Map<TopicPartition, OffsetAndMetadata> named) {
        asks("async", named);
        asyncInFlight++;
        if (named == null) {
            consumer.commitAsync(this::asyncEnded);
        } else {
            consumer.commitAsync(named, this::asyncEnded);
        }
    }

    /** Called inside a later poll or commit. */
    private void asyncEnded(Map<TopicPartition, OffsetAndMetadata> offsets, Exception error) {
        asyncInFlight--;
        outcome("async", offsets, error);
    }

    private void outcome(String how, Map<TopicPartition, OffsetAndMetadata> offsets, Exception error) {
        if (error == null && offsets.isEmpty()) {
            return;
        }
        ObjectNode line = Journal.line(error == null ? "commit-confirmed" : "commit-failed").put("how", how);
        if (error == null) {
            ObjectNode map = line.putObject("offsets");
            Map<TopicPartition, OffsetAndMetadata> sorted = new TreeMap<>(Progress.BY_NAME);
            sorted.putAll(offsets);
            sorted.forEach((partition, offset) -> map.put(partition.toString(), offset.offset()));
        } else {
            line.put("error", error.getClass().getSimpleName());
        }
        journal.write(line);
    }
}
