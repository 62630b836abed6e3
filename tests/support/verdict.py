"""What must be true of Kafka's contents after any number of kills: read everything, compare with the pure functions."""

from collections import Counter, defaultdict
from typing import Any

import msgspec

from streams.news.alerts import EpisodeState, raise_once
from streams.news.surge import SurgeRule, observe
from streams.news.windows import BUCKET_S, FINE, WindowState, decode_state, summarize
from streams.records import SENTIMENTS, Alert, EntityObservation, ScoredNews, Summary
from streams.settings import Settings
from streams.tables import unwrap
from streams.topics import ALERTS, CHAT_ANSWERS, DEAD_LETTERS, ENTITY_SENTIMENTS, NEWS, SCORED_NEWS, SUMMARIES
from tests.support.news_flow import NewsFlow
from tests.support.topic_reader import Lying, read_topic


def judge(settings: Settings, flow: NewsFlow) -> dict[str, int]:
    """Assert all that docs/exactness.md promises; returns how many alerts there are, and how many copies of what."""
    read = {topic.name: read_topic(settings, topic.of(settings)) for topic in OUTPUTS}
    scored = once(read[SCORED_NEWS.name])
    assert scored.keys() == flow.texts.keys()
    for name, record in scored.items():
        origin = msgspec.json.decode(record.value, type=ScoredNews).origin
        assert (origin.partition, origin.offset) == flow.place(name)
    places = (flow.place(name) for name in flow.refused)
    assert once(read[DEAD_LETTERS.name]).keys() == {f"{NEWS.name}/{partition}@{offset}" for partition, offset in places}
    assert once(read[CHAT_ANSWERS.name], but="answered_at").keys() == {
        f"{question}:answer" for question in flow.questions
    }
    once(read[ENTITY_SENTIMENTS.name])

    states, summaries = folded(read[ENTITY_SENTIMENTS.name])
    assert latest(read_topic(settings, f"{settings.app_id}-windows-changelog")) == states
    told = {
        entity: {s: state.window((FINE - 1) * BUCKET_S, column) for column, s in enumerate(SENTIMENTS)}
        for entity, state in states.items()
    }
    assert told == {e: {s: counted[s] for s in SENTIMENTS} for e, counted in flow.counts().items()}
    assert all((state.late, state.future, state.duplicates) == (0, 0, 0) for state in states.values())

    transitions = {record.ce_id: record for record in read[SUMMARIES.name] if record.ce_id.count(":") > 1}
    assert once([*transitions.values()]).keys() == {summary.id for summary in summaries}
    once(read[SUMMARIES.name])

    alerts = [msgspec.json.decode(record.value, type=Alert) for record in read[ALERTS.name]]
    wanted = raised(summaries)
    assert Counter(alert.id for alert in alerts) == Counter(alert.id for alert in wanted)
    assert sorted(alerts, key=lambda alert: alert.id) == sorted(wanted, key=lambda alert: alert.id)
    copies = {topic: len(records) - len({r.ce_id for r in records}) for topic, records in read.items()}
    return {"alerts raised": len(alerts), **copies}


OUTPUTS = (SCORED_NEWS, DEAD_LETTERS, CHAT_ANSWERS, ENTITY_SENTIMENTS, SUMMARIES, ALERTS)


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


def folded(observations: list[Lying]) -> tuple[dict[str, WindowState], list[Summary]]:
    """The states that the observations make in the order in which they lie, and the summaries of what changed."""
    states: dict[str, WindowState] = {}
    summaries = []
    for record in observations:
        observation = msgspec.json.decode(record.value, type=EntityObservation)
        state, transitions = observe(states.get(observation.entity), observation, SurgeRule())
        states[observation.entity] = state
        summaries += [summarize(state, transition) for transition in transitions]
    return states, summaries


def latest(changelog: list[Lying]) -> dict[str, WindowState]:
    """What a worker with an empty store recovers."""
    return {msgspec.json.decode(r.key or b""): decode_state(unwrap(r.value)[1]) for r in changelog}


def raised(summaries: list[Summary]) -> list[Alert]:
    """Each alert that the summaries call for, once."""
    states: dict[str, EpisodeState] = defaultdict(EpisodeState)
    alerts = []
    for summary in summaries:
        states[summary.entity], alert = raise_once(states[summary.entity], summary)
        alerts += [alert] if alert else []
    return alerts
