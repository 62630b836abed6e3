"""What lies in a topic, read outside of any group: how much, and each record with Kafka's stamp."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple, Self

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from models.errors import GretchenError
from streams.settings import Settings
from streams.topics import Topic

REQUEST_S = 30.0
AT_ONCE, LOOK_S = 5000, 0.3
AGAIN, AGAIN_S = 60, 1.0


class Appended(NamedTuple):
    """A record; `at_ms` is Kafka's clock when it was appended."""

    partition: int
    offset: int
    at_ms: int
    key: bytes
    value: bytes


class TopicLog:
    """A topic of an installation. A context manager. Not thread-safe."""

    def __init__(self, settings: Settings, topic: Topic | str) -> None:
        """A text is a name on the cluster."""
        self.name = topic if isinstance(topic, str) else topic.of(settings)
        self._partitions = range(settings.partitions)
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "log_level": 2,  # what matters is raised
                "group.id": "none",  # librdkafka demands one; it is never joined
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.message.max.bytes": 8 << 20,
                "queued.max.messages.kbytes": 64 << 10,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._consumer.close()

    def ends(self) -> list[int]:
        """The next offset of each partition."""
        return [self._end(each) for each in self._partitions]

    def _end(self, partition: int) -> int:
        """A broker that is starved loses its partitions for a while. Raises KafkaException."""
        place = TopicPartition(self.name, partition)
        for _ in range(AGAIN):
            with suppress(KafkaException):
                return int(self._consumer.get_watermark_offsets(place, REQUEST_S)[1])
            time.sleep(AGAIN_S)
        return int(self._consumer.get_watermark_offsets(place, REQUEST_S)[1])

    def count(self) -> int:
        """Records appended since the topic was made."""
        return sum(self.ends())

    def last_at(self) -> float:
        """When (time.time()) the last record was appended, 0 where there is none."""
        ends = self.ends()
        return max((each.at_ms for each in self.read([max(0, end - 1) for end in ends])), default=0) / 1000

    def read(self, starts: Sequence[int] | None = None) -> Iterator[Appended]:
        """From `starts` (None: the beginning) to what are the ends now. Raises GretchenError when it stalls."""
        ends = self.ends()
        at = list(starts or [0] * len(ends))
        wanted = [each for each in self._partitions if at[each] < ends[each]]
        self._consumer.assign([TopicPartition(self.name, each, at[each]) for each in wanted])
        try:
            while any(at[each] < ends[each] for each in wanted):
                messages = self._consumer.consume(AT_ONCE, LOOK_S) or self._waited()
                for message in messages:
                    if message.error():
                        raise KafkaException(message.error())
                    partition, offset = message.partition(), message.offset()
                    at[partition] = offset + 1
                    if offset < ends[partition]:
                        yield Appended(
                            partition, offset, message.timestamp()[1], message.key() or b"", message.value() or b""
                        )
        finally:
            self._consumer.unassign()

    def _waited(self) -> list[Message]:
        messages = self._consumer.consume(1, REQUEST_S)
        if not messages:
            raise GretchenError(f"{self.name}: nothing came for {REQUEST_S:.0f} s though more lies there; is Kafka up?")
        return messages
