"""Events from a Kafka topic, read as one consumer of a group whose offsets the history keeps."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from store.refusal import Refusal
from store.streams import Away, Event, Resume, Standing

ANSWER, JOINED = 10.0, 40.0  # seconds for one answer; for a part of the stream, which a dead consumer may hold
TICK = 0.2
GONE = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._RESOLVE)


class KafkaReader:
    """`resume` gives the offsets that the history knows; they win over those of the broker."""

    def __init__(self, servers: str, topic: str, group: str, *, resume: Resume, username: str = "",
                 password: str = "") -> None:
        self.where, self.topic, self.resume, self.note = servers, topic, resume, ""
        self._assigned: list[TopicPartition] | None = None
        self._joined, self._down = False, ""
        settings: dict[str, Any] = {
            "bootstrap.servers": servers, "group.id": group, "enable.auto.commit": False,
            "auto.offset.reset": "earliest", "error_cb": self._heard, "session.timeout.ms": 10_000, "log_level": 0}
        if username:
            settings |= {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": username,
                         "sasl.password": password}
        try:
            self._consumer: Any = Consumer(settings)
        except KafkaException as problem:
            raise Refusal(f"The Kafka consumer cannot be made: {problem}.", where=servers) from problem

    def _heard(self, error: KafkaError) -> None:
        if error.code() in GONE:
            self._down = error.str()

    def _begin(self, consumer: Any, parts: list[TopicPartition]) -> None:
        """Read each part on from where the history knows it was read to."""
        known = self.resume()
        for part in parts:
            part.offset = known.get(self._name(part.partition), part.offset if part.offset >= 0 else OFFSET_BEGINNING)
        committed = {each.partition: each.offset for each in consumer.committed(
            [TopicPartition(self.topic, part.partition) for part in parts], timeout=ANSWER)}
        for part in parts:
            if self._name(part.partition) not in known and committed.get(part.partition, -1) >= 0:
                part.offset = committed[part.partition]
        consumer.assign(parts)
        self._assigned, self._down = list(parts), ""

    def _ended(self, *_: Any) -> None:
        self._assigned = None

    def _name(self, partition: int) -> str:
        return f"{self.topic}/{partition}"

    # -- reading ------------------------------------------------------------------------------------------------

    def read(self, limit: int) -> Sequence[Event]:
        """Up to so many messages; none once this consumer has its parts and has read each to its end."""
        began = time.monotonic()
        if not self._joined:  # who only looks how it stands takes no part of the stream from others
            self._consumer.subscribe([self.topic], on_assign=self._begin, on_lost=self._ended, on_revoke=self._ended)
            self._joined = True
        while True:
            found = self._events(self._consumer.consume(limit, timeout=TICK))
            if found or (self._assigned is not None and self._at_end()):
                return found
            if time.monotonic() - began > (ANSWER if self._down else JOINED):
                raise Away(f"The Kafka does not answer{f': {self._down}' if self._down else ''}.", where=self.where)

    def _events(self, messages: Sequence[Any]) -> list[Event]:
        found = []
        for message in messages:
            error = message.error()
            if error is None:
                kind, stamp = message.timestamp()
                arrived = datetime.fromtimestamp(stamp / 1000, UTC) if kind else None
                place = f"{message.partition()}:{message.offset()}"
                found.append(Event(place, message.value() or b"", arrived=arrived))
            elif error.code() in (*GONE, KafkaError.UNKNOWN_TOPIC_OR_PART):
                self._down = error.str()
            elif error.code() != KafkaError._PARTITION_EOF:
                raise Refusal(f"The Kafka refuses: {error.str()}.", where=f"{self.where} {self.topic}")
        return found

    def _at_end(self) -> bool:
        starts = {part.partition: part.offset for part in self._assigned or ()}
        for part in self._consumer.position([TopicPartition(self.topic, each) for each in starts]):
            (low, high), start = self._edges(part.partition), starts[part.partition]
            place = part.offset if part.offset >= 0 else max(start, low)
            if place < high:
                return False
        return True

    def _edges(self, partition: int) -> tuple[int, int]:
        try:
            low, high = self._consumer.get_watermark_offsets(TopicPartition(self.topic, partition), timeout=ANSWER)
        except KafkaException as problem:
            raise Away(f"The Kafka does not answer: {problem.args[0].str()}.", where=self.where) from problem
        return int(low), int(high)

    def offsets(self, events: Sequence[Event]) -> dict[str, int]:
        """The next offset of each part that the events are of."""
        found: dict[str, int] = {}
        for event in events:
            partition, _, offset = event.position.partition(":")
            name = self._name(int(partition))
            found[name] = max(found.get(name, 0), int(offset) + 1)
        return found

    def done(self, events: Sequence[Event]) -> None:
        """Tell the broker, for whoever looks there; the history has the offsets already."""
        parts = [TopicPartition(self.topic, int(name.rpartition("/")[2]), offset)
                 for name, offset in self.offsets(events).items()]
        try:
            self._consumer.commit(offsets=parts, asynchronous=False)
        except KafkaException as problem:
            if problem.args[0].code() not in (*GONE, KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID,
                                              KafkaError.REBALANCE_IN_PROGRESS, KafkaError._NO_OFFSET):
                raise Refusal(f"The Kafka refuses: {problem.args[0].str()}.", where=self.where) from problem

    # -- how it stands ------------------------------------------------------------------------------------------

    def standing(self) -> Standing:
        try:
            topic = self._consumer.list_topics(self.topic, timeout=ANSWER).topics[self.topic]
        except KafkaException as problem:
            raise Away(f"The Kafka does not answer: {problem.args[0].str()}.", where=self.where) from problem
        known, length, unread = self.resume(), 0, 0
        for partition in topic.partitions:
            low, high = self._edges(partition)
            length += high - low
            unread += max(0, high - max(low, known.get(self._name(partition), low)))
        return Standing(length, unread, 0)

    def close(self) -> None:
        self._consumer.close()
