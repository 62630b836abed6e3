"""An episode: lately a stream is not what its own past explains. Opened once, told as it grows, resolved once.

    sighting -> advance -> count -> expectation -> opened | grew | resolved

The decision is made for every sighting and looks at nothing but the state, so how the stream was cut into batches
cannot change it. docs/detection.md has the mathematics.
"""

from bisect import bisect_left
from collections.abc import Iterable
from functools import cached_property
from math import expm1, inf
from typing import Literal

import msgspec

from streams.news.baseline import SETTLED_H, Baseline, learned
from streams.news.evidence import evidence_for, series_for
from streams.news.levels import Level, taught
from streams.news.looks import Look, count_look, looks
from streams.news.peaks import MONTH_D, THRESHOLD, monthly, surprised
from streams.news.windows import (
    BUCKET_S,
    COLUMNS,
    FINE,
    HOURS,
    NEGATIVE,
    PER_HOUR,
    Detector,
    Episode,
    Live,
    Mention,
    Sighting,
    WindowState,
    advance,
    copied,
    count,
    moment,
    per_bucket,
)
from streams.records import Kind, Severity, Status, Transition

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
DAY_S = 86_400.0
COUNTS: tuple[Kind, ...] = ("negatives", "volume")
WINDOWS_S: dict[Kind, tuple[float, ...]] = {
    "negatives": (900.0, 3600.0, 7200.0),
    "volume": (900.0, 3600.0, 7200.0),
    "share": (3600.0, 6 * 3600.0, DAY_S),
    "turn": (6 * 3600.0, DAY_S),
}
MINIMUM: dict[Kind, int] = {"negatives": 5, "volume": 10, "share": 6, "turn": 10}
CALM_S: dict[Kind, float] = {"negatives": 3600.0, "volume": 3600.0, "share": 6 * 3600.0, "turn": 6 * 3600.0}


class SurgeRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a stream is unusual. The defaults suit news; all lengths of time in seconds of event time.

    The `..._alarms` say how often a month one stream without a surge may look so bad. `windows_s`, `minimum` and
    `calm_s` left at 0 are the kind's own.
    """

    name: str = "negatives"
    kind: Literal["negatives", "share", "volume", "turn"] = "negatives"
    false_alarms: float = 0.4  # the promise: of 200 busy entities 80 a month, not quite three a day
    windows_s: tuple[float, ...] = ()
    minimum: int = 0  # fewer negatives (volume, turn: mentions) in the longest window are never a surge
    hot_alarms: float = 30.0  # hysteresis: an open episode stays hot while it is what a day brings at most once
    warning_alarms: float = 1e-2
    critical_alarms: float = 1e-5
    critical_minimum: int = 12  # however unlikely, fewer are a warning
    growth: float = 2.0  # told again when a count has grown this many times
    calm_s: float = 0.0  # over when it was not hot for so long
    cooldown_s: float = (
        18 * 3600.0
    )  # no new episode so long after one, unless critical where that was not, and much larger

    def __post_init__(self) -> None:
        for field, own in (("windows_s", WINDOWS_S), ("minimum", MINIMUM), ("calm_s", CALM_S)):
            if not getattr(self, field):
                msgspec.structs.force_setattr(self, field, own[self.kind])
        longest_s = (FINE - 1) * BUCKET_S if self.kind in COUNTS else HOURS * 3600
        if not all(BUCKET_S <= span <= longest_s for span in self.windows_s):
            raise ValueError(f"windows_s: got {self.windows_s}, wanted lengths of {BUCKET_S} to {longest_s} s")
        if min(self.calm_s, self.cooldown_s) < 1 or self.minimum < 1 or self.growth <= 1:
            raise ValueError("calm_s, cooldown_s and minimum must be at least 1, growth more than 1")
        if not 0 < self.false_alarms <= self.hot_alarms:
            raise ValueError(f"false_alarms: got {self.false_alarms}, wanted more than 0, {self.hot_alarms} at most")


class Watching(msgspec.Struct, frozen=True, dict=True):
    """What is watched for in one stream, at most one rule a kind, and how late a record may come to be counted."""

    rules: tuple[SurgeRule, ...] = (SurgeRule(),)
    lateness_s: float = 7200.0

    def __post_init__(self) -> None:
        longest_s = (FINE - 1) * BUCKET_S
        if not 0 <= self.lateness_s <= longest_s:
            raise ValueError(f"lateness_s: got {self.lateness_s}, wanted 0 to {longest_s} s")
        if len({rule.kind for rule in self.rules}) < len(self.rules):
            raise ValueError("of each kind one rule a stream, got several")

    @cached_property
    def learning(self) -> tuple[tuple[SurgeRule, float], ...]:
        """The rules whose detectors learn, and how long an hour has to be past for that."""
        # negatives are learned without a rule, too: summaries tell what was expected
        known = any(rule.kind == "negatives" for rule in self.rules)
        rules = self.rules if known else (*self.rules, SurgeRule())
        return tuple((rule, max(self.lateness_s, *rule.windows_s)) for rule in rules)


class Verdict(msgspec.Struct, frozen=True):
    """How many moments so unlikely a month brings by chance, and the least likely window of those that hold enough."""

    alarms: float
    observed: float = 0.0
    expected: float = 0.0
    span_s: float = 3600.0
    support: int = 0

    def p_value(self) -> float:
        """The chance that an hour without a surge holds a moment so unlikely."""
        return -expm1(-self.alarms / (MONTH_D * 24))


NOTHING = Verdict(inf)


def observe(
    state: WindowState | None, sighting: Sighting, watching: Watching, entity: str = "", name: str = ""
) -> tuple[WindowState, list[Transition]]:
    """Fold one sighting into a copy. The same state object and no transition when it was applied before."""
    live = Live(WindowState(entity=entity) if state is None else copied(state))
    told = fold(live, sighting, watching, name)
    return (live.settled(), told) if told is not None else (state or live.state, [])


def fold(live: Live, sighting: Sighting, watching: Watching, name: str) -> list[Transition] | None:
    """Fold one sighting in place. None when it was applied before."""
    state = live.state
    if sighting.offset <= state.watermarks.get(sighting.partition, -1):
        return None
    state.name = name or state.name
    mentions = advance(live, sighting, watching.lateness_s)
    if len(mentions) == 1:
        return apply(state, mentions[0], watching)
    events = [transition for mention in mentions for transition in apply(state, mention, watching)]
    # several mentions may be believed at once: of one episode's equal transitions the last says it all
    return list({(each.episode, each.status): each for each in events}.values())


def expire(state: WindowState, now_s: float, watching: Watching) -> list[Transition]:
    """What time alone does, in place: open episodes that have been calm long enough are over.

    `now_s` is the stream's time, not the wall's: during a replay of old news the two are far apart. The transitions are
    those that a later observation would give.
    """
    events: list[Transition] = []
    for kind, detector in state.detectors.items():
        if detector.episode is not None:
            events += over(state, detector, now_s, rule_of(kind, watching))
    return events


def rule_of(kind: str, watching: Watching) -> SurgeRule:
    """The rule for a kind; the kind's defaults where it is gone, for its open episode has to end all the same."""
    for rule in watching.rules:
        if rule.kind == kind:
            return rule
    return SurgeRule(name=kind, kind=kind)  # type: ignore[arg-type]  # a detector's is one of a rule's kinds


def over(state: WindowState, detector: Detector, now_s: float, rule: SurgeRule) -> list[Transition]:
    if detector.episode is None or now_s < detector.episode.hot_s + rule.calm_s:
        return []
    return resolve(state, detector, detector.episode, rule)


def open_episodes(state: WindowState) -> int:
    return sum(detector.episode is not None for detector in state.detectors.values())


def apply(state: WindowState, mention: Mention, watching: Watching) -> list[Transition]:
    """Count one mention, in place, and decide."""
    events = expire(state, mention.at_s, watching) if state.detectors else []
    if not count(state, mention, watching.lateness_s):
        return events
    learn_past(state, watching)
    for rule in watching.rules:
        if rule.kind != "negatives" or mention.column == NEGATIVE:
            events += decide(state, state.detectors[rule.kind], rule)
    return events


