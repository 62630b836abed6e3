"""The whole worker, real models, real headlines: a thousand of a public set, each accounted for; left out elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from streams.admin import ensure_topics, group_lag
from streams.records import ScoredNews
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, NEWS, SCORED_NEWS
from tests.support.topic_reader import read_topic
from tests.support.worker_process import WorkerProcess, until

SHARED = Path(os.environ.get("GRETCHEN_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
HEADLINES = SHARED / "sentfin" / "SEntFiN.csv"
COUNT = 1000


@pytest.mark.kafka
@pytest.mark.shared_data
@pytest.mark.skipif(not HEADLINES.exists(), reason=f"{HEADLINES} is not there; GRETCHEN_SHARED_DATA names the folder")
def test_a_thousand_real_headlines_are_each_scored_once(kafka_settings: Settings, tmp_path: Path) -> None:
    settings = kafka_settings
    ensure_topics(settings)
    with WorkerProcess(settings, tmp_path, command=("streams", "worker")) as worker:
        replay = [sys.executable, "-m", "streams", "replay", str(HEADLINES), "--text", "Title", "--limit", str(COUNT)]
        done = subprocess.run(replay, env=worker.environ, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0 and f"acked {COUNT:,}" in done.stdout, done.stderr
        until(lambda: group_lag(settings) == 0, worker)
        assert worker.terminate() == 0
    sent = {(record.partition, record.offset) for record in read_topic(settings, NEWS.of(settings))}
    scored = [
        msgspec.json.decode(record.value, type=ScoredNews) for record in read_topic(settings, SCORED_NEWS.of(settings))
    ]
    assert len(sent) == len(scored) == COUNT
    assert {(each.origin.partition, each.origin.offset) for each in scored} == sent
    assert not read_topic(settings, DEAD_LETTERS.of(settings))
    assert sum(bool(each.entities) for each in scored) > COUNT / 4
