package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.Map;

/**
 * The scenario's sinks as far as members ask them: a row is in when the answer is, and the offset beside it
 * is kept for whoever reads the partition next. It never fails.
 */
final class Database {
    /** The offsets to go on from, by sink and group, then by partition. */
    private final Map<String, Map<String, Long>> offsets = new HashMap<>();

    /** Takes the rows of a request, and the offset behind them if that is part of it. */
    ObjectNode store(JsonNode request) {
        if (request.path("with-offset").asBoolean()) {
            for (JsonNode span : request.path("records")) {
                long next = span.path(1).asLong() + span.path(2).asLong();
                of(request).put(span.path(0).asText(), next);
            }
        }
        return Journal.JSON.createObjectNode().put("answer", "stored");
    }

    /** What was stored of some partitions. */
    ObjectNode stored(JsonNode request) {
        ObjectNode answer = Journal.JSON.createObjectNode().put("answer", "offsets");
        ObjectNode found = answer.putObject("offsets");
        for (JsonNode partition : request.path("partitions")) {
            Long offset = of(request).get(partition.asText());
            if (offset != null) {
                found.put(partition.asText(), offset);
            }
        }
        return answer;
    }

    private Map<String, Long> of(JsonNode request) {
        String table = request.path("sink").asText() + "/" + request.path("group").asText();
        return offsets.computeIfAbsent(table, name -> new HashMap<>());
    }
}
