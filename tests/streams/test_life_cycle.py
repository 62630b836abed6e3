"""A worker's life: it starts or says why not, tells how it is, ends on SIGTERM without loss, outlives its broker."""

import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.admin import OffsetSpec
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from streams.admin import CONSUMED, admin_client, ensure_topics, group_lag, kafka_client_config
from streams.broker import EmbeddedKafka
from streams.broker.config import free_port
from streams.settings import Settings
from streams.topics import ALERTS, CHAT_ANSWERS, NEWS, SCORED_NEWS
from tests.support.news_flow import NewsFlow
from tests.support.segments import producer_ids
from tests.support.topic_reader import records_in
from tests.support.verdict import judge
from tests.support.worker_process import WorkerProcess, until

pytestmark = pytest.mark.kafka

LAG = "gretchen_consumer_lag_records", "news"
BUSY = {"GRETCHEN_BATCH_RECORDS": "32", "GRETCHEN_LINGER_MS": "5"}


@pytest.fixture
def own_kafka(kafka_settings: Settings, tmp_path: Path) -> Iterator[tuple[EmbeddedKafka, Settings]]:
    """A Kafka that a test may stop, and settings for it."""
    with EmbeddedKafka(tmp_path / "kafka", free_port()) as own:
        yield own, replace(kafka_settings, bootstrap_servers=own.bootstrap_servers)


