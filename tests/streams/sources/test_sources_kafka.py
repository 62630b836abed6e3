"""Feeds and files through the command line into a real Kafka: what lies in the topic afterwards."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.partitioner.default import murmur2

from models.errors import BrokerUnavailable
from streams.admin import ensure_topics, kafka_client_config
from streams.records import News, Question
from streams.settings import Settings
from streams.sources.publish import Outgoing, Publisher
from streams.topics import CHAT_QUESTIONS, NEWS, Topic
from tests.support.feed_server import FeedServer, rss

pytestmark = pytest.mark.kafka

SHARED_DATA = Path(os.environ.get("GRETCHEN_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))


def start(settings: Settings, *arguments: str, stdin: bytes | None = None) -> "subprocess.Popen[bytes]":
    environ = {
        "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "GRETCHEN_TOPIC_PREFIX": settings.topic_prefix,
        "GRETCHEN_DATA_DIR": str(settings.data_dir),
        "NO_PROXY": "*",
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "streams", *arguments],
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    if stdin is not None and child.stdin is not None:
        child.stdin.write(stdin)
        child.stdin.close()
        child.stdin = None
    return child


def ended(child: "subprocess.Popen[bytes]", code: int = 0) -> tuple[str, str]:
    """What the child said on standard output and error, when it ended with `code`."""
    out, err = child.communicate(timeout=120)
    assert child.returncode == code, err.decode()
    assert b"Traceback" not in err
    return out.decode(), err.decode()


def run(settings: Settings, *arguments: str, stdin: bytes | None = None, code: int = 0) -> tuple[str, str]:
    return ended(start(settings, *arguments, stdin=stdin), code)


def read(settings: Settings, topic: Topic = NEWS) -> list[Any]:
    """All records of the topic, partition by partition."""
    consumer = KafkaConsumer(**kafka_client_config(settings), consumer_timeout_ms=10_000)
    places = [TopicPartition(topic.of(settings), partition) for partition in range(settings.partitions)]
    consumer.assign(places)
    consumer.seek_to_beginning()
    left = sum(consumer.end_offsets(places).values())
    records = []
    while len(records) < left:
        records += [record for batch in consumer.poll(1000).values() for record in batch]
    consumer.close()
    return sorted(records, key=lambda record: (record.partition, record.offset))


def texts(settings: Settings) -> list[str]:
    return sorted(msgspec.json.decode(record.value, type=News).text for record in read(settings))


def until(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def lines(count: int) -> bytes:
    return b"".join(b'{"id": "n%d", "text": "Oil slips for day %d"}\n' % (i, i) for i in range(count))


def test_every_record_has_its_key_partition_and_headers(kafka_settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "my news.jsonl"
    file.write_bytes(lines(200))
    out, _ = run(kafka_settings, "replay", str(file))
    assert out.startswith("read 200, sent 200, acked 200, skipped 0 ")
    records = read(kafka_settings)
    assert len(records) == 200
    for record in records:
        news = msgspec.json.decode(record.value, type=News)
        assert record.key == news.id.encode()
        assert record.partition == (murmur2(record.key) & 0x7FFFFFFF) % kafka_settings.partitions
        assert dict(record.headers) == {
            "ce_id": record.key,
            "ce_source": b"gretchen/replay/my%20news.jsonl",
            "ce_type": b"gretchen.news.v1",
            "ce_specversion": b"1.0",
        }
    assert len({record.partition for record in records}) == kafka_settings.partitions


def test_records_of_one_key_keep_their_order(kafka_settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "chat.csv"
    rows = [f"q{i},c{i % 7},Where is my card {i}?" for i in range(500)]
    file.write_text("\n".join(["id,conversation_id,text", *rows]))
    run(kafka_settings, "replay", str(file), "--topic", "chat-questions")
    asked: dict[bytes, list[int]] = {}
    for record in read(kafka_settings, CHAT_QUESTIONS):
        asked.setdefault(record.key, []).append(int(msgspec.json.decode(record.value, type=Question).id[1:]))
    assert {key: len(order) for key, order in asked.items()} == {b"c%d" % i: 72 if i < 3 else 71 for i in range(7)}
    assert all(order == sorted(order) for order in asked.values())


def test_every_format_and_standard_input_arrive(kafka_settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbfNo;Title\n1;"Oil; slips\nagain"\n2;Kelmar\'s\n')
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"Gold rises\n\nZinc falls\n"))
    run(kafka_settings, "replay", str(tmp_path / "a.csv"), "--text", "Title", "--id", "No")
    run(kafka_settings, "replay", str(tmp_path / "b.txt.gz"))
    run(kafka_settings, "replay", "-", stdin=b'{"text": "Tin holds"}\n')
    run(kafka_settings, "replay", "-", "--format", "lines", stdin=gzip.compress(b"Lead holds\n"))
    assert texts(kafka_settings) == [
        "Gold rises", "Kelmar's", "Lead holds", "Oil; slips\nagain", "Tin holds", "Zinc falls",
    ]  # fmt: skip


def test_second_replay_gives_the_same_ids(kafka_settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"Oil slips\nOil slips\nGold rises\n")
    run(kafka_settings, "replay", str(file))
    run(kafka_settings, "replay", str(file))
    assert sorted(Counter(record.key for record in read(kafka_settings)).values()) == [2, 2, 2]


def test_unusable_lines_are_told_and_never_sent(kafka_settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"text": "Oil"}\nnot json\n{"txt": "x"}\n{"text": "Gold"}\n')
    out, err = run(kafka_settings, "replay", str(file), code=4)
    assert out.startswith("read 4, sent 2, acked 2, skipped 2 ")
    assert "a.jsonl:2: JSON is malformed" in err and "a.jsonl:3: text: got none" in err
    assert err.strip().splitlines()[-1].startswith("gretchen: ")
    assert texts(kafka_settings) == ["Gold", "Oil"]


def test_strict_stops_at_the_first_and_resume_goes_on_when_it_is_mended(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"text": "Oil"}\n{"text": 0}\n{"text": "Gold"}\n')
    out, err = run(kafka_settings, "replay", str(file), "--strict", code=4)
    assert "a.jsonl:2: " in err and "--strict" in err
    assert texts(kafka_settings) == ["Oil"]
    run(kafka_settings, "replay", str(file), "--resume", code=4)
    assert texts(kafka_settings) == ["Gold", "Oil"]
    out, _ = run(kafka_settings, "replay", str(file), "--resume")
    assert out.startswith("read 0, ")


def test_ctrl_c_says_how_to_go_on_and_resume_sends_the_rest_once(kafka_settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(lines(300))
    child = start(kafka_settings, "replay", str(file), "--rate", "50")
    ensure_topics(kafka_settings)
    until(lambda: len(read(kafka_settings)) >= 20)
    child.send_signal(signal.SIGINT)
    stopped = time.monotonic()
    _, err = ended(child, 130)
    assert time.monotonic() - stopped < 10
    assert "--resume" in err
    first = len(read(kafka_settings))
    assert 20 <= first < 300
    out, _ = run(kafka_settings, "replay", str(file), "--resume")
    assert out.startswith(f"read {300 - first}, sent {300 - first}, acked {300 - first}")
    assert Counter(record.key for record in read(kafka_settings)) == Counter(b"n%d" % i for i in range(300))


def test_kill_in_the_middle_loses_nothing_after_resume(kafka_settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(lines(400))
    child = start(kafka_settings, "replay", str(file), "--rate", "100")
    ensure_topics(kafka_settings)
    until(lambda: len(read(kafka_settings)) >= 100)
    child.kill()
    child.communicate()
    run(kafka_settings, "replay", str(file), "--resume")
    seen = Counter(record.key for record in read(kafka_settings))
    assert set(seen) == {b"n%d" % i for i in range(400)}
    assert sum(seen.values()) < 600  # the last moments again, not the file


def test_interrupt_while_standard_input_is_silent_ends_at_once(kafka_settings: Settings) -> None:
    reader, writer = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-m", "streams", "replay", "-", "--format", "lines"],
        env={
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
            "GRETCHEN_TOPIC_PREFIX": kafka_settings.topic_prefix,
            "GRETCHEN_DATA_DIR": str(kafka_settings.data_dir),
        },
        stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(reader)
    os.write(writer, b"Oil slips\n" * 1000)
    ensure_topics(kafka_settings)
    until(lambda: len(read(kafka_settings)) > 0)
    child.send_signal(signal.SIGTERM)
    stopped = time.monotonic()
    out, _ = ended(child, 128 + signal.SIGTERM)
    assert time.monotonic() - stopped < 10
    os.close(writer)
    assert out.startswith(f"read {len(read(kafka_settings)):,}, ")


def test_feed_enters_the_topic_once_over_restarts(kafka_settings: Settings, server: FeedServer, tmp_path: Path) -> None:
    good, bad = server.page("/feed", rss("Kelmar cuts jobs", "Oil slips")), server.url + "/missing"
    out, err = run(kafka_settings, "feed", "--once", good, bad, code=4)
    assert "2 new" in out and "404" in out
    assert "1 of 2 feeds failed" in err
    server.page("/feed", rss("Gold rises", "Kelmar cuts jobs", "Oil slips"))
    out, _ = run(kafka_settings, "feed", "--once", good)
    assert "1 new, 2 known" in out
    assert texts(kafka_settings) == ["Gold rises", "Kelmar cuts jobs", "Oil slips"]
    for record in read(kafka_settings):
        assert dict(record.headers)["ce_source"] == b"gretchen/feed"
        assert dict(record.headers)["ce_id"] == record.key == msgspec.json.decode(record.value, type=News).id.encode()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_feed_that_waits_stops_at_once(
    kafka_settings: Settings, server: FeedServer, number: signal.Signals, code: int
) -> None:
    child = start(kafka_settings, "feed", server.page("/feed", rss("Oil slips")))
    ensure_topics(kafka_settings)
    until(lambda: len(read(kafka_settings)) == 1)
    time.sleep(0.5)
    child.send_signal(number)
    stopped = time.monotonic()
    ended(child, code)
    assert time.monotonic() - stopped < 5


def test_broker_that_is_down_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"Oil slips\n")
    environ = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", "GRETCHEN_BROKER_WAIT_S": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "streams", "replay", str(tmp_path / "a.txt")],
        env={**os.environ, **environ, "GRETCHEN_DATA_DIR": str(tmp_path)},
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 6
    assert len(done.stderr.decode().strip().splitlines()) == 1 and b"127.0.0.1:9" in done.stderr


def test_publisher_tells_of_a_record_that_kafka_refuses(kafka_settings: Settings) -> None:
    ensure_topics(kafka_settings)
    with Publisher(kafka_settings, NEWS, "test") as publisher:
        publisher.deliver([Outgoing("a", b"a", b"{}")])
        with pytest.raises(BrokerUnavailable, match="did not acknowledge"):
            publisher.deliver([Outgoing("b", b"b", b"x" * 2_000_000)])


@pytest.mark.shared_data
def test_a_thousand_real_headlines_are_each_accounted_for(kafka_settings: Settings) -> None:
    file = SHARED_DATA / "sentfin" / "SEntFiN.csv"
    if not file.exists():
        pytest.skip(f"no {file}; name the folder of the data sets by GRETCHEN_SHARED_DATA")
    out, _ = run(kafka_settings, "replay", str(file), "--text", "Title", "--id", "S No.", "--limit", "1000")
    assert out.startswith("read 1,000, sent 1,000, acked 1,000, skipped 0 ")
    assert {record.key for record in read(kafka_settings)} == {b"%d" % i for i in range(1, 1001)}
    assert json.loads(read(kafka_settings)[0].value)["text"]
