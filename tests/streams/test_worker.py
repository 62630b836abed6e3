"""A worker process on a real Kafka: everything that goes in comes out, as a verdict or as a dead letter."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer

from streams.admin import ensure_topics, group_lag, kafka_client_config
from streams.settings import Settings
from streams.topics import CHAT_ANSWERS, CHAT_QUESTIONS, DEAD_LETTERS, NEWS, SCORED_NEWS

ROOT = Path(__file__).parents[2]


@pytest.mark.kafka
def test_every_record_comes_out_as_a_verdict_or_a_dead_letter_and_sigterm_ends_the_worker(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    settings = kafka_settings
    ensure_topics(settings)
    producer = KafkaProducer(**kafka_client_config(settings), max_request_size=2 << 20)
    for i in range(300):
        text = f"E{i % 7:02d} and E{i % 5 + 10} negative {i}" + (" poison" if i == 5 else "")
        producer.send(NEWS.of(settings), key=b"n%d" % i, value=json.dumps({"id": f"n{i}", "text": text}).encode())
    producer.send(NEWS.of(settings), key=b"broken", value=b"not json")
    producer.send(NEWS.of(settings), key=b"large", value=b"x" * 1_000_000)
    for i in range(20):
        question = json.dumps({"id": f"q{i}", "text": f"card_arrival? {i}"}).encode()
        producer.send(CHAT_QUESTIONS.of(settings), key=b"c", value=question)
    producer.close()
    environ = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "GRETCHEN_TOPIC_PREFIX": settings.topic_prefix,
        "GRETCHEN_APP_ID": settings.app_id,
        "GRETCHEN_DATA_DIR": str(settings.data_dir),
        "GRETCHEN_SESSION_TIMEOUT_S": "6",
        "GRETCHEN_METRICS_PORT": "0",
    }
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "tests.support.fake_worker"]
        worker = subprocess.Popen(command, env=environ, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 60
        while group_lag(settings) and time.monotonic() < deadline:
            assert worker.poll() is None, (tmp_path / "log").read_text()[-2000:]
            time.sleep(0.5)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(10) == 0
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.wait()
    found = Counter[str]()
    reasons = Counter[bytes]()
    names = [topic.of(settings) for topic in (SCORED_NEWS, CHAT_ANSWERS, DEAD_LETTERS)]
    reader = KafkaConsumer(
        *names, **kafka_client_config(settings), auto_offset_reset="earliest", consumer_timeout_ms=3000
    )
    for message in reader:
        found[message.topic] += 1
        reasons.update(value for name, value in message.headers if name == "reason")
    reader.close()
    assert dict(found) == dict(zip(names, (299, 20, 3), strict=True))
    assert reasons == {b"not-json": 2, b"engine": 1}
