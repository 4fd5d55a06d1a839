package kafkasim.conform;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The resolved scenario is read as `kafkasim show --json` writes it; the sample is held to that there. */
class ScenarioTest {
    private static final Path SAMPLE = Path.of("src/test/resources/resolved.json");

    @Test
    void aMemberIsItsGroupUnderItsOwnExceptions() throws IOException {
        JsonNode group = Scenario.read(SAMPLE).group("drivers");
        assertEquals(List.of("drivers-1", "drivers-2"), Scenario.actors("drivers", group.path("members")));
        JsonNode first = Scenario.actor(group, "drivers-1");
        JsonNode second = Scenario.actor(group, "drivers-2");
        assertEquals(2_000, Scenario.millis(first.path("start-at")));
        assertEquals(4_500, Scenario.millis(second.path("start-at")));
        assertEquals(first.path("loop"), second.path("loop"));
    }

    @Test
    void aStepIsAWordWithOrWithoutParameters() throws IOException {
        JsonNode loop = Scenario.read(SAMPLE).group("drivers").path("loop");
        assertEquals("poll", Scenario.word(loop.get(0)));
        assertEquals(100, Scenario.millis(Scenario.parameters(loop.get(0)).path("timeout")));
        JsonNode inner = Scenario.parameters(loop.get(1));
        assertEquals("process", Scenario.word(inner.get(0)));
        assertTrue(Scenario.parameters(inner.get(0)).isMissingNode());
        assertEquals(50, Scenario.parameters(inner.get(1)).path("every").asInt());
    }

    @Test
    void durationsHaveAUnit() {
        assertEquals(1_500, Scenario.millis(new TextNode("1.5s")));
        assertEquals(600_000, Scenario.millis(new TextNode("10min")));
        assertThrows(Scenario.Unsupported.class, () -> Scenario.millis(new TextNode("10ms..30ms")));
    }

    @Test
    void anotherVersionIsRefused(@TempDir Path folder) throws IOException {
        ObjectNode document = (ObjectNode) Journal.JSON.readTree(SAMPLE.toFile());
        Path file = folder.resolve("later.json");
        Files.writeString(file, document.put("version", Scenario.VERSION + 1).toString());
        Scenario.Unsupported refused = assertThrows(Scenario.Unsupported.class, () -> Scenario.read(file));
        assertTrue(refused.getMessage().contains("version 2"), refused.getMessage());
    }
}
