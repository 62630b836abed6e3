"""The alerts topic, read synchronously: what was raised since a time, then what is raised next."""

from collections.abc import Generator
from datetime import datetime

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from models.errors import TopicMismatch
from streams.admin import admin_client, kafka_client_config, partition_counts, unavailable
from streams.intake import Refused, decode, utc
from streams.records import Alert
from streams.settings import Settings
from streams.topics import ALERTS


def read_alerts(settings: Settings, since: datetime | None, follow: bool) -> Generator[Alert, None, None]:
    """Alerts written since then, in order of their time, and with `follow` all later ones, until closed.

    An alert that lies there twice comes once; what is no alert is passed over. Raises BrokerUnavailable, and
    TopicMismatch where there is no such topic.
    """
    name = ALERTS.of(settings)
    with admin_client(settings) as admin:
        partitions = partition_counts(admin, [name]).get(name, 0)
    if not partitions:
        raise TopicMismatch(f"{settings.bootstrap_servers} has no topic {name}; run 'gretchen topics create'")
    seen = set[str]()
    try:
        consumer = KafkaConsumer(**kafka_client_config(settings), enable_auto_commit=False)
        try:
            places = [TopicPartition(name, n) for n in range(partitions)]
            ends = seek(consumer, places, since)
            past: list[Alert] = []
            while any(consumer.position(place) < end for place, end in ends.items()):
                past += poll(consumer, seen)
            yield from sorted(past, key=lambda alert: utc(alert.at))
            while follow:
                yield from poll(consumer, seen)
        finally:
            consumer.close()
    except KafkaError as error:
        raise unavailable(settings, error) from None


def seek(consumer: KafkaConsumer, places: list[TopicPartition], since: datetime | None) -> dict[TopicPartition, int]:
    """Go to where to begin; the present ends."""
    consumer.assign(places)
    ends: dict[TopicPartition, int] = consumer.end_offsets(places)
    if since is None:
        consumer.seek_to_beginning(*places)
        return ends
    for place, found in consumer.offsets_for_times(dict.fromkeys(places, int(since.timestamp() * 1000))).items():
        consumer.seek(place, found.offset if found else ends[place])
    return ends


def poll(consumer: KafkaConsumer, seen: set[str]) -> list[Alert]:
    """What has come, without what is in `seen`; it is added there."""
    found = []
    for records in consumer.poll(500).values():
        for record in records:
            try:
                alert = decode(record.value, Alert)
            except Refused:
                continue
            if alert.id not in seen:
                seen.add(alert.id)
                found.append(alert)
    return found
