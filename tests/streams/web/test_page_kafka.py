"""The page's process over a real Kafka."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from streams.admin import ensure_topics
from streams.broker import EmbeddedKafka
from streams.settings import Settings
from streams.topics import ALERTS, CHAT_ANSWERS, CHAT_QUESTIONS, DEAD_LETTERS, NEWS, SCORED_NEWS, SUMMARIES
from streams.web.stopping import stopped
from tests.support.page_process import PageProcess, Writer, seen
from tests.support.page_records import alert, answer, question, scored, state, summary

ROOT = Path(__file__).resolve().parents[3]


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
