"""`gretchen top` and `gretchen trend` tell of a running installation what the pure functions make of its records."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from kafka.admin import ConfigResource, ConfigResourceType
from msgspec.structs import replace

from models.errors import InputError, TopicMismatch
from streams.admin import admin_client, ensure_topics, group_lag
from streams.cli import group
from streams.commands import sparks
from streams.commands.top import Top
from streams.exact import CHANGELOG
from streams.news.surge import Watching, observe
from streams.news.trends import Buckets, Trend, ranked, trends
from streams.news.windows import WindowState, group_sighting, moment, sighting_of
from streams.records import EntityObservation, GroupSentiments
from streams.settings import Settings, variable
from streams.topics import ENTITY_SENTIMENTS, GROUP_SENTIMENTS
from tests.support.news_flow import NewsFlow
from tests.support.topic_reader import read_topic
from tests.support.worker_process import TOLD, WorkerProcess, until


def gretchen(settings: Settings, *arguments: str) -> Result:
    """The command in this process; an error meant for the user is in `exception`."""
    environ = {variable(field): str(getattr(settings, field)) for field in TOLD}
    return CliRunner().invoke(group, arguments, env=environ)


def printed(settings: Settings, *arguments: str, type: Any = Any) -> Any:
    result = gretchen(settings, *arguments, "--json")
    assert result.exception is None, result.output
    return msgspec.json.decode(result.stdout, type=type)


def folded(settings: Settings) -> dict[str, WindowState]:
    """What the pure functions make of the records that the workers read."""
    states: dict[str, WindowState] = {}
    for lying in read_topic(settings, ENTITY_SENTIMENTS.of(settings)):
        record = msgspec.json.decode(lying.value, type=EntityObservation)
        old = states.get(record.entity)
        states[record.entity], _ = observe(old, sighting_of(record), Watching(), record.entity, record.name)
    for lying in read_topic(settings, GROUP_SENTIMENTS.of(settings)):
        told = msgspec.json.decode(lying.value, type=GroupSentiments)
        for mention in told.mentions:
            old = states.get(told.group) or WindowState(entity=told.group, scope=told.scope)
            states[told.group], _ = observe(
                old, group_sighting(told.partition, mention), Watching(()), told.group, told.name
            )
    return states


def config_of(settings: Settings, topic: str) -> dict[str, str]:
    """What was said of a topic when it was created."""
    with admin_client(settings) as admin:
        found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {name: each["value"] for name, each in found["topic"][topic].items()}


def without(trend: Trend) -> Trend:
    """All but what only the worker's own rules decide."""
    return replace(trend, open=[])


@pytest.mark.kafka
def test_both_print_what_the_pure_functions_make_of_the_workers_records(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    settings = kafka_settings
    ensure_topics(settings)
    with NewsFlow(settings) as flow, WorkerProcess(settings, tmp_path) as worker:
        flow.send(600, 0)
        until(lambda: group_lag(settings) == 0, worker, every_s=0.5)
    for table in ("windows", "groups", "storms"):
        config = config_of(settings, f"{settings.app_id}-{table}-changelog")
        assert config == {"cleanup.policy": "compact", **CHANGELOG}
    states = folded(settings)  # and no worker runs any more
    by_scope: dict[str, list[WindowState]] = defaultdict(list)
    for state in states.values():
        by_scope[state.scope].append(state)
    for arguments, scope, order, window_s in (
        (("--window", "15m", "-n", "99"), "entity", "worst", 900),
        (("--best", "--window", "3h", "-n", "3"), "entity", "best", 3 * 3600),
        (("--busiest", "--window", "7d"), "entity", "busiest", 7 * 86_400),
        (("--busiest", "--scope", "topic", "--window", "30d"), "topic", "busiest", 30 * 86_400),
        (("--scope", "sector"), "sector", "worst", 3600),
        (("--scope", "all", "--window", "6h"), "all", "worst", 6 * 3600),
    ):
        top = printed(settings, "top", *arguments, type=Top)
        now_s, found = trends(by_scope[scope], window_s, heard_s=states["all:"].clock_s)
        assert now_s is not None
        assert top.at == moment(now_s)
        most = int(arguments[-1]) if "-n" in arguments else 10
        assert list(map(without, top.streams)) == list(map(without, ranked(found, order, most)))  # type: ignore[arg-type]
        assert top.streams

    surging = printed(settings, "trend", "e50", "--window", "1h")  # E50, which has the surge
    now_s, _ = trends([states["E50"], states["all:"]], 3600)
    _, (wanted, _) = trends([states["E50"], states["all:"]], 3600, now_s)
    assert msgspec.convert({**surging, "open": []}, Trend) == without(wanted)
    assert surging["negatives"] == flow.counts()["E50"]["negative"] > 100
    assert [each["kind"] for each in surging["episodes"]] == surging["open"] == ["negatives"]
    assert surging["headlines"][0]["text"].startswith("E50 negative")
    (everything,) = printed(settings, "top", "--scope", "all", "--window", "24h")["streams"]
    assert printed(settings, "trend", "all:").items() >= everything.items()

    table = gretchen(settings, "top", "--worst", "--window", "24h")
    assert "E50" in table.output
    assert "The latest news is" in table.output  # the flow's news are of 2025
    shown = gretchen(settings, "trend", "All News")
    assert "all:, all" in shown.output
    for asked, remedy in (("E500", "did you mean"), ("quinoa", "gretchen top --busiest")):
        result = gretchen(settings, "trend", asked)
        assert isinstance(result.exception, InputError)
        assert remedy in str(result.exception)
    listed = gretchen(settings, "trend", "jpmorgan")
    assert "is on the watchlist, but nothing was said of it yet" in str(listed.exception)
    assert isinstance(gretchen(settings, "top", "--window", "36d").exception, InputError)
    assert gretchen(settings, "top", "--window", "soon").exit_code == 2


@pytest.mark.kafka
def test_before_any_worker_ran_both_say_so(kafka_settings: Settings) -> None:
    for arguments in (("top",), ("trend", "Nokia")):
        assert isinstance(gretchen(kafka_settings, *arguments).exception, TopicMismatch)


def test_a_line_of_blocks_is_no_wider_than_a_terminal_and_keeps_the_newest_whole() -> None:
    mentions = [1] * 167 + [9]
    buckets = Buckets(
        bucket_s=3600, begin=moment(0.0), mentions=mentions, negatives=[0] * 168, tone=[-1.0] * 167 + [1.0]
    )
    drawn = sparks.volume(buckets)
    assert (len(drawn), drawn[-1], set(drawn[:-1])) == (56, "█", {"▃"})
    assert sparks.tone(buckets).plain == "▁" * 55 + "▇"
    few = replace(buckets, mentions=[0, 4, 1], negatives=[0] * 3, tone=[None, 0.0, -0.5])
    assert (sparks.volume(few), sparks.tone(few).plain) == ("·█▂", "·▅▃")
    assert sparks.volume(replace(few, mentions=[0, 0, 0])) == "···"


def test_lengths_are_told_in_their_largest_whole_unit() -> None:
    assert [sparks.length(s) for s in (300, 5400, 86_400, 604_800, 90)] == ["5m", "90m", "1d", "7d", "90s"]
