package kafkasim.conform;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * Plays a scenario: starts producers and members at their instants, lets faults strike, hears what
 * the members say, and ends the run when nobody has anything left to do. One thread does all of it.
 */
final class Conductor implements AutoCloseable {
    /** So long nothing new may happen at the end. */
    private static final long QUIET_MS = 1_500;
    private static final long READY_MS = 60_000;
    /** So long the run may go on after the last thing that was planned. */
    private static final long DRAIN_MS = 120_000;

    /** So long a process may take to say that it is there. */
    private static final long ANSWER_MS = 20_000;

    /** Something planned for an instant. */
    private record Planned(long at, long number, Action action) { }

    private interface Action {
        void run() throws Exception;
    }

    private final Scenario scenario;
    private final Cluster cluster;
    private final Journal journal;
    private final Function<MemberKey, ProcessBuilder> launcher;
    private final Path log;
    private final Faults faults;
    private final BlockingQueue<MemberProcess.Said> heard = new LinkedBlockingQueue<>();
    private final Database database = new Database();
    private final PriorityQueue<Planned> plan = new PriorityQueue<>(
            Comparator.comparingLong(Planned::at).thenComparingLong(Planned::number));
    /** The current life of every member that was ever started, by name. */
    private final Map<String, MemberProcess> members = Collections.synchronizedMap(new LinkedHashMap<>());
    private final List<Workload> producers = new CopyOnWriteArrayList<>();
    /** When a member that is about to end is to be started again. */
    private final Map<String, Long> restarts = new LinkedHashMap<>();
    private long planned;
    private long timeZero;
    private long lastNews;
    private volatile boolean closed;

    /** Which member is to be started. */
    record MemberKey(String group, String name, JsonNode spec) { }

    Conductor(Scenario scenario, Cluster cluster, Faults faults, Journal journal, Path log, Function<MemberKey, ProcessBuilder> launcher) {
        this.scenario = scenario;
        this.cluster = cluster;
        this.faults = faults;
        this.journal = journal;
        this.log = log;
        this.launcher = launcher;
    }

    /** Plays it to its end; says how it ended. */
    String play() throws Exception {
        for (String group : scenario.groups()) {
            for (String name : Scenario.actors(group, scenario.group(group).path("members"))) {
                launch(group, name);
            }
        }
        makeProducers();
        awaitReady();
        timeZero = System.currentTimeMillis() + 100;
        lastNews = timeZero;
        producers.forEach(producer -> producer.start(timeZero));
        members.values().forEach(member -> {
            JsonNode spec = Scenario.actor(scenario.group(member.group), member.name);
            plan(timeZero + Scenario.millis(spec.path("start-at")), () -> begin(member));
            if (spec.has("stop-at")) {
                plan(timeZero + Scenario.millis(spec.path("stop-at")), () -> members.get(member.name).order("close"));
            }
        });
        planFaults();
        return conduct();
    }

    private String conduct() throws Exception {
        long calmSince = 0;
        long drain = Math.min(DRAIN_MS, Scenario.millis(scenario.root.path("limits").path("drain")));
        while (true) {
            long now = System.currentTimeMillis();
            while (!plan.isEmpty() && plan.peek().at() <= now) {
                lastNews = now;
                plan.poll().action().run();
            }
            MemberProcess.Said said = heard.poll(20, TimeUnit.MILLISECONDS);
            if (said != null) {
                hear(said);
                continue;
            }
            boolean calm = plan.isEmpty() && restarts.isEmpty() && producers.stream().allMatch(Workload::isDone)
                    && timeZero + atLeast() <= now;
            calmSince = calm ? (calmSince == 0 ? now : calmSince) : 0;
            if (calm && now - lastNews >= QUIET_MS && scenario.groups().stream().allMatch(this::isDrained)) {
                return "drained";
            }
            if (calm && now - calmSince >= drain) {
                allAreThere();
                return "bound";
            }
        }
    }

    /** Something is left to do: whether because somebody hangs, is no part of any story. */
    private void allAreThere() throws Exception {
        List<MemberProcess> asked = members.values().stream().filter(member -> member.wentOn && !member.paused).toList();
        for (MemberProcess member : asked) {
            member.answered = false;
            member.order(Parent.ARE_YOU_THERE);
        }
        long end = System.currentTimeMillis() + ANSWER_MS;
        for (MemberProcess member : asked) {
            while (member.wentOn && !member.answered) {
                if (end < System.currentTimeMillis()) {
                    throw new IllegalStateException(member.name + " hangs: its process does not answer\n" + Cluster.lastLines(log));
                }
                MemberProcess.Said said = heard.poll(100, TimeUnit.MILLISECONDS);
                if (said != null) {
                    hear(said);
                }
            }
        }
    }

    private long atLeast() {
        JsonNode atLeast = scenario.root.path("limits").path("at-least");
        return atLeast.isTextual() ? Scenario.millis(atLeast) : 0;
    }

