"""A storm: episodes of many entities that open at nearly the same time, told as one. Pure.

surges (of all entities) -> observe_surge -> opened | grew | resolved
"""

from collections.abc import Sequence

import msgspec

from streams.news.evidence import SHOWN
from streams.news.groups import STORM, STORM_NAME
from streams.news.tails import tail
from streams.news.windows import BUCKET_S, FINE, WindowState, moment, seconds
from streams.records import Evidence, Kind, Series, Severity, Status, Summary, Surge, Transition

MEMBERS = 200  # openings remembered
SEEN = 512  # ids of surges remembered
KIND: Kind = "storm"


class StormRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When episodes are a storm: so many entities' within so short a time."""

    entities: int = 5
    within_s: float = 1800.0
    calm_s: float = 3600.0  # over when none opened for so long
    critical_entities: int = 15
    usual_a_day: float = 3.0  # episodes of a whole watchlist: what "expected" is told from


class Opening(msgspec.Struct, frozen=True, array_like=True):
    """An entity's episode as it opened."""

    at_s: float
    entity: str
    name: str
    evidence: Evidence | None = None


class StormState(msgspec.Struct):
    """The value in the `storms` table. Treat as immutable."""

    seen: list[str] = []
    openings: list[Opening] = []  # by time
    clock_s: float = 0.0  # the latest event time, and when that arrived
    seen_s: float = 0.0
    episode: str = ""
    opened_s: float = 0.0
    last_s: float = 0.0  # when the last member opened
    told: int = 0
    severity: Severity = "info"


_encoder, _decoder = msgspec.json.Encoder(), msgspec.json.Decoder(StormState)


def encode_storm(state: StormState) -> bytes:
    """The table's value, JSON."""
    return _encoder.encode(state)


def decode_storm(value: bytes) -> StormState:
    """Inverse of `encode_storm`. Raises msgspec.ValidationError for anything else."""
    return _decoder.decode(value)


def surge_of(state: WindowState, told: Transition) -> Surge | None:
    """What a storm may be made of: bad news about an entity that begins or ends; None for anything else."""
    if state.scope != "entity" or told.kind not in ("negatives", "share") or told.status == "grew":
        return None
    return Surge(
        id=f"{told.episode}:{told.status}",
        entity=state.entity,
        name=state.name,
        episode=told.episode,
        status=told.status,
        severity=told.severity,
        at=told.at,
        evidence=told.evidence[:1],
    )


def observe_surge(
    state: StormState, surge: Surge, rule: StormRule, seen_s: float = 0.0
) -> tuple[StormState, list[Transition]]:
    """Fold one surge, which arrived at `seen_s`. The same state and nothing for one that was folded before."""
    if surge.id in state.seen:
        return state, []
    new = msgspec.structs.replace(state, seen=[*state.seen[1 - SEEN :], surge.id])
    at_s = seconds(surge.at)
    told = calm(new, at_s, rule)
    if at_s > new.clock_s:
        new.clock_s, new.seen_s = at_s, seen_s
    if surge.status != "opened":
        return new, told
    opening = Opening(at_s, surge.entity, surge.name, surge.evidence[0] if surge.evidence else None)
    new.openings = sorted([*new.openings, opening], key=lambda each: (each.at_s, each.entity))[-MEMBERS:]
    return new, told + decide(new, at_s, rule)


def pass_time(state: StormState, now_s: float, rule: StormRule) -> tuple[StormState, list[Transition]]:
    """What time alone does: a storm that has been calm long enough is over. Otherwise the same object."""
    new = msgspec.structs.replace(state)
    told = calm(new, now_s, rule)
    return (new, told) if told else (state, [])


def calm(new: StormState, now_s: float, rule: StormRule) -> list[Transition]:
    if not new.episode or now_s < new.last_s + rule.calm_s:
        return []
    over_s = new.last_s + rule.calm_s
    named = entities([each for each in new.openings if each.at_s >= new.opened_s - rule.within_s])
    told = transition(new, "resolved", over_s, named, over_s - new.opened_s + rule.within_s, rule)
    new.episode, new.openings = "", [each for each in new.openings if each.at_s > new.last_s]
    return [told]


def decide(new: StormState, at_s: float, rule: StormRule) -> list[Transition]:
    """Whether the opening just added makes a storm, or makes it grow."""
    if new.episode:
        new.last_s = max(new.last_s, at_s)
        named = entities([each for each in new.openings if each.at_s >= new.opened_s - rule.within_s])
        severity = severity_of(len(named), rule)
        if len(named) < 2 * new.told and severity == new.severity:
            return []
        new.told, new.severity = len(named), severity
        return [transition(new, "grew", at_s, named, new.last_s - new.opened_s + rule.within_s, rule)]
    named = entities([each for each in new.openings if at_s - rule.within_s < each.at_s <= at_s])
    if len(named) < rule.entities:
        return []
    opened = moment(at_s)
    new.episode = f"{STORM}{opened.isoformat(timespec='seconds').replace('+00:00', 'Z')}"
    new.opened_s = new.last_s = at_s
    new.told, new.severity = len(named), severity_of(len(named), rule)
    return [transition(new, "opened", at_s, named, rule.within_s, rule)]


def entities(openings: Sequence[Opening]) -> list[Opening]:
    """The first opening of each entity."""
    firsts: dict[str, Opening] = {}
    for each in openings:
        firsts.setdefault(each.entity, each)
    return list(firsts.values())


def severity_of(members: int, rule: StormRule) -> Severity:
    return "critical" if members >= rule.critical_entities else "warning"


def transition(
    state: StormState, status: Status, at_s: float, named: list[Opening], span_s: float, rule: StormRule
) -> Transition:
    """The transition as a record, with one headline of each of the first entities."""
    expected = rule.usual_a_day * span_s / 86_400
    return Transition(
        episode=state.episode,
        status=status,
        kind=KIND,
        rule=KIND,
        severity=state.severity,
        at=moment(at_s),
        opened_at=moment(state.opened_s),
        observed=len(named),
        expected=expected,
        span_s=span_s,
        p_value=tail(len(named), expected, 0.0),
        evidence=[each.evidence for each in named if each.evidence is not None][:SHOWN],
        series=series(state, at_s, expected * BUCKET_S / span_s, rule),
        members=[each.entity for each in named],
    )


def series(state: StormState, at_s: float, expected: float, rule: StormRule) -> Series:
    """Openings of the last three hours in buckets of five minutes."""
    values, head = [0.0] * FINE, int(at_s // BUCKET_S)
    for each in state.openings:
        age = head - int(each.at_s // BUCKET_S)
        if 0 <= age < FINE:
            values[FINE - 1 - age] += 1.0
    return Series(
        bucket_s=BUCKET_S,
        values=[*values],
        expected=round(expected, 4),
        threshold=round(rule.entities * BUCKET_S / rule.within_s, 4),
    )


def summary_of(told: Transition) -> Summary:
    """What carries a storm's transition to the alerts."""
    return Summary(
        id=f"{told.episode}:{told.status}:{len(told.members)}",
        entity=STORM,
        name=STORM_NAME,
        scope="all",
        at=told.at,
        applied=len(told.members),
        negatives=0,
        neutrals=0,
        positives=0,
        window_s=told.span_s,
        index=0.0,
        transition=told,
    )
