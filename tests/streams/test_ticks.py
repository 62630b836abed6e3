"""Time ends an episode of which nothing is heard any more, by ticks that lie in the log: a replay finds the same."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaProducer

from streams.admin import ensure_topics, group_lag, kafka_client_config
from streams.events import headers_of
from streams.records import Alert, Tick
from streams.settings import Settings
from streams.topics import ALERTS, ENTITY_SENTIMENTS
from tests.support.news_flow import BEGIN, NewsFlow
from tests.support.topic_reader import Lying, read_topic
from tests.support.verdict import judge
from tests.support.worker_process import WorkerProcess, until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


def ticks(settings: Settings) -> list[Lying]:
    records = read_topic(settings, ENTITY_SENTIMENTS.of(settings))
    return [record for record in records if record.headers["ce_type"] == Tick.TYPE.encode()]


def statuses(settings: Settings) -> list[str]:
    return [msgspec.json.decode(r.value, type=Alert).status for r in read_topic(settings, ALERTS.of(settings))]


def test_an_episode_ends_by_time_alone_also_after_a_kill(kafka_settings: Settings, tmp_path: Path) -> None:
    settings = kafka_settings
    ensure_topics(settings)
    with (
        NewsFlow(settings) as flow,
        WorkerProcess(settings, tmp_path, GRETCHEN_TICK_S="0.5", GRETCHEN_INSTANCE_ID="one") as worker,
        KafkaProducer(**kafka_client_config(settings)) as producer,
    ):
        flow.send(300, 0)
        until(lambda: statuses(settings).count("opened") >= 1, worker)
        worker.kill()
        before = len(ticks(settings))
        worker.start()
        until(lambda: len(ticks(settings)) > before, worker)  # an open episode is known after a restart, too
        assert "resolved" not in statuses(settings)
        for partition in range(settings.partitions):
            later = Tick(id=f"tick:{partition}:test", at=BEGIN + timedelta(days=1))
            producer.send(
                ENTITY_SENTIMENTS.of(settings),
                key=b"tick",
                value=msgspec.json.encode(later),
                headers=headers_of(later.id, Tick),
                partition=partition,
            )
        producer.flush()
        until(lambda: statuses(settings).count("resolved") == statuses(settings).count("opened"), worker)
        until(lambda: group_lag(settings) == 0, worker)
        assert worker.terminate() == 0
    judge(settings, flow)
