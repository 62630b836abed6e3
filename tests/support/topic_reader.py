"""Whole topics as they lie in Kafka, duplicates and all."""

from dataclasses import dataclass

from kafka import KafkaConsumer, TopicPartition

from streams.admin import kafka_client_config
from streams.settings import Settings


@dataclass(frozen=True)
class Lying:
    """A record where it lies."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: dict[str, bytes]
    timestamp_ms: int

    @property
    def ce_id(self) -> str:
        return self.headers["ce_id"].decode()


def read_topic(settings: Settings, name: str) -> list[Lying]:
    """All records up to the present end, ordered by partition and offset."""
    with_timeout = KafkaConsumer(**kafka_client_config(settings), enable_auto_commit=False, consumer_timeout_ms=20_000)
    try:
        places = [TopicPartition(name, partition) for partition in range(settings.partitions)]
        ends = with_timeout.end_offsets(places)
        with_timeout.assign(places)
        with_timeout.seek_to_beginning(*places)
        found = []
        while any(with_timeout.position(place) < end for place, end in ends.items()):
            for records in with_timeout.poll(500).values():
                found += [Lying(r.partition, r.offset, r.key, r.value, dict(r.headers), r.timestamp) for r in records]
    finally:
        with_timeout.close()
    return sorted(found, key=lambda record: (record.partition, record.offset))


def records_in(settings: Settings, name: str) -> int:
    """How many records a topic has got so far."""
    consumer = KafkaConsumer(**kafka_client_config(settings), enable_auto_commit=False)
    try:
        places = [TopicPartition(name, partition) for partition in range(settings.partitions)]
        return sum(consumer.end_offsets(places).values())
    finally:
        consumer.close()
