"""`gretchen topics` against a real Kafka: create, list, describe, and what they refuse."""

import json
import os
import subprocess
import sys

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from streams.admin import ensure_topics
from streams.broker import EmbeddedKafka
from streams.inventory import Holding, take_inventory
from streams.settings import Settings
from streams.topics import ALERTS, NEWS, TOPICS


def topics(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams", "topics", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environ},
    )


def environ_of(settings: Settings) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "GRETCHEN_TOPIC_PREFIX": settings.topic_prefix,
        "GRETCHEN_APP_ID": settings.app_id,
    }


def held(settings: Settings) -> dict[str, Holding]:
    return {holding.topic: holding for holding in take_inventory(settings).topics}


def commit(settings: Settings, group: str, offsets: dict[int, int]) -> None:
    """Offsets of the news topic, by partition."""
    consumer = KafkaConsumer(bootstrap_servers=settings.bootstrap_servers, group_id=group, enable_auto_commit=False)
    name = NEWS.of(settings)
    consumer.assign([TopicPartition(name, partition) for partition in offsets])
    consumer.commit({TopicPartition(name, p): OffsetAndMetadata(offset, "", -1) for p, offset in offsets.items()})
    consumer.close()


@pytest.mark.kafka
def test_topics_are_created_once_listed_and_never_changed(kafka_settings: Settings) -> None:
    environ = environ_of(kafka_settings)
    before = topics(**environ)
    assert before.returncode == 0 and before.stdout.count("missing") == len(TOPICS)
    for _ in range(2):
        created = topics("create", **environ)
        assert created.returncode == 0, created.stderr
    listed = json.loads(topics("list", "--json", **environ).stdout)
    assert [(one["topic"], one["partitions"]) for one in listed["topics"]] == [
        (topic.of(kafka_settings), kafka_settings.partitions) for topic in TOPICS
    ]
    refused = topics("create", **environ, GRETCHEN_PARTITIONS="3")
    assert refused.returncode == 7 and refused.stderr.count("\n") == 1 and "GRETCHEN_PARTITIONS=4" in refused.stderr


@pytest.mark.kafka
def test_records_and_lag_are_counted_per_topic_and_group(kafka_settings: Settings) -> None:
    ensure_topics(kafka_settings)
    name = NEWS.of(kafka_settings)
    producer = KafkaProducer(bootstrap_servers=kafka_settings.bootstrap_servers, acks="all")
    for partition in range(4):
        for _ in range(25):
            producer.send(name, b"x", partition=partition)
    producer.flush()
    producer.close()
    first, second = f"{kafka_settings.app_id}-1", f"{kafka_settings.app_id}-2"
    commit(kafka_settings, first, {0: 25, 1: 25, 2: 25, 3: 20})
    commit(kafka_settings, second, {0: 10})
    news, alerts = held(kafka_settings)[name], held(kafka_settings)[ALERTS.of(kafka_settings)]
    assert news.records == 100 and news.replication == 1 and news.leaderless == 0
    assert news.lag == {first: 5, second: 15 + 75}, "a partition without a commit counts from its beginning"
    assert alerts.records == 0 and alerts.lag == {}
    shown = topics("list", **environ_of(kafka_settings)).stdout
    assert f"{first}: 5" in shown and f"{second}: 90" in shown and f"group {first}: Empty, 0 members" in shown


@pytest.mark.kafka
def test_groups_of_others_do_not_show(kafka: EmbeddedKafka, kafka_settings: Settings) -> None:
    ensure_topics(kafka_settings)
    commit(kafka_settings, f"{kafka_settings.app_id}-theirs", {0: 0})
    other = Settings(bootstrap_servers=kafka.bootstrap_servers, topic_prefix=f"{kafka_settings.topic_prefix}other-")
    ensure_topics(other)
    assert take_inventory(other).groups == []
    assert [group.name for group in take_inventory(kafka_settings).groups] == [f"{kafka_settings.app_id}-theirs"]


def test_describe_needs_no_broker_and_names_every_topic() -> None:
    described = topics("describe", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1", GRETCHEN_TOPIC_PREFIX="mine-")
    assert described.returncode == 0
    assert all(f"mine-{topic.name}" in described.stdout for topic in TOPICS)


def test_a_broker_that_is_down_is_one_line_and_exit_code_6() -> None:
    listed = topics("list", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert listed.returncode == 6 and listed.stdout == ""
    assert listed.stderr.count("\n") == 1 and "KAFKA_BOOTSTRAP_SERVERS" in listed.stderr
