"""What must be true of Kafka's contents after any number of kills: read everything, compare with the pure functions."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from streams.news.alerts import EpisodeState, raise_once
from streams.news.storms import StormRule, StormState, decode_storm, observe_surge, pass_time, summary_of
from streams.news.summary import summarize
from streams.news.surge import Watching, expire, fold, open_episodes
from streams.news.windows import GRACE_S, Live, WindowState, decode_state, seconds
from streams.records import (
    SENTIMENTS,
    Alert,
    Answer,
    EntityObservation,
    GroupSentiments,
    ScoredNews,
    Summary,
    Surge,
    Tick,
)
from streams.settings import Settings
from streams.tables import unwrap
from streams.topics import (
    ALERTS,
    CHAT_ANSWERS,
    CHAT_QUESTIONS,
    DEAD_LETTERS,
    ENTITY_SENTIMENTS,
    GROUP_SENTIMENTS,
    HANDOVER_REPLIES,
    HANDOVERS,
    SCORED_NEWS,
    SUMMARIES,
    SURGES,
    Topic,
)
from streams.watching import OPEN, Told, decode_open, entity_told, group_told
from tests.support.conversed import conversed
from tests.support.fake_worker import SECTORS
from tests.support.news_flow import NewsFlow
from tests.support.topic_reader import Lying, read_topic

WINDOW_S = 10_800.0  # all of a run lies within
BY_ENTITY, IN_GROUPS = Watching(), Watching(())


def judge(settings: Settings, flow: NewsFlow) -> dict[str, int]:
    """Assert all that docs/exactness.md promises; returns how many alerts there are, and how many copies of what."""
    read = {topic.name: read_topic(settings, topic.of(settings)) for topic in OUTPUTS}
    scored = once(read[SCORED_NEWS.name])
    assert scored.keys() == flow.texts.keys()
    for name, record in scored.items():
        origin = msgspec.json.decode(record.value, type=ScoredNews).origin
        assert (origin.partition, origin.offset) == flow.place(name)
    assert once(read[DEAD_LETTERS.name]).keys() == {
        "{}/{}@{}".format(flow.topics[name].name, *flow.place(name)) for name in flow.refused
    }
    chat(settings, flow, read)
    once(read[ENTITY_SENTIMENTS.name])
    once(read[GROUP_SENTIMENTS.name])

    states, summaries = folded(read[ENTITY_SENTIMENTS.name], EntityObservation, entity_told, BY_ENTITY)
    assert latest(read_topic(settings, f"{settings.app_id}-windows-changelog")) == states
    assert counts_of(states) == {e: {s: counted[s] for s in SENTIMENTS} for e, counted in flow.counts().items()}
    groups, _ = folded(read[GROUP_SENTIMENTS.name], GroupSentiments, group_told, IN_GROUPS)
    assert latest(read_topic(settings, f"{settings.app_id}-groups-changelog")) == groups
    counts, said = counts_of(groups), Counter(sentiment for *_, sentiment in flow.texts.values())
    assert counts["all:"] == {s: said[s] for s in SENTIMENTS}
    assert added(counts[key] for key in counts if key.startswith("topic:")) == counts["all:"]
    in_sector = Counter(text[-1] for text in flow.texts.values() if any(entity in SECTORS for entity in text))
    assert counts["sector:tens"] == {s: in_sector[s] for s in SENTIMENTS}
    for state in [*states.values(), *groups.values()]:
        assert (state.late, state.future, state.duplicates) == (0, 0, 0)

    told = {record.ce_id: record for record in read[SUMMARIES.name] if b'"transition":null' not in record.value}
    stormy = storms(read[SURGES.name], read_topic(settings, f"{settings.app_id}-storms-changelog"))
    summaries += stormy
    assert once([*told.values()]).keys() == {summary.id for summary in summaries}
    once(read[SUMMARIES.name])

    alerts = [msgspec.json.decode(record.value, type=Alert) for record in read[ALERTS.name]]
    wanted = raised(summaries)
    assert Counter(alert.id for alert in alerts) == Counter(alert.id for alert in wanted)
    assert sorted(alerts, key=lambda alert: alert.id) == sorted(wanted, key=lambda alert: alert.id)
    copies = {topic: len(records) - len({r.ce_id for r in records}) for topic, records in read.items()}
    storms_told = sum(alert.kind == "storm" for alert in alerts)
    return {"alerts raised": len(alerts), "of storms": storms_told, **copies}


def chat(settings: Settings, flow: NewsFlow, read: dict[str, list[Lying]]) -> None:
    """Each question and each reply is answered once, in order, from the state that the answer before it left."""
    answers = [msgspec.json.decode(record.value, type=Answer) for record in read[CHAT_ANSWERS.name]]
    told = Counter(answer.id for answer in answers)
    wanted = Counter([*(f"{name}:answer" for name in flow.questions), *(f"{name}:reply" for name in flow.replies)])
    assert told == wanted, f"too often: {told - wanted}; missing: {wanted - told}"
    states, handovers = conversed(answers, came(settings, CHAT_QUESTIONS), came(settings, HANDOVER_REPLIES))
    told_of = {record.ce_id for record in read[HANDOVERS.name]}  # after a kill, also from the state of another moment
    assert handovers <= told_of <= {f"{name}:handover" for name in flow.questions}
    assert {name: state.turns for name, state in states.items()} == Counter(flow.questions.values())


def came(settings: Settings, topic: Topic) -> dict[tuple[int, int], Any]:
    """Place -> a record of a topic, and when it came."""
    return {
        (record.partition, record.offset): (
            msgspec.json.decode(record.value, type=topic.record),
            datetime.fromtimestamp(record.timestamp_ms / 1000, UTC),
        )
        for record in read_topic(settings, topic.of(settings))
    }


OUTPUTS = (
    SCORED_NEWS,
    DEAD_LETTERS,
    CHAT_ANSWERS,
    HANDOVERS,
    ENTITY_SENTIMENTS,
    GROUP_SENTIMENTS,
    SURGES,
    SUMMARIES,
    ALERTS,
)


def once(records: list[Lying], but: str = "") -> dict[str, Lying]:
    """Id -> its first record; all others of the id are the same in key, partition and value, the field `but` aside."""
    first: dict[str, Lying] = {}
    for record in records:
        known = first.setdefault(record.ce_id, record)
        assert (known.partition, known.key) == (record.partition, record.key)
        assert known.value == record.value or without(known.value, but) == without(record.value, but), record.ce_id
    return first


def without(value: bytes, field: str) -> Any:
    decoded = msgspec.json.decode(value)
    decoded.pop(field, None)
    return decoded


def folded(
    records: list[Lying], kind: Any, told: Callable[[Any], Told], watching: Watching
) -> tuple[dict[str, WindowState], list[Summary]]:
    """The states that the records make in the order in which they lie, and the summaries of what changed."""
    lives: dict[str, Live] = {}
    places: dict[str, int] = {}
    summaries = []
    for record in records:
        if record.headers["ce_type"] == Tick.TYPE.encode():
            now_s = seconds(msgspec.json.decode(record.value, type=Tick).at) - GRACE_S
            for key in [key for key, partition in places.items() if partition == record.partition]:
                state = lives[key].state
                summaries += [summarize(state, each) for each in expire(state, now_s, watching)]
            continue
        one = told(msgspec.json.decode(record.value, type=kind))
        live = lives.setdefault(one.key, Live(WindowState(entity=one.key, scope=one.scope)))
        assert places.setdefault(one.key, record.partition) == record.partition
        for sighting in one.sightings:
            transitions = fold(live, sighting, watching, one.name)
            summaries += [summarize(live.state, each) for each in transitions or ()]
    return {key: live.settled() for key, live in lives.items()}, summaries


def counts_of(states: dict[str, WindowState]) -> dict[str, dict[str, int]]:
    """Counted, or waiting for a second opinion on the date."""
    return {
        key: {
            s: state.window(WINDOW_S, column) + sum(mention.column == column for mention in state.ahead)
            for column, s in enumerate(SENTIMENTS)
        }
        for key, state in states.items()
    }


def added(counts: Any) -> dict[str, int]:
    total: Counter[str] = Counter(dict.fromkeys(SENTIMENTS, 0))
    for each in counts:
        total.update(each)
    return dict(total)


def latest(changelog: list[Lying]) -> dict[str, WindowState]:
    """What a worker with an empty store recovers. Asserts that each partition knows its open episodes."""
    values = {(r.partition, msgspec.json.decode(r.key or b"")): unwrap(r.value)[1] for r in changelog}
    states = {(partition, key): decode_state(value) for (partition, key), value in values.items() if key != OPEN}
    for partition in {partition for partition, _ in values}:
        known = values.get((partition, OPEN))
        opened = {key for (p, key), state in states.items() if p == partition and open_episodes(state)}
        assert set(decode_open(known).keys if known else ()) == opened
    return {key: state for (_, key), state in states.items()}


def storms(surges: list[Lying], changelog: list[Lying]) -> list[Summary]:
    """The summaries of the storms that the surges make in the order in which they lie; the table's value is held
    against them."""
    state, summaries = StormState(), []
    for record in surges:
        if record.headers["ce_type"] == Tick.TYPE.encode():
            state, told = pass_time(state, seconds(msgspec.json.decode(record.value, type=Tick).at), StormRule())
        else:
            state, told = observe_surge(state, msgspec.json.decode(record.value, type=Surge), StormRule())
        summaries += map(summary_of, told)
    if changelog:
        kept = decode_storm(unwrap(changelog[-1].value)[1])
        assert msgspec.structs.replace(kept, seen_s=0.0) == state
    return summaries


def raised(summaries: list[Summary]) -> list[Alert]:
    """Each alert that the summaries call for, once."""
    states: dict[str, EpisodeState] = defaultdict(EpisodeState)
    alerts = []
    for summary in summaries:
        states[summary.entity], alert = raise_once(states[summary.entity], summary)
        alerts += [alert] if alert else []
    return alerts
