package kafkasim.conform;

import java.util.Map;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** Hears of every offset commit that the coordinator confirmed, those of auto-commit included. */
public final class CommitWatch implements ConsumerInterceptor<String, String> {
    /** The client makes the object; a process has one member. */
    static volatile Consumer<Map<TopicPartition, OffsetAndMetadata>> heard = offsets -> { };

    @Override
    public ConsumerRecords<String, String> onConsume(ConsumerRecords<String, String> records) {
        return records;
    }

    @Override
    public void onCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {
        heard.accept(offsets);
    }

    @Override
    public void configure(Map<String, ?> config) { }

    @Override
    public void close() { }
}
