package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.requests.RequestHeader;

/** Which messages are lost: the faults `lose-request` and `lose-response`, asked by the proxy. */
final class Losses {
    static final String REQUEST = "lose-request";
    static final String RESPONSE = "lose-response";

    private final Scenario scenario;
    private final Faults faults;

    Losses(Scenario scenario, Faults faults) {
        this.scenario = scenario;
        this.faults = faults;
    }

    /** Whether anything is to be lost, so that clients have to pass the proxy. */
    static boolean any(Scenario scenario) {
        for (JsonNode fault : scenario.faults()) {
            if (fault.has(REQUEST) || fault.has(RESPONSE)) {
                return true;
            }
        }
        return false;
    }

    /** The faults whose condition a request meets; those of responses strike when it is answered. */
    List<Integer> concerned(ByteBuffer request) {
        RequestHeader header = RequestHeader.parse(request);
        List<Integer> concerned = new ArrayList<>();
        for (int index = 0; index < faults.size(); index++) {
            JsonNode fault = faults.get(index);
            JsonNode who = fault.has(REQUEST) ? fault.get(REQUEST) : fault.path(RESPONSE);
            boolean api = !fault.has("request") || fault.get("request").asText().equals(header.apiKey().name);
            if (names(who, header.clientId()) && api && carries(fault.path("record"), header, request)) {
                concerned.add(index);
            }
        }
        return concerned;
    }

    /** Whether a message that meets a fault's condition is lost now, and how; null if it is not. */
    String lost(int index, String verb) {
        JsonNode fault = faults.get(index);
        if (!fault.has(verb) || !faults.strikesNow(index)) {
            return null;
        }
        faults.struck(index);
        return fault.path("as").asText("reset");
    }

    /** A client is named by its own name, or by its group or producer. */
    private boolean names(JsonNode who, String client) {
        List<String> names = new ArrayList<>();
        if (who.isTextual()) {
            names.add(who.asText());
        }
        who.forEach(one -> names.add(one.asText()));
        return names.stream().anyMatch(name -> name.equals(client)
                || scenario.group(name).isObject() && client.startsWith(name + "-")
                || scenario.producers().path(name).has("instances") && client.startsWith(name + "-"));
    }

    private static boolean carries(JsonNode wanted, RequestHeader header, ByteBuffer request) {
        if (wanted.isMissingNode()) {
            return true;
        }
        if (header.apiKey() != ApiKeys.PRODUCE) {
            throw new Scenario.Unsupported("a lost " + header.apiKey().name + " that carries a record");
        }
        ByteBufferAccessor body = new ByteBufferAccessor(request.duplicate());
        for (ProduceRequestData.TopicProduceData topic : ProduceRequest.parse(body, header.apiVersion()).data().topicData()) {
            for (ProduceRequestData.PartitionProduceData partition : topic.partitionData()) {
                for (Record record : ((MemoryRecords) partition.records()).records()) {
                    if (Workload.name(new RecordHeaders(record.headers())).equals(wanted.asText())) {
                        return true;
                    }
                }
            }
        }
        return false;
    }
}