    /** Whether a group has nothing left to do: everything owned, handed out, and auto-committed. */
    private boolean isDrained(String group) {
        List<MemberProcess> alive = members.values().stream()
                .filter(member -> member.group.equals(group) && member.wentOn).toList();
        if (alive.isEmpty()) {
            return true;
        }
        int partitions = 0;
        for (JsonNode topic : scenario.group(group).path("topics")) {
            JsonNode spec = scenario.topics().path(topic.asText());
            partitions += spec.has("partitions") ? spec.path("partitions").asInt() : spec.path("replica-assignment").size();
        }
        boolean auto = scenario.group(group).path("config").path("enable.auto.commit").asBoolean();
        int owned = alive.stream().mapToInt(member -> member.owned.size()).sum();
        boolean atRest = alive.stream().allMatch(member ->
                member.joined && member.idle && !member.paused && (!auto || member.hasCommitted()));
        return atRest && owned == partitions;
    }

    // Members.

    private MemberProcess launch(String group, String name) throws Exception {
        if (closed) {
            throw new IllegalStateException("the run is over");
        }
        MemberProcess before = members.get(name);
        int life = before == null ? 1 : before.life + 1;
        JsonNode spec = Scenario.actor(scenario.group(group), name);
        ProcessBuilder builder = launcher.apply(new MemberKey(group, name, spec));
        MemberProcess member = new MemberProcess(name, group, life, builder, log, heard);
        members.put(name, member);
        return member;
    }

    private void awaitReady() throws Exception {
        long end = System.currentTimeMillis() + READY_MS;
        while (!members.values().stream().allMatch(member -> member.ready)) {
            MemberProcess.Said said = heard.poll(1, TimeUnit.SECONDS);
            if (said != null && said.line() == null) {
                throw new IllegalStateException(said.who().name + " ended before it was ready\n" + Cluster.lastLines(log));
            }
            if (said != null) {
                said.who().note(said.line());
            }
            if (end < System.currentTimeMillis()) {
                throw new IllegalStateException("the members were not ready in time\n" + Cluster.lastLines(log));
            }
        }
    }

    private void begin(MemberProcess member) {
        member.wentOn = true;
        write(member, Journal.line("began"));
        if (member.ready) {
            member.order("go");
        }
    }

    private void write(MemberProcess member, ObjectNode line) {
        journal.write(line.put("member", member.name).put("life", member.life)
                .put("millis", System.currentTimeMillis() - timeZero));
    }

    private void hear(MemberProcess.Said said) throws Exception {
        MemberProcess member = said.who();
        if (said.line() == null) {
            ended(member);
            return;
        }
        ObjectNode line = (ObjectNode) said.line();
        member.note(line);
        switch (line.path("event").asText()) {
            case "ready" -> {
                if (member.wentOn) {
                    member.order("go");
                }
            }
            case "idle", Parent.HERE -> { }
            case "ask-fault" -> answer(member, line.path("fault").asInt());
            case "ask-failure" -> member.tell(Journal.JSON.createObjectNode()
                    .put("answer", faults.failsNow(line.path("record").asText(), line.path("times").asInt())));
            case "ask-store" -> {
                ObjectNode answer = database.store(line);
                write(member, Journal.line("rows-stored").set("records", line.path("records")));
                lastNews = System.currentTimeMillis();
                member.tell(answer);
            }
            case "ask-stored" -> member.tell(database.stored(line));
            default -> {
                if (isNews(line)) {
                    lastNews = System.currentTimeMillis();
                }
                write(member, line);
            }
        }
    }

    /** An auto-commit goes on for ever, and so does a poll that throws. */
    private static boolean isNews(JsonNode line) {
        return !line.path("how").asText().equals("auto") && !line.path("event").asText().equals("poll-failed");
    }

    private void ended(MemberProcess member) throws Exception {
        int code = member.exitCode();
        lastNews = System.currentTimeMillis();
        if (code != 0) {
            if (code != Member.CRASHED && code <= 128) {
                throw new IllegalStateException(
                        member.name + " ended by itself with code " + code + "\n" + Cluster.lastLines(log));
            }
            write(member, Journal.line("crashed").put("code", code));
        }
        member.wentOn = false;
        Long restart = restarts.remove(member.name);
        if (restart != null) {
            MemberProcess next = launch(member.group, member.name);
            plan(restart, () -> begin(next));
        }
    }

    // Producers.

    private void makeProducers() throws Exception {
        Workload.warmUp(cluster.bootstrap());
        scenario.producers().fields().forEachRemaining(entry -> {
            for (String actor : Workload.actors(entry.getKey(), entry.getValue())) {
                JsonNode spec = Scenario.actor(entry.getValue(), actor);
                producers.add(new Workload(actor, spec, scenario, cluster.bootstrapOfClients(), journal));
            }
        });
    }

    // Faults.