def learn_past(state: WindowState, watching: Watching) -> None:
    """Let every detector learn the hours that lateness and its longest window have left behind."""
    assert state.clock_s is not None
    first = state.head // PER_HOUR - HOURS + 1
    for rule, past_s in watching.learning:
        detector = state.detectors.get(rule.kind)
        if detector is None:
            # the hour in which a stream is first seen has a mention for certain: no fair sample of its past
            hour = state.head // PER_HOUR + 1
            detector = Detector(baseline=Baseline(learned_until=hour), level=Level(learned_until=hour))
            state.detectors[rule.kind] = detector
        done = int((state.clock_s - past_s) // 3600)
        if rule.kind in COUNTS:
            if (detector.baseline.learned_until or 0) < done:
                detector.baseline = learned(
                    detector.baseline, per_bucket(state.hours[: COLUMNS * (done - first)], rule.kind), first
                )
        elif (detector.level.learned_until or 0) < done:
            detector.level = taught(detector.level, state.hours[: COLUMNS * (done - first)], first, COLUMNS)


def settled(detector: Detector, rule: SurgeRule) -> bool:
    """Whether enough is known for surprises to teach."""
    if rule.kind in COUNTS:
        return detector.baseline.exposure_h >= SETTLED_H
    return detector.level.mentions >= 2 * rule.minimum


def judge(state: WindowState, detector: Detector, rule: SurgeRule) -> Verdict:
    """How this moment looks; the detector learns from it how often moments look so."""
    assert state.clock_s is not None
    # without an episode nothing up to the threshold changes anything, and a tail takes its time
    over = THRESHOLD if detector.episode is None else 0.0
    seen = looks(state, rule.kind, detector, rule.windows_s, over)
    surprise = max([look.surprise for look in seen]) if seen else 0.0
    if settled(detector, rule):
        detector.peaks = surprised(detector.peaks, surprise, state.clock_s)
    elif rule.kind not in COUNTS:
        return NOTHING  # of a share or a tone nothing is known yet
    if not seen:
        return NOTHING
    return verdict_of(state, detector, seen, surprise, rule)


def verdict_of(
    state: WindowState, detector: Detector, seen: Iterable[Look], surprise: float, rule: SurgeRule
) -> Verdict:
    worst = max((look for look in seen if look.support >= rule.minimum), key=lambda look: look.surprise, default=None)
    if worst is None:
        return NOTHING
    # the surprise may be a shorter window's that holds less than the minimum; what is told holds it
    error = detector.baseline.tail_error() if rule.kind in COUNTS else 0.0
    alarms = monthly(detector.peaks, surprise, state.clock_s or 0.0, error)
    return Verdict(alarms, worst.observed, worst.expected, worst.span_s, worst.support)


def decide(state: WindowState, detector: Detector, rule: SurgeRule) -> list[Transition]:
    """The transition that a new mention brings about, if any."""
    assert state.clock_s is not None
    verdict = judge(state, detector, rule)
    if detector.episode is not None:
        return grow(state, detector, detector.episode, verdict, rule)
    if verdict.alarms > rule.false_alarms:
        return []
    severity = severity_of(verdict, rule)
    if state.clock_s < detector.quiet_until_s and not (
        severity == "critical" != detector.severity and verdict.observed >= rule.growth**2 * detector.told
    ):
        return []
    counts = rule.kind in COUNTS
    opened = moment(state.clock_s).isoformat(timespec="seconds").replace("+00:00", "Z")
    detector.episode = Episode(
        id=f"{state.entity}:{opened}" if rule.kind == "negatives" else f"{state.entity}:{rule.kind}:{opened}",
        opened_s=state.clock_s,
        hot_s=state.clock_s,
        severity=severity,
        told=verdict.observed,
        observed=verdict.observed,
        expected=verdict.expected / verdict.span_s if counts else verdict.expected,
        since_s=state.clock_s - verdict.span_s,
        p_value=verdict.p_value(),
    )
    return [told(state, detector, detector.episode, "opened", verdict, rule)]


def grow(
    state: WindowState, detector: Detector, episode: Episode, verdict: Verdict, rule: SurgeRule
) -> list[Transition]:
    """Keep an open episode; tell it again when it doubled or became more severe."""
    assert state.clock_s is not None
    severity = max(episode.severity, severity_of(verdict, rule), key=SEVERITIES.index)
    doubled = rule.kind in COUNTS and verdict.observed >= rule.growth * episode.told
    larger = doubled or severity != episode.severity
    if rule.kind in COUNTS:
        observed = episode.observed + 1
    else:
        observed = max(
            (episode.observed, verdict.observed if verdict.support else episode.observed),
            key=lambda value: abs(value - episode.expected),
        )
    detector.episode = msgspec.structs.replace(
        episode,
        hot_s=state.clock_s if verdict.alarms <= rule.hot_alarms else episode.hot_s,
        severity=severity,
        told=max(verdict.observed, episode.told) if larger else episode.told,
        observed=observed,
        p_value=min(episode.p_value, verdict.p_value()),
    )
    return [told(state, detector, detector.episode, "grew", verdict, rule)] if larger else []


def resolve(state: WindowState, detector: Detector, episode: Episode, rule: SurgeRule) -> list[Transition]:
    """Close the open episode at the moment it was calm long enough."""
    over_s = episode.hot_s + rule.calm_s
    detector.episode, detector.quiet_until_s = None, over_s + rule.cooldown_s
    detector.severity, detector.told = episode.severity, episode.told
    span_s = over_s - episode.since_s
    expected = episode.expected * span_s if rule.kind in COUNTS else episode.expected
    verdict = Verdict(0.0, episode.observed, expected, span_s)
    return [told(state, detector, episode, "resolved", verdict, rule, over_s)]


def severity_of(verdict: Verdict, rule: SurgeRule) -> Severity:
    """How unlikely, and how large."""
    if verdict.alarms <= rule.critical_alarms and verdict.support >= rule.critical_minimum:
        return "critical"
    return "warning" if verdict.alarms <= rule.warning_alarms else "info"


def told(
    state: WindowState,
    detector: Detector,
    episode: Episode,
    status: Status,
    verdict: Verdict,
    rule: SurgeRule,
    at_s: float | None = None,
) -> Transition:
    """The transition as a record, with the headlines and the numbers behind it."""
    return Transition(
        episode=episode.id,
        status=status,
        kind=rule.kind,
        rule=rule.name,
        severity=episode.severity,
        at=moment(state.clock_s or 0.0) if at_s is None else moment(at_s),
        opened_at=moment(episode.opened_s),
        observed=verdict.observed,
        expected=verdict.expected,
        span_s=verdict.span_s,
        p_value=episode.p_value if status == "resolved" else verdict.p_value(),
        evidence=evidence_for(state, rule.kind, episode),
        series=series_for(state, rule.kind, detector, verdict.span_s, threshold(state, detector, verdict, rule)),
    )


def threshold(state: WindowState, detector: Detector, verdict: Verdict, rule: SurgeRule) -> float | None:
    """The smallest count that opens in the verdict's window, now; at most the verdict's own if that opened, be it
    because a shorter window in it is less likely still. None where no count decides."""
    if rule.kind not in COUNTS or verdict.span_s not in rule.windows_s:
        return None
    dispersion = detector.baseline.dispersion(state.head // PER_HOUR)

    def opens(counted: int) -> bool:
        look = count_look(state, counted, verdict.expected, dispersion, verdict.span_s, rule.windows_s)
        return verdict_of(state, detector, [look], look.surprise, rule).alarms <= rule.false_alarms

    least = float(bisect_left(range(10 * int(verdict.observed + verdict.expected) + 100), True, key=opens))
    return min(least, verdict.observed) if verdict.alarms <= rule.false_alarms else least
