package kafkasim.conform;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.TopicPartition;

/**
 * How far a member is in each partition it owns: what it was handed, what it has done, and up to
 * where it has asked for an offset commit. Workers report from their own threads.
 */
final class Progress {
    static final Comparator<TopicPartition> BY_NAME =
            Comparator.comparing(TopicPartition::topic).thenComparingInt(TopicPartition::partition);

    private static final class Partition {
        /** One past the last record handed over. */
        long next;
        /** Up to where an offset commit was asked for. */
        long mark;
        boolean anyDone;
        /** Handed over and not done, by offset. */
        final TreeSet<Long> open = new TreeSet<>();
        /** The senders' names of what was handed over. */
        final TreeMap<Long, String> names = new TreeMap<>();
    }

    private final Map<TopicPartition, Partition> partitions = new TreeMap<>(BY_NAME);

    synchronized void handedOver(TopicPartition of, long offset, String name) {
        Partition partition = partitions.computeIfAbsent(of, unknown -> {
            Partition fresh = new Partition();
            fresh.mark = offset;
            return fresh;
        });
        partition.next = offset + 1;
        partition.open.add(offset);
        partition.names.put(offset, name);
    }

    synchronized void done(TopicPartition of, long offset) {
        Partition partition = partitions.get(of);
        if (partition != null) {
            partition.open.remove(offset);
            partition.anyDone = true;
        }
    }

    /** A seek: what lies at or behind the offset will be handed over again. */
    synchronized void sought(TopicPartition of, long offset) {
        Partition partition = partitions.get(of);
        if (partition != null) {
            partition.open.tailSet(offset).clear();
            partition.next = offset;
        }
    }

    synchronized void forget(TopicPartition of) {
        partitions.remove(of);
    }

    /** Just past the last record of each partition that was processed in order. */
    synchronized Map<TopicPartition, Long> processedInOrder() {
        Map<TopicPartition, Long> offsets = new TreeMap<>(BY_NAME);
        partitions.forEach((name, partition) -> {
            if (partition.anyDone) {
                offsets.put(name, partition.open.isEmpty() ? partition.next : partition.open.first());
            }
        });
        return offsets;
    }

    /** Past everything handed over. */
    synchronized Map<TopicPartition, Long> handedOver() {
        Map<TopicPartition, Long> offsets = new TreeMap<>(BY_NAME);
        partitions.forEach((name, partition) -> offsets.put(name, partition.next));
        return offsets;
    }

    /** The records that a commit of these offsets moves past for the first time, by both names. */
    synchronized List<String> movedPast(Map<TopicPartition, Long> offsets) {
        List<String> names = new ArrayList<>();
        offsets.forEach((of, offset) -> {
            Partition partition = partitions.get(of);
            for (long moved = partition == null ? offset : partition.mark; moved < offset; moved++) {
                names.add(of + "@" + moved);
                String sender = partition.names.get(moved);
                if (sender != null) {
                    names.add(sender);
                }
            }
        });
        return names;
    }

    synchronized void asked(Map<TopicPartition, Long> offsets) {
        offsets.forEach((of, offset) -> {
            Partition partition = partitions.get(of);
            if (partition != null) {
                partition.mark = Math.max(partition.mark, offset);
            }
        });
    }
}
