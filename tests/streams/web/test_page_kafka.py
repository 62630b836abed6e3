"""The page's process over a real Kafka."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from kafka import KafkaProducer
from kafka.admin import NewTopic

from streams.admin import admin_client, ensure_topics, kafka_client_config
from streams.broker import EmbeddedKafka
from streams.news.windows import WindowState, encode_state
from streams.queries import changelog, partition_of
from streams.records import Record
from streams.settings import Settings, variable
from streams.topics import ALERTS, CHAT_ANSWERS, CHAT_QUESTIONS, DEAD_LETTERS, NEWS, SCORED_NEWS, SUMMARIES, Topic
from streams.web.consume import stopped
from tests.support.page_records import alert, answer, question, scored, state, summary

ROOT = Path(__file__).resolve().parents[3]


class PageProcess:
    """`gretchen page` on a free port; `url` is where it says that it serves."""

    def __init__(self, settings: Settings, log: Path, port: int = 0) -> None:
        fields = ("bootstrap_servers", "topic_prefix", "app_id")
        environ = os.environ | {variable(field): getattr(settings, field) for field in fields}
        environ |= {"GRETCHEN_PAGE_PORT": str(port)}
        self.log = log
        command = [sys.executable, "-m", "streams", "page"]
        with log.open("w") as stderr:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=stderr, text=True
            )
        assert self.process.stdout
        told = self.process.stdout.readline()
        assert told.startswith("Gretchen's page: http://127.0.0.1:"), log.read_text()
        self.url = told.split()[-1]

    def __enter__(self) -> "PageProcess":
        self.until(lambda: httpx.get(self.url + "healthz").status_code == 200)
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def until(self, true: Callable[[], bool], timeout_s: float = 60.0) -> None:
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            with contextlib.suppress(httpx.HTTPError):
                if true():
                    return
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def ready(self) -> bool:
        return httpx.get(self.url + "readyz").status_code == 200

    def broker(self) -> str:
        return str(httpx.get(self.url + "readyz").json()["broker"])

    @contextlib.contextmanager
    def events(self) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
        with httpx.stream("GET", self.url + "events", timeout=30) as response:
            yield events(response.iter_lines())


def events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """For a minute at most: the page speaks every second, so a stream without what is waited for never ends."""
    end = time.monotonic() + 60
    kind = ""
    for line in lines:
        assert time.monotonic() < end, "what was waited for did not come"
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        if line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


def seen(stream: Iterator[tuple[str, dict[str, Any]]], part: str, count: int) -> list[dict[str, Any]]:
    """The first `count` different items of a part, over snapshots and deltas."""
    found: dict[str, dict[str, Any]] = {}
    for _, data in stream:
        for item in data.get(part, []):
            found[item.get("id") or item.get("episode") or item.get("key") or str(item)] = item
        if len(found) >= count:
            return list(found.values())
    raise AssertionError(f"the stream ended with {len(found)} {part}")


class Writer:
    """Writes records as agents do."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.producer = KafkaProducer(**kafka_client_config(settings), acks="all")

    def put(self, topic: Topic, record: Record | bytes, key: str = "k", headers: dict[str, str] | None = None) -> Any:
        value = record if isinstance(record, bytes) else msgspec.json.encode(record)
        pairs = [(name, value.encode()) for name, value in (headers or {}).items()]
        sent = self.producer.send(topic.of(self.settings), value, key=key.encode(), headers=pairs)
        return sent.get(timeout=20)

    def changelog(self, table: str, state: WindowState) -> None:
        """Puts a state where a worker's table keeps it."""
        name, partitions = changelog(self.settings, table), self.settings.partitions
        with admin_client(self.settings) as admin:
            admin.create_topics([NewTopic(name, partitions, 1)])
        key, value = msgspec.json.encode(state.entity), b"[7,%b]" % encode_state(state)
        partition = partition_of(state.entity, partitions)
        self.producer.send(name, value, key=key, partition=partition).get(timeout=20)

    def close(self) -> None:
        self.producer.close()


