"""A worker on a real Kafka and a backtest of its entity-sentiments raise the same alerts."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from streams.admin import ensure_topics, group_lag
from streams.backtest.lines import Unread, read_lines
from streams.backtest.running import Backtest
from streams.news.rules import RuleBook
from streams.records import Alert
from streams.settings import Settings
from streams.sources.files import open_source
from streams.topics import ALERTS, ENTITY_SENTIMENTS, NEWS
from tests.support.news_flow import BEGIN, NewsFlow
from tests.support.topic_reader import read_topic
from tests.support.worker_process import WorkerProcess, until


@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_a_backtest_of_what_a_worker_saw_raises_the_workers_alerts(kafka_settings: Settings, tmp_path: Path) -> None:
    settings = kafka_settings
    ensure_topics(settings)
    with NewsFlow(settings) as flow, WorkerProcess(settings, tmp_path) as worker:
        for chunk in range(2):
            flow.send(400, chunk)
        until(lambda: group_lag(settings) == 0, worker, every_s=0.5)
        for number in range(2):  # three hours later all is calm again, and each stream hears of it
            for entity in [*range(40), 50, 51]:
                name, at = f"later{number}-{entity}", BEGIN + timedelta(hours=3, seconds=number)
                news = {"id": name, "text": f"E{entity:02d} neutral {name}", "published_at": at.isoformat()}
                flow.producer.send(NEWS.of(settings), key=name.encode(), value=msgspec.json.encode(news))
        flow.producer.flush()
        until(lambda: group_lag(settings) == 0, worker, every_s=0.5)
        assert worker.terminate() == 0
    live = [msgspec.json.decode(record.value, type=Alert) for record in read_topic(settings, ALERTS.of(settings))]
    history = tmp_path / "entity-sentiments.jsonl"
    records = read_topic(settings, ENTITY_SENTIMENTS.of(settings))
    history.write_bytes(
        b"".join(record.value + b"\n" for record in records if record.headers["ce_type"] != b"gretchen.tick.v1")
    )
    run, found, unread = Backtest(RuleBook()), list[Alert](), Unread()
    with open_source(str(history)) as source:
        for numbered in read_lines(source, unread):
            found += [told.alert for told in run.take(numbered)]
    assert unread.count == 0
    assert {each.status for each in found} == {"opened", "grew", "resolved"}
    assert {each.entity for each in found} >= {"E50", "E51"}
    got, wanted = ({each.id: msgspec.to_builtins(each) for each in alerts} for alerts in (found, live))
    assert got.keys() == wanted.keys()
    for id_, alert in wanted.items():
        assert got[id_] == alert
