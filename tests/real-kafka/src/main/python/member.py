"""One life of a group member on librdkafka (confluent-kafka), told by the scenario as Member.java is.

`poll` and `each` together: librdkafka hands over one record at a time, so `each` goes on polling as
long as records are at hand. What this loop cannot do is refused by name with exit code 3.
"""

import json
import os
import queue
import re
import sys
import threading
import time

import confluent_kafka
from confluent_kafka import Consumer, KafkaException, TopicPartition

CRASHED = 77
UNSUPPORTED = 3
AFTER_FAILED_POLL = 0.1
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400}
VERBS = ("crash", "close", "pause", "stall", "seek")


def seconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(ns|us|ms|s|min|h|d)", text).groups()
    return float(number) * UNITS[unit]


def word(step):
    return step if isinstance(step, str) else next(iter(step))


def parameters(step):
    return {} if isinstance(step, str) else next(iter(step.values()))


def partition_name(partition):
    return f"{partition.topic}-{partition.partition}"


class Leave(Exception):
    """The loop ends: it was told to (no reason), or an error or a record ended it."""

    def __init__(self, reason=None):
        super().__init__(reason)
        self.reason = reason


class Parent:
    """The line to the process that started this one: the journal out, orders and answers in."""

    def __init__(self, orders):
        self.answers = queue.Queue()
        self.written = 0
        self.lock = threading.Lock()
        threading.Thread(target=self.read, args=(orders,), daemon=True).start()

    def read(self, orders):
        for line in sys.stdin:
            message = json.loads(line)
            if message.get("order") == "are-you-there":
                self.write("here")
            elif "order" in message:
                orders(message)
            else:
                self.answers.put(message)
        os._exit(1)  # Without the parent there is no run.

    def write(self, event, **more):
        with self.lock:
            self.written += 1
            sys.stdout.write(json.dumps({"event": event, **more}) + "\n")
            sys.stdout.flush()

    def ask(self, event, **more):
        self.write(event, **more)
        return self.answers.get()