@pytest.fixture
def writer(kafka_settings: Settings) -> Iterator[Writer]:
    ensure_topics(kafka_settings)
    writer = Writer(kafka_settings)
    yield writer
    writer.close()


@pytest.mark.kafka
def test_records_of_every_output_topic_reach_the_browser(
    kafka_settings: Settings, writer: Writer, tmp_path: Path
) -> None:
    for i in range(30):
        writer.put(SCORED_NEWS, scored(f"old{i}", f"Earlier {i}"), key=f"old{i}")
    with PageProcess(kafka_settings, tmp_path / "log") as page:
        page.until(page.ready)
        with page.events() as stream:
            _, snapshot = next(stream)
            assert {view["id"] for view in snapshot["headlines"]} == {f"old{i}" for i in range(30)}
            assert snapshot["status"]["headlines"] == 0  # nothing of it counts as throughput
            put = writer.put(NEWS, b'{"id": "n1", "text": "<script>alert(1)</script>"}')
            fresh = scored("n1", "<script>alert(1)</script>", "negative", {"Acme": "negative"}, offset=put.offset)
            fresh = msgspec.structs.replace(
                fresh, origin=msgspec.structs.replace(fresh.origin, partition=put.partition)
            )
            writer.put(SCORED_NEWS, fresh)
            assert seen(stream, "headlines", 1)[0]["text"] == "<script>alert(1)</script>"
            writer.put(SUMMARIES, summary("Acme", 1, -0.5))
            assert seen(stream, "entities", 1)[0]["index"] == -0.5
            writer.put(ALERTS, alert("Acme", texts=("Acme burns", "Acme sinks")))
            assert [e["text"] for e in seen(stream, "alerts", 1)[0]["evidence"]] == ["Acme burns", "Acme sinks"]
            headers = {"reason": "not_json", "detail": "byte 0", "topic": NEWS.of(kafka_settings), "partition": "0"}
            writer.put(DEAD_LETTERS, b"{", headers=headers | {"offset": "7"})
            assert seen(stream, "refused", 1)[0]["topic"] == "news"
            status = next(data["status"] for _, data in stream if data.get("status", {}).get("dead_letters"))
            assert status["dead_letters"] == 1
            assert status["headlines"] == 1
            assert status["latency_s"] is not None
            assert status["waiting"] == 0


@pytest.mark.kafka
def test_a_question_is_produced_and_its_answer_comes_over_the_stream(
    kafka_settings: Settings, writer: Writer, tmp_path: Path
) -> None:
    with PageProcess(kafka_settings, tmp_path / "log") as page:
        page.until(page.ready)
        with page.events() as stream:
            asked = httpx.post(page.url + "questions", json={"text": "Where is my card?", "conversation_id": "c1"})
            assert asked.status_code == 202
            pending = seen(stream, "chats", 1)[0]
            assert (pending["id"], pending["question"]) == (asked.json()["id"], "Where is my card?")
            assert pending["answer"] is None
            writer.put(CHAT_ANSWERS, answer(question(pending["id"], "Where is my card?"), "On its way."))
            answered = next(view for _, data in stream for view in data.get("chats", []) if view["answer"])
            assert answered["answer"]["text"] == "On its way."


@pytest.mark.kafka
def test_what_one_person_does_is_in_kafka_and_on_every_page(
    kafka_settings: Settings, writer: Writer, tmp_path: Path
) -> None:
    writer.put(ALERTS, alert("Acme"))
    with PageProcess(kafka_settings, tmp_path / "one") as page, PageProcess(kafka_settings, tmp_path / "two") as other:
        for each in (page, other):
            each.until(each.ready)
        with other.events() as stream:
            acked = httpx.post(page.url + "api/alerts/acme-1/ack", json={"by": "Ada"})
            muted = httpx.post(page.url + "api/streams/acme/mute", json={"by": "Ada", "for": "2h"})
            assert (acked.status_code, muted.status_code) == (202, 202)
            [ack] = seen(stream, "acks", 1)
            assert (ack["key"], ack["by"]) == ("acme-1", "Ada")
    with PageProcess(kafka_settings, tmp_path / "three") as later:
        later.until(later.ready)
        with later.events() as stream:
            [mute] = seen(stream, "mutes", 1)
            assert (mute["key"], mute["by"]) == ("acme", "Ada")


