"""The lag that a worker tells, from what the cluster says."""

import math
import time

from kafka import TopicPartition
from prometheus_client import CollectorRegistry

from models.errors import BrokerUnavailable
from streams.lag import LagWatch, lag_by_topic
from streams.metrics import lag_gauge, ready_gauge
from streams.settings import Settings

SETTINGS = Settings(topic_prefix="x-")
LAGS = {TopicPartition("x-news", 0): 3, TopicPartition("x-news", 1): 4, TopicPartition("x-summaries", 0): 5}


def test_lag_is_summed_over_partitions_and_told_without_the_prefix() -> None:
    assert lag_by_topic(SETTINGS, LAGS) == {
        "news": 7.0,
        "entity-sentiments": 0.0,
        "group-sentiments": 0.0,
        "surges": 0.0,
        "summaries": 5.0,
        "chat-questions": 0.0,
        "handover-replies": 0.0,
        "chat-feedback": 0.0,
    }


def test_lag_is_nan_while_no_kafka_answers_and_a_figure_again_afterwards() -> None:
    registry = CollectorRegistry()
    answers = iter([LAGS, None, LAGS])
    seen: list[float | None] = []

    def look(settings: Settings) -> dict[TopicPartition, int]:
        seen.append(registry.get_sample_value("gretchen_consumer_lag_records", {"topic": "news"}))
        answer = next(answers, LAGS)
        if answer is None:
            raise BrokerUnavailable("no Kafka answers")
        return answer

    watch = LagWatch(SETTINGS, lag_gauge(registry), every_s=0.001, look=look)
    deadline = time.monotonic() + 10
    while len(seen) < 4 and time.monotonic() < deadline:
        time.sleep(0.005)
    watch.stop()
    before, first, down, again = seen[:4]
    assert (before, first, again) == (None, 7.0, 7.0)
    assert down is not None
    assert math.isnan(down)


def test_readiness_is_asked_at_every_scrape() -> None:
    registry, ready = CollectorRegistry(), [False, True]
    ready_gauge(registry, lambda: ready.pop(0))
    assert [registry.get_sample_value("gretchen_ready") for _ in range(2)] == [0.0, 1.0]
