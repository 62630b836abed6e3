"""A real Prometheus loads our rules, scrapes a real worker, and answers what the dashboard asks."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from kafka import KafkaProducer

from streams.admin import ensure_topics, kafka_client_config
from streams.broker.config import free_port
from streams.events import output
from streams.records import Alert
from streams.settings import Settings
from streams.topics import ALERTS, CHAT_QUESTIONS, NEWS
from tests.deploy.expressions import CONFIG, RULES, names, of_notify, of_worker, panels, rules
from tests.support.notify_process import NotifyProcess
from tests.support.page_records import alert
from tests.support.receiver import Answer, receive
from tests.support.worker_process import WorkerProcess, until

WHY = "no prometheus on the PATH (Debian: apt-get install prometheus)"
pytestmark = [pytest.mark.prometheus, pytest.mark.skipif(shutil.which("prometheus") is None, reason=WHY)]


class Prometheus:
    """One that scrapes `target` (host:port) every second, as our configuration has a job otherwise."""

    def __init__(self, target: str, folder: Path, job: str) -> None:
        config = yaml.safe_load(CONFIG.read_text())
        config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(RULES)]
        assert job in {each["job_name"] for each in config["scrape_configs"]}
        config["scrape_configs"] = [{"job_name": job, "static_configs": [{"targets": [target]}]}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        address = f"127.0.0.1:{free_port()}"
        self.url, self.log = f"http://{address}/api/v1", folder / "prometheus.log"
        options = {"config.file": "prometheus.yml", "storage.tsdb.path": "data", "web.listen-address": address}
        command = ["prometheus", *(f"--{name}={value}" for name, value in options.items())]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)

    def get(self, path: str, **params: str) -> dict[str, Any]:
        """The `data` of an answer; a refused query fails the test with Prometheus' own words."""
        response = httpx.get(self.url + path, params=params, timeout=10.0, trust_env=False)
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:  # it listens, and still reads its own log
            response.raise_for_status()
        answer = response.json()
        assert answer["status"] == "success", f"{params}: {answer['error']}"
        data: dict[str, Any] = answer["data"]
        return data

    def query(self, expression: str) -> list[float]:
        return [float(each["value"][1]) for each in self.get("/query", query=expression)["result"]]

    def value(self, expression: str) -> float:
        """The sum of what is there; 0 while Prometheus does not answer yet."""
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        try:
            return sum(self.query(expression))
        except httpx.HTTPError:
            return 0.0


@contextmanager
def running(target: str, folder: Path, job: str = "gretchen") -> Iterator[Prometheus]:
    prometheus = Prometheus(target, folder, job)
    try:
        yield prometheus
    finally:
        prometheus.process.kill()
        prometheus.process.wait()


def send(settings: Settings, news: int, questions: int) -> None:
    """So many good ones, one in ten of them too long for the model, and a headline that is no record."""
    producer = KafkaProducer(**kafka_client_config(settings))
    for i in range(news):
        text = f"E{i % 7:02d} and E{i % 5 + 10} {'very ' * (30 if i % 10 == 0 else 1)}negative {i}"
        producer.send(NEWS.of(settings), key=b"n%d" % i, value=json.dumps({"id": f"n{i}", "text": text}).encode())
    producer.send(NEWS.of(settings), key=b"broken", value=b"not json")
    for i in range(questions):
        question = json.dumps({"id": f"q{i}", "text": f"card_arrival? {i}"}).encode()
        producer.send(CHAT_QUESTIONS.of(settings), key=b"c", value=question)
    producer.close()


def unshown(prometheus: Prometheus, exported: Iterable[str]) -> list[str]:
    """Panels about these series with nothing to show. Alerts are not looked for: a surge takes hours."""
    return [
        panel["title"]
        for panel in panels()
        for target in panel["targets"]
        if names(target["expr"]) != {"gretchen_alerts_total"}
        and names(target["expr"]) <= set(exported)
        and not prometheus.query(target["expr"].replace("$__rate_interval", "1m").replace("$agent", ".*"))
    ]


@pytest.mark.kafka
def test_prometheus_scrapes_a_worker_and_every_panel_has_something_to_show(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    ensure_topics(kafka_settings)
    with (
        WorkerProcess(kafka_settings, tmp_path) as worker,
        running(worker.url.removeprefix("http://"), tmp_path) as prometheus,
    ):
        for sent in (100, 200):  # twice, for a rate wants two values
            send(kafka_settings, 99, 20)
            until(lambda sent=sent: prometheus.value('gretchen_records_in_total{topic="news"}') == sent, worker)
        until(lambda: prometheus.value("gretchen_ready") == 1, worker)
        assert prometheus.value('gretchen_dead_letters_total{reason="not-json"}') == 2
        for _ in range(30):
            if not (empty := unshown(prometheus, of_worker())):
                break
            time.sleep(1)
        assert empty == []
        judged = [rule for group in prometheus.get("/rules")["groups"] for rule in group["rules"]]
        assert len(judged) == len(rules())
        assert [rule["name"] for rule in judged if rule["health"] == "err" or rule["state"] == "firing"] == []
        worker.terminate()


@pytest.mark.kafka
def test_prometheus_scrapes_a_notify_and_every_panel_about_it_has_something_to_show(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    ensure_topics(kafka_settings)
    with receive() as busy, receive() as prom:
        busy.answer = lambda _: Answer(503 if len(busy.posted) % 2 else 200)  # every first attempt fails
        sinks = f"""
            [[sink]]
            kind = "webhook"
            name = "busy"
            url = "{busy.url}"
            secret = "hunter2"
            [[sink]]
            kind = "alertmanager"
            name = "prom"
            url = "{prom.url}"
            repeat_s = 0.5
        """
        with (
            NotifyProcess(kafka_settings, tmp_path, sinks) as notify,
            running(notify.url.removeprefix("http://"), tmp_path, "gretchen-notify") as prometheus,
        ):
            notify.until(lambda: prometheus.value("gretchen_notify_ready") == 1)
            for raised in (1, 2):  # twice, for a rate wants two values
                put(kafka_settings, alert(f"E{raised}", severity="warning"))
                told = 'gretchen_deliveries_total{outcome="delivered"}'
                notify.until(lambda told=told, raised=raised: prometheus.value(told) == 2 * raised)
            for _ in range(30):
                if not (empty := unshown(prometheus, of_notify().keys() - of_worker().keys())):
                    break
                time.sleep(1)
            assert empty == []
            assert prometheus.value("sum(gretchen_delivery_retries_total)") >= 2


def put(settings: Settings, told: Alert) -> None:
    """Into the alerts topic, as a worker would."""
    producer = KafkaProducer(**kafka_client_config(settings))
    topic, key, value, headers, _ = output(settings, ALERTS, told.entity, told)
    producer.send(topic, value, key, list(headers))
    producer.close()


def test_the_configuration_and_its_rules_are_accepted() -> None:
    done = subprocess.run(["promtool", "check", "config", CONFIG], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_when_it_must_and_is_silent_when_it_may() -> None:
    command = ["promtool", "test", "rules", Path(__file__).with_name("rules_test.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
