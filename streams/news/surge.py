"""A surge of bad news: more negatives lately than the entity's own past explains. One episode, told once.

    observation -> advance -> count -> expectation -> opened | grew | resolved

The decision is made for every observation and looks at nothing but the state, so how the stream was cut into
batches cannot change it. docs/detection.md has the mathematics.
"""

from math import expm1, inf
from typing import Literal, Self

import msgspec

from streams.news.baseline import SETTLED_H, Baseline, learned
from streams.news.looks import looks
from streams.news.peaks import MONTH_D, monthly, surprised
from streams.news.windows import BUCKET_S, FINE, HOURS, Episode, Mention, WindowState, advance, count, moment
from streams.records import EntityObservation, Transition

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
DAY_S = 86_400.0


class SurgeRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When negatives are a surge. The defaults suit news; all lengths of time in seconds of event time.

    The `..._alarms` say how often a month one entity without a surge may look so bad.
    """

    false_alarms: float = 0.2  # the promise: of 200 entities 40 a month, two a working day
    windows_s: tuple[float, ...] = (900.0, 3600.0, 7200.0)
    lateness_s: float = 7200.0
    minimum: int = 5  # fewer negatives in the longest window are never a surge
    hot_alarms: float = 30.0  # hysteresis: an open episode stays hot while it is what a day brings at most once
    warning_alarms: float = 1e-2
    critical_alarms: float = 1e-5
    critical_minimum: int = 12  # however unlikely, fewer are a warning
    growth: float = 2.0  # told again when the count has grown this many times
    calm_s: float = 3600.0  # over when it was not hot for so long
    cooldown_s: float = 6 * 3600.0  # no new episode so long after one

    @classmethod
    def social(cls) -> Self:
        """For streams of posts: hundreds an hour, restless every day; several waves of one story are one episode."""
        return cls(false_alarms=0.4, cooldown_s=DAY_S)

    def __post_init__(self) -> None:
        longest_s = (FINE - 1) * BUCKET_S
        if not self.windows_s or not all(BUCKET_S <= span <= longest_s for span in self.windows_s):
            raise ValueError(f"windows_s: got {self.windows_s}, wanted lengths of {BUCKET_S} to {longest_s} s")
        if not 0 <= self.lateness_s <= longest_s:
            raise ValueError(f"lateness_s: got {self.lateness_s}, wanted 0 to {longest_s} s")
        if min(self.calm_s, self.cooldown_s) < 1 or self.minimum < 1 or self.growth <= 1:
            raise ValueError("calm_s, cooldown_s and minimum must be at least 1, growth more than 1")
        if not 0 < self.false_alarms <= self.hot_alarms:
            raise ValueError(f"false_alarms: got {self.false_alarms}, wanted more than 0, hot_alarms at most")


class Verdict(msgspec.Struct, frozen=True):
    """How many moments so unlikely a month brings by chance, and the least likely window of those that hold enough."""

    alarms: float
    negatives: int = 0
    expected: float = 0.0
    span_s: float = 3600.0

    def p_value(self) -> float:
        """The chance that an hour without a surge holds a moment so unlikely."""
        return -expm1(-self.alarms / (MONTH_D * 24))


def observe(
    state: WindowState | None, observation: EntityObservation, rule: SurgeRule
) -> tuple[WindowState, list[Transition]]:
    """Fold one observation. The same state object and no transition when it was applied before."""
    new, mentions = advance(state, observation, rule.lateness_s)
    events = [transition for mention in mentions for transition in apply(new, mention, rule)]
    # several mentions may be believed at once: of one episode's equal transitions the last says it all
    return new, list({(each.episode, each.kind): each for each in events}.values())


def expire(state: WindowState, now_s: float, rule: SurgeRule) -> tuple[WindowState, list[Transition]]:
    """What time alone does: an open episode that has been calm long enough is over. Otherwise the same object.

    `now_s` is the stream's time, not the wall's: during a replay of old news the two are far apart. The transition is
    the one that a later observation of the entity would give, id included.
    """
    if state.episode is None or now_s < state.episode.hot_s + rule.calm_s:
        return state, []
    new = msgspec.structs.replace(state)
    return new, resolve(new, rule)


def apply(state: WindowState, mention: Mention, rule: SurgeRule) -> list[Transition]:
    """Count one mention into `state`, a fresh copy, and decide."""
    events: list[Transition] = []
    if state.episode is not None and mention.at_s >= state.episode.hot_s + rule.calm_s:
        events = resolve(state, rule)
    if not count(state, mention, rule.lateness_s):
        return events
    learn_past(state, rule)
    if mention.column == 0:
        events += decide(state, rule)
    return events


def learn_past(state: WindowState, rule: SurgeRule) -> None:
    """Let the baseline learn the hours that lateness and the longest window have left behind."""
    assert state.clock_s is not None
    if state.baseline.learned_until is None:
        # the hour in which an entity is first seen has a mention for certain: no fair sample of its past
        state.baseline = Baseline(learned_until=state.head // 12 + 1)
    done = int((state.clock_s - max(rule.lateness_s, *rule.windows_s)) // 3600)
    if (state.baseline.learned_until or 0) < done:
        first = state.head // 12 - HOURS + 1
        state.baseline = learned(state.baseline, state.hours[: 3 * (done - first) : 3], first)


def judge(state: WindowState, rule: SurgeRule) -> Verdict:
    """How this moment looks; `state`, a fresh copy, learns from it how often moments look so."""
    assert state.clock_s is not None
    seen = looks(state, rule.windows_s)
    surprise = max((look.surprise for look in seen), default=0.0)
    if state.baseline.exposure_h >= SETTLED_H:
        state.peaks = surprised(state.peaks, surprise, state.clock_s)
    worst = max((look for look in seen if look.negatives >= rule.minimum), key=lambda look: look.surprise, default=None)
    if worst is None:
        return Verdict(inf)
    # the surprise may be a shorter window's that holds less than the minimum; what is told holds it
    alarms = monthly(state.peaks, surprise, state.clock_s, state.baseline.tail_error())
    return Verdict(alarms, worst.negatives, worst.expected, worst.span_s)


def decide(state: WindowState, rule: SurgeRule) -> list[Transition]:
    """The transition that a new negative brings about, if any."""
    assert state.clock_s is not None
    verdict = judge(state, rule)
    if state.episode is not None:
        return grow(state, state.episode, verdict, rule)
    if verdict.alarms > rule.false_alarms or state.clock_s < state.quiet_until_s:
        return []
    opened = moment(state.clock_s)
    state.episode = Episode(
        id=f"{state.entity}:{opened.isoformat(timespec='seconds').replace('+00:00', 'Z')}",
        opened_s=state.clock_s,
        hot_s=state.clock_s,
        severity=severity_of(verdict, rule),
        reported=verdict.negatives,
        negatives=verdict.negatives,
        expected_per_s=verdict.expected / verdict.span_s,
        since_s=state.clock_s - verdict.span_s,
        p_value=verdict.p_value(),
    )
    return [told(state, state.episode, "opened", verdict, verdict.p_value())]


def grow(state: WindowState, episode: Episode, verdict: Verdict, rule: SurgeRule) -> list[Transition]:
    """Keep an open episode; tell it again when it doubled or became more severe."""
    assert state.clock_s is not None
    hot = verdict.alarms <= rule.hot_alarms
    severity = max(episode.severity, severity_of(verdict, rule), key=SEVERITIES.index)
    larger = verdict.negatives >= rule.growth * episode.reported or severity != episode.severity
    state.episode = msgspec.structs.replace(
        episode,
        hot_s=state.clock_s if hot else episode.hot_s,
        severity=severity,
        reported=max(verdict.negatives, episode.reported) if larger else episode.reported,
        negatives=episode.negatives + 1,
        p_value=min(episode.p_value, verdict.p_value()),
    )
    return [told(state, state.episode, "grew", verdict, verdict.p_value())] if larger else []


def resolve(state: WindowState, rule: SurgeRule) -> list[Transition]:
    """Close the open episode of `state`, a fresh copy, at the moment it was calm long enough."""
    episode = state.episode
    assert episode is not None
    over_s = episode.hot_s + rule.calm_s
    state.episode, state.quiet_until_s = None, over_s + rule.cooldown_s
    span_s = over_s - episode.since_s
    verdict = Verdict(0.0, episode.negatives, episode.expected_per_s * span_s, span_s)
    return [told(state, episode, "resolved", verdict, episode.p_value, over_s)]


def severity_of(verdict: Verdict, rule: SurgeRule) -> Severity:
    """How unlikely, and how large."""
    if verdict.alarms <= rule.critical_alarms and verdict.negatives >= rule.critical_minimum:
        return "critical"
    return "warning" if verdict.alarms <= rule.warning_alarms else "info"


def told(
    state: WindowState,
    episode: Episode,
    kind: Literal["opened", "grew", "resolved"],
    verdict: Verdict,
    p_value: float,
    at_s: float | None = None,
) -> Transition:
    """The transition as a record, with the headlines behind it, the most negative first."""
    since = moment(episode.since_s)
    return Transition(
        episode=episode.id,
        kind=kind,
        severity=episode.severity,
        at=moment(state.clock_s or 0.0) if at_s is None else moment(at_s),
        opened_at=moment(episode.opened_s),
        negatives=verdict.negatives,
        expected=verdict.expected,
        span_s=verdict.span_s,
        p_value=p_value,
        evidence=sorted((e for e in state.evidence if e.at >= since), key=lambda e: (-e.negative, e.at, e.news_id)),
    )