def metrics(worker: WorkerProcess) -> dict[tuple[str, ...], float]:
    """(sample's name, its labels' values in the order of their names) -> value; nothing while nobody answers."""
    answer = worker.get("/metrics")
    if answer is None:
        return {}
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): float(sample.value)
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_sigterm_finishes_what_is_at_work_so_that_nothing_is_lost_or_done_twice(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    settings = kafka_settings
    ensure_topics(settings)
    with NewsFlow(settings) as flow, WorkerProcess(settings, tmp_path, **BUSY) as worker:
        flow.send(2000, 0)
        until(lambda: records_in(settings, SCORED_NEWS.of(settings)) > 200, worker)
        assert worker.terminate(within_s=10) == 0
        assert group_lag(settings) > 0  # it was busy
        worker.start()
        until(lambda: group_lag(settings) == 0, worker, every_s=0.5)
        assert worker.terminate() == 0
    found = judge(settings, flow)
    assert found.pop("alerts raised") > 0
    assert set(found.values()) == {0}, found


def test_a_worker_outlives_a_broker_that_is_killed_and_started_again(
    own_kafka: tuple[EmbeddedKafka, Settings], tmp_path: Path
) -> None:
    kafka, settings = own_kafka
    ensure_topics(settings)
    with WorkerProcess(settings, tmp_path, **BUSY) as worker:
        with NewsFlow(settings) as flow:
            flow.send(2000, 0)
        until(lambda: records_in(settings, SCORED_NEWS.of(settings)) > 200, worker)
        kafka.kill()
        until(lambda: math.isnan(metrics(worker).get(LAG, 0.0)), worker)
        kafka.start()
        until(lambda: group_lag(settings) == 0, worker, every_s=0.5)
        until(worker.ready, worker)
        assert worker.terminate() == 0
        print("fail-stops:", worker.fail_stops)
    judge(settings, flow)
    for topic in (ALERTS, CHAT_ANSWERS):  # what was appended when the broker died, unacknowledged, is not sent anew
        assert min(producer_ids(tmp_path / "kafka" / "data", topic.of(settings))) >= 0


def test_without_a_broker_a_worker_says_so_in_one_line_and_ends_with_6(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    nowhere = replace(kafka_settings, bootstrap_servers=f"127.0.0.1:{free_port()}", broker_wait_s=0.5)
    with WorkerProcess(nowhere, tmp_path) as worker:
        assert worker.wait(60) == 6
        (line,) = worker.tail().splitlines()
    assert line.startswith(f"gretchen: no Kafka answers at {nowhere.bootstrap_servers}")
    assert "KAFKA_BOOTSTRAP_SERVERS" in line


def test_metrics_tell_lag_readiness_and_each_stage_of_the_work(kafka_settings: Settings, tmp_path: Path) -> None:
    settings = kafka_settings
    ensure_topics(settings)
    with NewsFlow(settings) as flow, WorkerProcess(settings, tmp_path) as worker:
        flow.send(500, 0)
        until(worker.ready, worker)
        assert metrics(worker)["gretchen_ready",] == 1
        until(lambda: group_lag(settings) == 0, worker, every_s=0.5)
        lags = {("gretchen_consumer_lag_records", topic.name): 0.0 for topic in CONSUMED}
        until(lambda: lags.items() <= metrics(worker).items(), worker)
        told = metrics(worker)
        stages = {
            "score_news": ("queue", "tokenize", "infer", "publish"),
            "answer_questions": ("queue", "answer", "publish"),
            "watch_entities": ("publish",),
            "raise_alerts": ("publish",),
        }
        for agent, named in stages.items():
            for stage in named:
                assert told["gretchen_stage_seconds_count", agent, stage] > 0
        assert told["gretchen_batch_tokens_sum", "score_news"] > 0
        assert told["gretchen_records_in_total", "news"] >= 500
        assert told["gretchen_records_out_total", "scored-news"] == len(flow.texts)
        assert told["gretchen_dead_letters_total", "not-json"] + told["gretchen_dead_letters_total", "engine"] == len(
            flow.refused
        )
        assert told["gretchen_alerts_total", "negatives", "info", "opened"] >= 1


def test_a_worker_answers_and_is_ready_once_it_has_read_what_answers_come_from(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    settings = kafka_settings
    ensure_topics(settings)
    answers = CHAT_ANSWERS.of(settings)
    mirror = tmp_path / "caught-up"
    with NewsFlow(settings) as flow, WorkerProcess(settings, tmp_path, MIRROR=str(mirror)) as worker:
        flow.send(100, 0)
        until(lambda: records_in(settings, SCORED_NEWS.of(settings)) > 80, worker)  # news don't wait for documents
        assert not worker.ready()
        assert metrics(worker)["gretchen_ready",] == 0
        assert records_in(settings, answers) == 0
        mirror.touch()
        until(lambda: records_in(settings, answers) == len(flow.questions), worker)
        assert worker.ready()
        assert "a note" in worker.log.read_text()


def test_lag_is_told_by_a_worker_whose_event_loop_stands_still(kafka_settings: Settings, tmp_path: Path) -> None:
    settings = kafka_settings
    ensure_topics(settings)
    with NewsFlow(settings) as flow, WorkerProcess(settings, tmp_path, STALL="1") as worker:
        flow.send(100, 0)
        until(lambda: metrics(worker).get(LAG, 0) >= 100, worker)
        flow.send(100, 0)
        until(lambda: metrics(worker).get(LAG, 0) >= 200, worker)


def test_offsets_without_a_record_are_no_hole_to_stop_at(kafka_settings: Settings, tmp_path: Path) -> None:
    """Transactions end in a marker that takes an offset; retention removes what nobody had read."""
    settings = kafka_settings
    ensure_topics(settings)
    name, scored = NEWS.of(settings), SCORED_NEWS.of(settings)
    producer = KafkaProducer(**kafka_client_config(settings), transactional_id=f"{settings.app_id}-writer")
    producer.init_transactions()

    def write(first: int) -> None:
        producer.begin_transaction()
        for i in range(first, first + 40):
            producer.send(name, key=b"n%d" % i, value=b'{"id": "n%d", "text": "E01 neutral"}' % i)
        producer.commit_transaction()

    with closing(producer), WorkerProcess(settings, tmp_path, **BUSY) as worker:
        write(0)
        write(40)
        until(lambda: records_in(settings, scored) == 80, worker)
        assert worker.terminate() == 0
        write(80)
        with admin_client(settings) as admin:
            places = [TopicPartition(name, p) for p in range(settings.partitions)]
            ends = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
            admin.delete_records({place: end.offset for place, end in ends.items()})
        write(120)
        worker.start()
        until(lambda: records_in(settings, scored) == 120, worker)
        until(lambda: group_lag(settings) <= settings.partitions, worker)  # the last markers are never read
        assert worker.terminate() == 0
    assert worker.fail_stops == 0