class Member:
    def __init__(self, scenario, group, name, bootstrap, group_id):
        self.scenario, self.group, self.name = scenario, group, name
        self.spec = scenario["groups"][group]
        merge(self.spec, self.spec.pop("except", {}).get(name, {}))
        self.config = {key: str(value).replace("<actor>", name) if isinstance(value, str) else value
                       for key, value in self.spec["config"].items()}
        self.config.update({"bootstrap.servers": bootstrap, "group.id": group_id, "client.id": name,
                            "on_commit": self.on_commit})
        self.go = threading.Event()
        self.stalled_until = 0
        self.closing = False
        self.idle_since = 0
        self.reached = {}
        self.position = {}
        self.parent = Parent(self.order)

    def order(self, message):
        kind = message["order"]
        if kind == "go":
            self.go.set()
        elif kind == "close":
            self.closing = True
        elif kind == "stall":
            self.stalled_until = time.time() + message["millis"] / 1000
        else:
            self.refuse(f"the order `{kind}`")

    def refuse(self, what):
        print(f"not supported on librdkafka: {what}", file=sys.stderr)
        os._exit(UNSUPPORTED)

    def run(self):
        self.parent.write("ready")
        self.go.wait()
        self.parent.write("runs-on", librdkafka=confluent_kafka.libversion()[0])
        self.consumer = Consumer(self.config)
        self.consumer.subscribe(self.spec["topics"], on_assign=self.on_assign,
                                on_revoke=self.on_revoke, on_lost=self.on_lost)
        reason = None
        try:
            while True:
                self.steps(self.spec["loop"])
        except Leave as leave:
            reason = leave.reason
        self.parent.write("leaving", reason=reason)
        self.point("before", "close")
        self.steps(self.spec["on-close"])
        self.consumer.close()
        self.parent.write("closed")
        self.point("after", "close")

    def steps(self, steps, record=None):
        first = None
        for step in steps:
            kind = word(step)
            if kind == "poll":
                first = self.poll(seconds(parameters(step)["timeout"]))
                if first is None:
                    return
            elif kind == "each":
                while first is not None:
                    self.steps(parameters(step), first)
                    first = self.next_at_hand()
            elif kind == "process":
                self.process(record)
            elif kind in ("commit-sync", "commit-async"):
                self.commit(kind, step, record)
            elif kind == "sleep":
                self.point("before", kind)
                self.wait(seconds(parameters(step)))
                self.point("after", kind)
            else:
                self.refuse(f"the step `{kind}`")

    # Polling.

    def poll(self, timeout):
        self.point("before", "poll")
        message = self.polled(timeout)
        self.point("after", "poll", self.names(message) if message else [])
        if message is None and self.idle_since != self.parent.written:
            self.parent.write("idle")
            self.idle_since = self.parent.written
        return message

    def next_at_hand(self):
        return self.polled(0)

    def polled(self, timeout):
        if self.closing:
            raise Leave()
        message = self.consumer.poll(timeout)
        if message is None:
            return None
        if message.error():
            self.parent.write("poll-failed", error=message.error().name())
            if self.spec["on-poll-failure"] == "stop":
                raise Leave(message.error().name())
            self.wait(AFTER_FAILED_POLL)
            return None
        place = f"{message.topic()}-{message.partition()}"
        self.position[place] = message.offset() + 1
        self.parent.write("polled", records=[[place, message.offset(), 1]])
        return message

    @staticmethod
    def names(message):
        headers = dict(message.headers() or [])
        return [f"{message.topic()}-{message.partition()}@{message.offset()}",
                headers.get("record", b"?").decode()]

    # Work.

    def process(self, message):
        names = self.names(message)
        self.point("before", "process", names)
        work = self.spec["process"]
        if work["fails"]:
            self.refuse("`fails`")
        slow = [work["slow"][name] for name in names if name in work["slow"]]
        self.wait(seconds(slow[0] if slow else work["time"]))
        self.parent.write("processed", record=names[0])
        self.point("after", "process", names)

    # Offset commits.

    def commit(self, kind, step, message):
        given = parameters(step)
        self.reached[id(step)] = self.reached.get(id(step), 0) + 1
        if self.reached[id(step)] % given["every"]:
            return
        offsets = None
        if given["offsets"] == "this-record":
            next_offset = message.offset() + 1 + given["shift"]
            offsets = [TopicPartition(message.topic(), message.partition(), next_offset)]
        elif given["offsets"] != "polled" or given["shift"]:
            self.refuse("a commit of other offsets than `polled` and `this-record`")
        else:
            offsets = [TopicPartition(*place.rsplit("-", 1)[:1], int(place.rsplit("-", 1)[1]), offset)
                       for place, offset in self.position.items()]
        self.point("before", kind)
        how = kind.removeprefix("commit-")
        self.parent.write("commit-asked", how=how)
        if how == "async":
            self.consumer.commit(offsets=offsets, asynchronous=True)
        else:
            try:
                done = self.consumer.commit(offsets=offsets, asynchronous=False)
                self.parent.write("commit-confirmed", how=how,
                                  offsets={partition_name(one): one.offset for one in done})
            except KafkaException as error:
                self.parent.write("commit-failed", how=how, error=error.args[0].name())
                if self.spec["on-commit-failure"] == "stop":
                    raise Leave(error.args[0].name()) from error
        self.point("after", kind)

    def on_commit(self, error, partitions):
        """Auto-commits and asynchronous ones; librdkafka does not tell them apart."""
        how = "auto" if self.config.get("enable.auto.commit") else "async"
        if error:
            self.parent.write("commit-failed", how=how, error=error.name())
            return
        offsets = {partition_name(one): one.offset for one in partitions if one.offset >= 0}
        if offsets:
            self.parent.write("commit-confirmed", how=how, offsets=offsets)

    # The listener.

    def on_assign(self, _consumer, partitions):
        self.callback("assigned", partitions, generation=0)
        self.steps(self.spec["on-assigned"])

    def on_revoke(self, _consumer, partitions):
        self.callback("revoked", partitions)
        self.steps(self.spec["on-revoked"])
        self.forget(partitions)

    def on_lost(self, _consumer, partitions):
        self.callback("lost", partitions)
        self.steps(self.spec["on-lost"])
        self.forget(partitions)

    def forget(self, partitions):
        for one in partitions:
            self.position.pop(partition_name(one), None)

    def callback(self, event, partitions, **more):
        self.parent.write(event, partitions=sorted(partition_name(one) for one in partitions), **more)

    # Faults.

    def point(self, phase, step, names=()):
        self.wait(0)
        for index, fault in enumerate(self.scenario["faults"]):
            who = next((fault[verb] for verb in VERBS if verb in fault), None)
            me = who is not None and any(one in (self.name, self.group)
                                         for one in ([who] if isinstance(who, str) else who))
            if me and fault.get(phase) == step and fault.get("record") in (None, *names):
                self.strike(self.parent.ask("ask-fault", fault=index))

    def strike(self, answer):
        kind = answer["answer"]
        if kind == "crash":
            os._exit(CRASHED)
        elif kind == "close":
            raise Leave()
        elif kind == "stall":
            self.stalled_until = time.time() + answer["millis"] / 1000
            self.wait(0)
        elif kind != "go-on":
            self.refuse(f"the fault `{kind}`")

    def wait(self, span):
        until = time.time() + span
        while (left := max(until, self.stalled_until) - time.time()) > 0:
            time.sleep(left)


def merge(base, overlay):
    """An overlay changes what it names; null takes away."""
    for key, value in overlay.items():
        if value is None:
            base.pop(key, None)
        elif isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value


def main():
    path, group, name, bootstrap, group_id = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    if document["version"] != 1:
        sys.exit(f"a resolved scenario of version {document['version']}; this member reads version 1")
    Member(document["scenario"], group, name, bootstrap, group_id).run()


main()
