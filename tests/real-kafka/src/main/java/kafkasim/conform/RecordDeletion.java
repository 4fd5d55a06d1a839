package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicPartition;

/** The fault `delete-records`: what `kafka-delete-records` does. */
final class RecordDeletion {
    /** The protocol's word for the high watermark. */
    private static final long HIGH_WATERMARK = -1;

    private RecordDeletion() {}

    static void carryOut(String bootstrap, JsonNode fault, Journal journal) throws Exception {
        TopicPartition partition = Topics.partition(fault.path("delete-records").asText());
        long upTo = fault.path("up-to").asLong(HIGH_WATERMARK);
        ObjectNode line = Journal.line("records-deleted").put("partition", partition.toString());
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(upTo))).all().get(Topics.ANSWER_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException refused) {
            line.put("error", refused.getCause().getClass().getSimpleName());
        }
        journal.write(line);
    }
}
