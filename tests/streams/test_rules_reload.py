"""A worker at work takes new rules, keeps the old ones while its file is broken, and tells Prometheus which."""

from pathlib import Path

import msgspec
import pytest

from streams.admin import ensure_topics
from streams.records import Alert
from streams.settings import Settings
from streams.topics import ALERTS
from tests.support.news_flow import NewsFlow
from tests.support.topic_reader import read_topic
from tests.support.worker_process import WorkerProcess, until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


def alerts(settings: Settings, entity: str) -> list[Alert]:
    records = [msgspec.json.decode(r.value, type=Alert) for r in read_topic(settings, ALERTS.of(settings))]
    return [alert for alert in records if alert.entity == entity]


def test_alerts_of_a_running_worker_follow_its_rules_file(kafka_settings: Settings, tmp_path: Path) -> None:
    ensure_topics(kafka_settings)
    file = tmp_path / "rules.yaml"

    def write(text: str) -> None:
        (tmp_path / "next.yaml").write_text(text)
        (tmp_path / "next.yaml").replace(file)

    def failed(worker: WorkerProcess) -> str:
        answer = worker.get("/metrics")
        lines = [] if answer is None else answer.text.splitlines()
        return next((line for line in lines if line.startswith("gretchen_rules_reload_failed")), "")[-3:]

    write("rules: [{name: first, watch: entity, kind: negatives, mute_until: 2100-01-01T00:00:00Z, routes: [desk]}]")
    with NewsFlow(kafka_settings) as flow, WorkerProcess(kafka_settings, tmp_path, GRETCHEN_RULES=str(file)) as worker:
        flow.send(300, 0)
        until(lambda: bool(alerts(kafka_settings, "E50")), worker)
        assert {(a.rule, a.held, *a.routes) for a in alerts(kafka_settings, "E50")} == {("first", "muted", "desk")}
        assert failed(worker) == "0.0"
        write("rules: [{name: second, watch: entity, kind: negatves}]")
        until(lambda: failed(worker) == "1.0", worker)
        flow.send(300, 1)
        until(lambda: bool(alerts(kafka_settings, "E51")), worker)
        assert {a.rule for a in alerts(kafka_settings, "E51")} == {"first"}
        write("rules: [{name: second, watch: entity, kind: negatives}]")
        until(lambda: failed(worker) == "0.0", worker)
        flow.send(300, 2)
        until(lambda: bool(alerts(kafka_settings, "E52")), worker)
        assert {(a.rule, a.held, *a.routes) for a in alerts(kafka_settings, "E52")} == {("second", "")}
        assert worker.terminate() == 0
    assert "did you mean 'negatives'?" in worker.tail(100_000)


def test_a_worker_whose_rules_are_broken_from_the_beginning_ends_with_the_reason(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text("rules: [{name: r, watch: entity, kind: negatives, windows: [7m]}]")
    with WorkerProcess(kafka_settings, tmp_path, GRETCHEN_RULES=str(tmp_path / "rules.yaml")) as worker:
        assert worker.wait(60) == 3
    assert "rule 1 ('r'): windows: got 7m, wanted a multiple of 5m" in worker.tail()