    private void plan(long at, Action action) {
        plan.add(new Planned(at, planned++, action));
    }

    private void planFaults() {
        for (int index = 0; index < faults.size(); index++) {
            String at = faults.get(index).path("at").asText(null);
            if (at != null && Character.isDigit(at.charAt(0))) {
                planStrikes(index, timeZero + Scenario.millis(faults.get(index).get("at")));
            }
        }
    }

    private void planStrikes(int index, long first) {
        JsonNode fault = faults.get(index);
        long every = fault.has("every") ? Scenario.millis(fault.get("every")) : 0;
        for (int time = 0; time < fault.path("times").asInt(1); time++) {
            plan(first + time * every, () -> strikeAtInstant(index));
        }
    }

    /** A member stands at a point that a fault waits for. */
    private void answer(MemberProcess member, int index) throws Exception {
        ObjectNode answer = Journal.JSON.createObjectNode();
        if (!faults.strikesNow(index)) {
            member.tell(answer.put("answer", "go-on"));
            return;
        }
        hasStruck(index);
        JsonNode fault = faults.get(index);
        String verb = Points.verb(fault);
        switch (verb) {
            case "crash", "close" -> {
                planRestart(member, fault);
                answer.put("answer", verb);
            }
            case "stall" -> answer.put("answer", "stall").put("millis", Scenario.millis(fault.path("for")));
            case "seek" -> answer.put("answer", "seek").put("to", fault.path("to").asText());
            case "pause" -> {
                pause(member, fault);
                answer.put("answer", "go-on");
            }
            default -> throw new Scenario.Unsupported("`" + verb + "` at a step");
        }
        member.tell(answer);
    }

    private void strikeAtInstant(int index) throws Exception {
        JsonNode fault = faults.get(index);
        String verb = Points.verb(fault);
        hasStruck(index);
        if (verb.equals("set-offsets")) {
            OffsetReset.set(cluster.bootstrap(), scenario, fault, journal);
            return;
        }
        if (verb.equals("delete-records")) {
            RecordDeletion.carryOut(cluster.bootstrap(), fault, journal);
            return;
        }
        for (MemberProcess member : targets(fault.get(verb))) {
            switch (verb) {
                case "crash" -> {
                    planRestart(member, fault);
                    member.kill();
                }
                case "close" -> {
                    planRestart(member, fault);
                    member.order("close");
                }
                case "pause" -> pause(member, fault);
                case "stall" -> member.tell(order("stall").put("millis", Scenario.millis(fault.path("for"))));
                case "seek" -> member.tell(order("seek").put("to", fault.path("to").asText()));
                case "start" -> begin(launch(member.group, member.name));
                default -> throw new Scenario.Unsupported("`" + verb + "` at an instant");
            }
        }
    }

    private static ObjectNode order(String order) {
        return Journal.JSON.createObjectNode().put("order", order);
    }

    /** The members that a fault names: by name, by group, or by what they own now. */
    private List<MemberProcess> targets(JsonNode who) {
        List<String> names = new ArrayList<>();
        if (who.isTextual()) {
            names.add(who.asText());
        }
        who.forEach(one -> names.add(one.asText()));
        return members.values().stream().filter(member -> names.stream().anyMatch(name ->
                name.equals(member.name) || name.equals(member.group)
                        || member.owned.stream().anyMatch(own -> name.equals("owner of " + own + " in " + member.group)))).toList();
    }

    private void planRestart(MemberProcess member, JsonNode fault) {
        if (fault.has("restart-after")) {
            restarts.put(member.name, System.currentTimeMillis() + Scenario.millis(fault.get("restart-after")));
        }
    }

    private void pause(MemberProcess member, JsonNode fault) throws Exception {
        member.paused = true;
        member.signal("STOP");
        plan(System.currentTimeMillis() + Scenario.millis(fault.path("for")), () -> {
            member.paused = false;
            member.idle = false;
            member.signal("CONT");
        });
    }

    /** Faults may be told to strike some time after this one. */
    private void hasStruck(int index) {
        String name = faults.get(index).path("name").asText(null);
        if (!faults.struck(index) || name == null) {
            return;
        }
        for (int later = 0; later < faults.size(); later++) {
            String at = faults.get(later).path("at").asText("");
            if (at.equals(name)) {
                planStrikes(later, System.currentTimeMillis());
            } else if (at.startsWith(name + " + ")) {
                JsonNode wait = Journal.JSON.getNodeFactory().textNode(at.substring(name.length() + 3));
                planStrikes(later, System.currentTimeMillis() + Scenario.millis(wait));
            }
        }
    }

    /** Ends every process at once; the run is frozen, nobody closes. */
    @Override
    public void close() {
        closed = true;
        for (MemberProcess member : List.copyOf(members.values())) {
            member.kill();
        }
        for (Workload producer : List.copyOf(producers)) {
            producer.stop();
        }
    }
}