@pytest.mark.kafka
def test_an_entitys_page_is_read_from_the_workers_changelog(
    kafka_settings: Settings, writer: Writer, tmp_path: Path
) -> None:
    kept = state("Ac/me \u00fc", [(0.0, "negative", -0.8, "Ac/me sinks"), (0.5, "positive", 0.4, "Ac/me rises")])
    writer.changelog("windows", kept)
    with PageProcess(kafka_settings, tmp_path / "log") as page:
        page.until(page.ready)
        told = httpx.get(page.url + "api/streams/Ac%2Fme%20%C3%BC", timeout=30).json()
        assert told["hours"][-1] == [1, 0, 1, -0.2]
        assert httpx.get(page.url + "api/streams/nobody", timeout=30).status_code == 404


@pytest.mark.kafka
def test_the_page_waits_for_its_topics_and_never_makes_them(kafka_settings: Settings, tmp_path: Path) -> None:
    with PageProcess(kafka_settings, tmp_path / "log") as page:
        page.until(lambda: page.broker() == "no topics")
        refused = httpx.post(page.url + "questions", json={"text": "Hello?", "conversation_id": "c1"})
        assert refused.status_code == 503
        assert CHAT_QUESTIONS.of(kafka_settings) in refused.json()["error"]
        made = ensure_topics(kafka_settings)
        assert CHAT_QUESTIONS.of(kafka_settings) in made
        page.until(page.ready)


@pytest.mark.kafka
def test_sigterm_ends_the_page_in_time_with_streams_open(
    kafka_settings: Settings, writer: Writer, tmp_path: Path
) -> None:
    for stop in (signal.SIGTERM, signal.SIGINT):
        with PageProcess(kafka_settings, tmp_path / "log") as page, contextlib.ExitStack() as stack:
            page.until(page.ready)
            for _ in range(5):
                next(stack.enter_context(page.events()))
            page.process.send_signal(stop)
            assert page.process.wait(15) == 0
            assert "Traceback" not in page.log.read_text()


@pytest.mark.kafka
def test_the_page_outlives_its_broker(tmp_path: Path) -> None:
    with EmbeddedKafka() as first:
        settings = Settings(bootstrap_servers=first.bootstrap_servers, topic_prefix="outlive-", partitions=2)
        ensure_topics(settings)
        before = Writer(settings)
        before.put(SCORED_NEWS, scored("before", "Before"))
        before.close()
        with PageProcess(settings, tmp_path / "log") as page:
            page.until(page.ready)
            first.stop()
            page.until(lambda: page.broker() == "down")
            refused = httpx.post(page.url + "questions", json={"text": "Hello?", "conversation_id": "c1"})
            assert refused.status_code == 503
            first.start()
            page.until(page.ready)
            after = Writer(settings)
            after.put(SCORED_NEWS, scored("after", "After"))
            after.close()
            with page.events() as stream:
                assert {view["id"] for view in seen(stream, "headlines", 2)} == {"before", "after"}


def test_a_client_that_ends_as_if_cancelled_does_not_end_the_page() -> None:
    async def stop() -> None:
        raise asyncio.CancelledError

    asyncio.run(stopped(stop()))


def test_a_page_without_a_broker_says_so_and_ends_when_told(tmp_path: Path) -> None:
    settings = Settings(bootstrap_servers=f"127.0.0.1:{free_port()}")
    with PageProcess(settings, tmp_path / "log") as page:
        page.until(lambda: page.broker() == "down")
        with page.events() as stream:
            assert settings.bootstrap_servers in next(stream)[1]["status"]["trouble"]
            page.process.send_signal(signal.SIGTERM)
            assert page.process.wait(15) == 0
        told = page.log.read_text()
        assert told.count("no Kafka answers") == 1
        assert "Traceback" not in told


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "streams", "page", "--port", str(port)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 3
    assert len(ended.stderr.splitlines()) == 1
    assert f"port {port}" in ended.stderr


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
