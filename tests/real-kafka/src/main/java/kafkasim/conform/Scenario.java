package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A resolved scenario, as `kafkasim show --json` prints it. Every default is written in it, so
 * nothing is made up here; what this project cannot do is refused by name.
 */
final class Scenario {
    /** The version of the document that is understood. */
    static final int VERSION = 1;

    private static final Pattern DURATION = Pattern.compile("(\\d+(?:\\.\\d+)?)(ns|us|ms|s|min|h|d)");

    final JsonNode root;
    /** Keeps the groups of runs on one cluster apart. */
    private final int run;

    private Scenario(JsonNode root, int run) {
        this.root = root;
        this.run = run;
    }

    /** The `group.id` of a group in this run. */
    String groupId(String group) {
        return group + "." + run;
    }

    static Scenario read(Path file) throws IOException {
        return read(Files.readString(file), 0);
    }

    static Scenario read(String text, int run) throws IOException {
        JsonNode document = Journal.JSON.readTree(text);
        int version = document.path("version").asInt(-1);
        if (version != VERSION) {
            throw new Unsupported("a resolved scenario of version " + version + "; this project reads version " + VERSION);
        }
        if (!document.path("scenario").isObject()) {
            throw new Unsupported("a document without `scenario`");
        }
        return new Scenario(document.get("scenario"), run);
    }

    /** What this project does not know how to do. */
    static final class Unsupported extends RuntimeException {
        Unsupported(String what) {
            super(what);
        }
    }

    JsonNode topics() {
        return root.path("topics");
    }

    JsonNode producers() {
        return root.path("producers");
    }

    JsonNode group(String name) {
        return root.path("groups").path(name);
    }

    List<String> groups() {
        List<String> names = new ArrayList<>();
        root.path("groups").fieldNames().forEachRemaining(names::add);
        return names;
    }

    JsonNode faults() {
        return root.path("faults");
    }

    int brokers() {
        return root.path("cluster").path("brokers").asInt();
    }

    /** The actors of a group or producer: `NAME-1` to `NAME-N`, or the bare name. */
    static List<String> actors(String name, JsonNode count) {
        if (count.isMissingNode()) {
            return List.of(name);
        }
        List<String> actors = new ArrayList<>();
        for (int number = 1; number <= count.asInt(); number++) {
            actors.add(name + "-" + number);
        }
        return actors;
    }

    /** What one actor does: its family's description under its own exceptions. */
    static JsonNode actor(JsonNode family, String actor) {
        JsonNode own = family.path("except").path(actor);
        ObjectNode all = ((ObjectNode) family).deepCopy();
        all.remove("except");
        return own.isObject() ? overlaid(all, own) : all;
    }

    /** An overlay changes what it names; null takes away. */
    private static JsonNode overlaid(ObjectNode base, JsonNode overlay) {
        for (Iterator<Map.Entry<String, JsonNode>> i = overlay.fields(); i.hasNext();) {
            Map.Entry<String, JsonNode> entry = i.next();
            JsonNode old = base.get(entry.getKey());
            if (entry.getValue().isNull()) {
                base.remove(entry.getKey());
            } else if (old instanceof ObjectNode map && entry.getValue().isObject()) {
                overlaid(map, entry.getValue());
            } else {
                base.set(entry.getKey(), entry.getValue());
            }
        }
        return base;
    }

    /** A map of Kafka's settings, as Kafka's clients take them. */
    static Properties settings(JsonNode config) {
        Properties properties = new Properties();
        config.fields().forEachRemaining(entry -> properties.put(entry.getKey(), entry.getValue().asText()));
        return properties;
    }

    /** A duration in whole milliseconds, at least 0. */
    static long millis(JsonNode value) {
        Matcher matcher = DURATION.matcher(value.asText());
        if (!value.isTextual() || !matcher.matches()) {
            throw new Unsupported("a duration written `" + value + "`");
        }
        double unit = switch (matcher.group(2)) {
            case "ns" -> 1e-6;
            case "us" -> 1e-3;
            case "ms" -> 1;
            case "s" -> 1_000;
            case "min" -> 60_000;
            case "h" -> 3_600_000;
            default -> 86_400_000;
        };
        return Math.round(Double.parseDouble(matcher.group(1)) * unit);
    }

    /** A step is one word, or a map of one word to its parameters. */
    static String word(JsonNode step) {
        return step.isTextual() ? step.asText() : step.fieldNames().next();
    }

    static JsonNode parameters(JsonNode step) {
        return step.isTextual() ? Journal.JSON.missingNode() : step.elements().next();
    }
}
