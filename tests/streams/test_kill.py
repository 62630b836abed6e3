"""Workers killed with -9 while records flow: afterwards everything is there, and nothing counts twice.

docs/exactness.md says what is promised; tests/support/verdict.py reads all topics and holds them against it.
"""

import random
import signal
from pathlib import Path

import pytest

from streams.admin import ensure_topics, group_lag
from streams.settings import Settings
from streams.topics import SCORED_NEWS
from tests.support.news_flow import NewsFlow
from tests.support.topic_reader import records_in
from tests.support.verdict import judge
from tests.support.worker_process import WorkerProcess, until

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.kill,
    pytest.mark.timeout(900),
]  # for a starved machine; a minute elsewhere

NEWS, CHUNK = 5000, 1000
SMALL_BATCHES = {"GRETCHEN_BATCH_RECORDS": "32", "GRETCHEN_LINGER_MS": "5", "GRETCHEN_TICK_S": "2"}

LINES = (
    "half:scored-news",
    "sent:scored-news",
    "acked:score_news",
    "half:group-sentiments",
    "sent:group-sentiments",
    "sent:surges",
    "half:summaries",
    "sent:summaries",
    "half:windows",
    "sent:windows",
    "kept:windows",
    "acked:watch_entities",
    "sent:groups",
    "kept:groups",
    "acked:watch_groups",
    "kept:storms",
    "acked:group_surges",
    "sent:alerts",
    "kept:episodes",
    "acked:raise_alerts",
    "sent:handovers",
    "half:chat-answers",
    "sent:chat-answers",
    "kept:conversations",
    "acked:answer_questions",
    "sent:chat-answers",
    "acked:relay_replies",
)
"""Where a worker is killed, one after the other; fake_worker.py says what each means."""


def test_two_workers_killed_while_news_flow_lose_nothing_and_count_nothing_twice(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    settings, chance = kafka_settings, random.Random(7)
    ensure_topics(settings)
    scored = SCORED_NEWS.of(settings)
    static = {"GRETCHEN_INSTANCE_ID": "one", **SMALL_BATCHES}
    with (
        NewsFlow(settings) as flow,
        WorkerProcess(settings, tmp_path, "one", **static) as one,
        WorkerProcess(settings, tmp_path, "two", **SMALL_BATCHES) as two,
    ):
        until(lambda: one.ready() and two.ready(), one, two)
        for chunk, victims in enumerate([[one], [two], [one, two], [one], []]):
            flow.send(CHUNK, chunk)
            flow.reply()
            due = chunk * CHUNK + chance.randrange(CHUNK // 10, CHUNK // 2)
            until(lambda due=due: records_in(settings, scored) > due, one, two)  # type: ignore[misc]
            for victim in victims:
                victim.kill()
            for victim in victims:
                victim.start()
        until(lambda: group_lag(settings) == 0, one, two, every_s=0.5)
        assert (one.terminate(), two.terminate()) == (0, 0)
    assert flow.sent == NEWS
    found = judge(settings, flow)
    print(found, f"fail-stops: {one.fail_stops} + {two.fail_stops}")
    assert found["alerts raised"] >= NEWS // CHUNK  # each chunk has a surge


def test_a_kill_at_any_line_changes_nothing(kafka_settings: Settings, tmp_path: Path) -> None:
    settings = kafka_settings
    ensure_topics(settings)
    chosen = {"GRETCHEN_INSTANCE_ID": "one", "KILL_AT": LINES[0], **SMALL_BATCHES}
    with NewsFlow(settings, seed=2) as flow, WorkerProcess(settings, tmp_path, **chosen) as worker:
        flow.send(100, 0)
        for i, line in enumerate(LINES, start=1):
            assert worker.wait(150) == -signal.SIGKILL, f"{line}\n{worker.tail()}"
            flow.send(100, i)
            flow.reply()
            worker.start(KILL_AT=LINES[i] if i < len(LINES) else "never:")
        until(lambda: group_lag(settings) == 0, worker, every_s=0.5)
        assert worker.terminate() == 0
    found = judge(settings, flow)
    print(found)
    assert found["alerts raised"] >= len(LINES)
    assert found["of storms"] >= 1
