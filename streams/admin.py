"""The cluster's side of things, synchronously: is it there, are the topics right, how far is the group behind."""

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic, OffsetSpec
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    GroupIdNotFoundError,
    KafkaError,
    NotCoordinatorError,
    TopicAlreadyExistsError,
)

from models.errors import BrokerUnavailable, TopicMismatch
from streams.settings import Settings
from streams.topics import (
    CHAT_FEEDBACK,
    CHAT_QUESTIONS,
    ENTITY_SENTIMENTS,
    GROUP_SENTIMENTS,
    HANDOVER_REPLIES,
    NEWS,
    SUMMARIES,
    SURGES,
    TOPICS,
    Topic,
)

CONSUMED = (
    NEWS,
    ENTITY_SENTIMENTS,
    GROUP_SENTIMENTS,
    SURGES,
    SUMMARIES,
    CHAT_QUESTIONS,
    HANDOVER_REPLIES,
    CHAT_FEEDBACK,
)
"""What the worker's group reads."""

MAX_RECORD_BYTES = 2 << 20  # a dead letter holds a record of the default 1 MiB and its headers
UNKNOWN_TOPIC = 3  # Kafka's error code UNKNOWN_TOPIC_OR_PARTITION
REQUEST_S = 10.0


def kafka_client_config(settings: Settings) -> dict[str, Any]:
    """Where and how to connect: keyword arguments for any kafka-python client."""
    config: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers.split(","),
        "security_protocol": settings.security_protocol,
    }
    if settings.ssl_cafile:
        config["ssl_cafile"] = settings.ssl_cafile
    if settings.security_protocol.startswith("SASL"):
        config["sasl_mechanism"] = settings.sasl_mechanism
        config["sasl_plain_username"] = settings.sasl_username
        config["sasl_plain_password"] = settings.sasl_password
    return config


@contextmanager
def admin_client(settings: Settings) -> Iterator[KafkaAdminClient]:
    """An admin client; every Kafka error inside becomes BrokerUnavailable."""
    try:
        client = KafkaAdminClient(
            **kafka_client_config(settings),
            bootstrap_timeout_ms=int(REQUEST_S * 1000),
            request_timeout_ms=int(REQUEST_S * 1000),
        )
        try:
            yield client
        finally:
            client.close()
    except (KafkaError, OSError) as error:
        raise unavailable(settings, error) from None


def unavailable(settings: Settings, error: Exception) -> BrokerUnavailable:
    return BrokerUnavailable(
        f"no Kafka answers at {settings.bootstrap_servers} ({settings.security_protocol}): "
        f"{str(error) or type(error).__name__}; check that it runs, KAFKA_BOOTSTRAP_SERVERS, "
        "KAFKA_SECURITY_PROTOCOL and the network"
    )


def wait_for_broker(settings: Settings) -> None:
    """Return once the cluster answers; retries with back-off for `broker_wait_s`, then raises BrokerUnavailable."""
    deadline, pause_s = time.monotonic() + settings.broker_wait_s, 0.2
    while True:
        try:
            with admin_client(settings) as admin:
                admin.list_topics()
            return
        except BrokerUnavailable:
            if time.monotonic() + pause_s > deadline:
                raise
        time.sleep(pause_s * random.uniform(0.8, 1.2))
        pause_s = min(pause_s * 2, 5.0)


def ensure_topics(settings: Settings, topics: Sequence[Topic] = TOPICS) -> list[str]:
    """Create what is missing and return its names. Raises TopicMismatch where one has another partition count."""
    with admin_client(settings) as admin:
        there = partition_counts(admin, [topic.of(settings) for topic in topics])
        for name, partitions in there.items():
            if partitions != settings.partitions:
                raise TopicMismatch(
                    f"topic {name} has {partitions} partitions, wanted {settings.partitions}; set "
                    f"GRETCHEN_PARTITIONS={partitions} if all topics have as many, or use another GRETCHEN_TOPIC_PREFIX"
                )
        new = [topic for topic in topics if topic.of(settings) not in there]
        for topic in new:
            config = {"max.message.bytes": str(MAX_RECORD_BYTES), **topic.config}
            try:
                admin.create_topics(
                    [
                        NewTopic(
                            topic.of(settings), settings.partitions, settings.replication_factor, topic_configs=config
                        )
                    ]
                )
            except TopicAlreadyExistsError:  # another worker was quicker
                continue
        if new:
            admin.wait_for_topics([topic.of(settings) for topic in new])
    return [topic.of(settings) for topic in new]


def partition_counts(admin: KafkaAdminClient, names: Sequence[str]) -> dict[str, int]:
    """Topic -> partitions, of those that exist."""
    return {
        found["name"]: len(found["partitions"])
        for found in admin.describe_topics(list(names))
        if found["error_code"] != UNKNOWN_TOPIC
    }


def group_lag(settings: Settings) -> int:
    """Records that the worker's group has not committed yet, over all topics it reads."""
    return sum(partition_lags(settings).values())


def partition_lags(settings: Settings) -> dict[TopicPartition, int]:
    """End offset minus committed offset of each partition the group reads; from the start where none is committed."""
    places = [TopicPartition(t.of(settings), p) for t in CONSUMED for p in range(settings.partitions)]
    with admin_client(settings) as admin:
        # commits first: the outputs of what is committed by then are in the ends, so 0 means that nothing is at work
        committed = committed_offsets(admin, settings.app_id)
        ends = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
        firsts = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
    return {
        place: max(0, ends[place].offset - (committed[place].offset if place in committed else firsts[place].offset))
        for place in places
    }


def committed_offsets(admin: KafkaAdminClient, group: str) -> Any:
    """Partition -> what the group has committed there; retries while a broker that has just started finds its feet."""
    for pause_s in (0.2, 0.5, 1.0, 2.0, None):
        try:
            return admin.list_group_offsets({group: None}).get(group, {})
        except (CoordinatorNotAvailableError, GroupIdNotFoundError):  # a new cluster: nobody has committed anything
            return {}
        except (NotCoordinatorError, CoordinatorLoadInProgressError):
            if pause_s is None:
                raise
            time.sleep(pause_s)
    raise AssertionError("unreachable")


def delete_topics(settings: Settings) -> None:
    """Remove the installation's topics, its tables' changelogs and its group's offsets."""
    with admin_client(settings) as admin:
        ours = {topic.of(settings) for topic in TOPICS}
        found = [name for name in admin.list_topics() if name in ours or name.startswith(f"{settings.app_id}-")]
        if found:
            admin.delete_topics(found)
        admin.delete_groups([settings.app_id])
