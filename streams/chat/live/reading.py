"""Reads a window out of streams' states, from the finest buckets that are still kept. Pure.

window -> Period (times.py) -> Plan: spans of buckets, once -> Figures of each state
"""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import cached_property
from typing import NamedTuple

from streams.chat.live.instruction import DEFAULT_WINDOW, Instruction
from streams.chat.live.result import Figures, Window
from streams.chat.live.times import Period, period
from streams.chat.turns import Market
from streams.news.groups import ALL, SECTOR, TOPIC, Group, group_of
from streams.news.trends import DOUBTED, RINGS, Ring, Span, believed, drawn, ratio
from streams.news.windows import COLUMNS, PER_DAY, TONE, WindowState, moment, seconds

ROUGH = 0.1  # of a window: by how much what is counted may differ from it before that is said
FINE, HOURS, DAYS = RINGS


class Plan(NamedTuple):
    """Spans of buckets that follow each other, oldest first, and the seconds [begin, end) they cover."""

    spans: tuple[Span, ...]
    begin_s: float
    end_s: float


class Sums(NamedTuple):
    """A state's headlines in a plan; `tones` is a sum, -1..1 each; `drawn` their mean as trends.drawn has it."""

    negatives: int
    neutrals: int
    positives: int
    tones: float
    mentions: int
    drawn: float

    def change(self, earlier: "Sums") -> float | None:
        """By how much the tone is better than it was; None where nothing was said in one of the two."""
        return round(self.drawn - earlier.drawn, 4) if self.mentions and earlier.mentions else None


NOTHING = Plan((), 0.0, 0.0)
NO_SUMS = Sums(0, 0, 0, 0.0, 0, 0.0)


class Reading:
    """A market at a moment. `sectors`: entity -> its sector, of the watchlist."""

    def __init__(self, market: Market, now: datetime, zone: tzinfo, sectors: Mapping[str, str]) -> None:
        self.market, self.now, self.zone, self.sectors = market, now.astimezone(zone), zone, sectors
        self.now_s = seconds(now)

    @cached_property
    def heard(self) -> WindowState | None:
        """The stream of all news."""
        return self.market.state(ALL)

    @cached_property
    def newest_s(self) -> float:
        """How far the clocks have come, now or the latest news: with it, buckets are dropped."""
        return max(self.now_s, self.heard.clock_s or 0.0) if self.heard else self.now_s

    @cached_property
    def heard_from_s(self) -> float | None:
        """The first day of which any news is kept; None where all days that are kept have some, or nothing has."""
        if self.heard is None or not self.heard.days:
            return None
        days = self.heard.days
        volumes = [sum(days[place : place + TONE]) for place in range(0, len(days), COLUMNS)]
        first = next((place for place, volume in enumerate(volumes) if volume), 0)
        return None if first == 0 else (self.heard.head // PER_DAY - len(volumes) + 1 + first) * float(DAYS.width_s)

    def period(self, window: str) -> Period:
        return period(window or DEFAULT_WINDOW, self.now, self.zone)

    def plan(self, asked: Period) -> Plan:
        """The buckets of a period, as far as it has passed."""
        passed = asked.until(self.now)
        return planned(seconds(passed.begin), seconds(passed.end), self.now_s, self.newest_s)

    def open(self, window: str) -> tuple[Window, Plan]:
        """What is said of a window, and how it is read."""
        return self.open_period(window or DEFAULT_WINDOW, self.period(window))

    def open_period(self, window: str, asked: Period) -> tuple[Window, Plan]:
        passed, plan = asked.until(self.now), self.plan(asked)
        begin_s, end_s = seconds(passed.begin), seconds(passed.end)
        kept_s = kept_from_s(DAYS, self.newest_s)
        missed_s = abs(plan.begin_s - max(begin_s, kept_s)) + abs(min(plan.end_s, max(self.now_s, end_s)) - end_s)
        known_s, rough_s = max(kept_s, self.heard_from_s or kept_s), ROUGH * (end_s - begin_s)
        return Window(
            window=window,
            begin=passed.begin,
            end=passed.end,
            counted_from=self.local(plan.begin_s) if plan.spans else None,
            counted_to=self.local(min(plan.end_s, max(self.now_s, end_s))) if plan.spans else None,
            approximate=bool(plan.spans) and missed_s > rough_s,
            reaches_only_to=self.local(known_s) if known_s - begin_s > rough_s else None,
            unfinished=seconds(asked.end) > self.now_s,
            ahead=seconds(asked.begin) >= self.now_s,
        ), plan

    def read(self, key: str, window: str) -> tuple[Window, Figures]:
        """One stream in a window."""
        opened, plan = self.open(window)
        return opened, self.figures(key, plan)

    def figures(self, key: str, plan: Plan) -> Figures:
        state = self.market.state(key)
        return unheard(group_of(key)) if state is None else self.figures_of(state, plan)

    def sums_of(self, state: WindowState, plan: Plan) -> Sums:
        """With what waits to be believed, as far as it may be by now."""
        return sums(believed(state, self.now_s) if state.ahead else state, plan)

    def figures_of(self, state: WindowState, plan: Plan, earlier: Plan | None = None) -> Figures:
        """A state's figures; with `earlier` also how the tone changed."""
        state = believed(state, self.now_s)
        here = sums(state, plan)
        return Figures(
            key=state.entity,
            name=state.name or group_of(state.entity).name,
            scope=state.scope,
            mentions=here.mentions,
            negatives=here.negatives,
            neutrals=here.neutrals,
            positives=here.positives,
            tone=ratio(here.tones, here.mentions),
            drawn=here.drawn,
            doubtful=here.mentions < DOUBTED,
            change=None if earlier is None else here.change(sums(state, earlier)),
            latest_at=None if state.clock_s is None else self.local(state.clock_s),
        )

    def local(self, at_s: float) -> datetime:
        return moment(at_s).astimezone(self.zone)


def keys_of(instruction: Instruction) -> list[str]:
    """The streams' keys; that of all news where none is named."""
    keys = [*instruction.entity]
    keys += [TOPIC + topic for topic in instruction.topic] + [SECTOR + sector for sector in instruction.sector]
    return keys or [ALL]


def unheard(group: Group) -> Figures:
    """Of a stream about which nothing was ever said."""
    return Figures(
        key=group.key, name=group.name, scope=group.scope, mentions=0, negatives=0, neutrals=0, positives=0, tone=None,
        drawn=0.0, doubtful=True,
    )  # fmt: skip


def kept_from_s(ring: Ring, newest_s: float) -> float:
    """Where a ring's oldest bucket begins."""
    return (int(newest_s // ring.width_s) - ring.size + 1) * float(ring.width_s)


def planned(begin_s: float, end_s: float, now_s: float, newest_s: float) -> Plan:
    """Days first, where only they are kept; then hours; five minutes at last: finer ones where they mend the end.

    Edges are rounded to the nearest bucket, but now's is counted whole.
    """
    begin_s = max(begin_s, kept_from_s(DAYS, newest_s))
    if end_s <= begin_s:
        return NOTHING
    spans: list[Span] = []
    edges = sections(begin_s, newest_s)
    while len(edges) > 1 and (end_s >= now_s or end_s % edges[0][0].width_s == 0):
        edges.pop()
    for (ring, from_s), until_s in zip(edges, [at_s for _, at_s in edges[1:]] + [end_s], strict=True):
        first = round(max(begin_s, from_s) / ring.width_s)
        last = round(min(end_s, until_s) / ring.width_s) - 1
        if until_s >= end_s >= now_s:
            last = int(end_s // ring.width_s)
        if until_s >= end_s and last < first and not spans:
            first = last = int((begin_s + end_s) / 2 // ring.width_s)  # a part of a bucket, or of two
        if from_s < end_s and first <= last:
            spans.append(Span(ring, first, last))
    first_s, last_s = spans[0].first * spans[0].ring.width_s, (spans[-1].last + 1) * spans[-1].ring.width_s
    return Plan(tuple(spans), float(first_s), float(last_s))


def sections(begin_s: float, newest_s: float) -> list[tuple[Ring, float]]:
    """Which ring is read from when on; a finer one begins where a bucket of the coarser one does."""
    found = [(DAYS, begin_s)]
    for ring, coarser in ((HOURS, DAYS), (FINE, HOURS)):
        from_s = kept_from_s(ring, newest_s)
        rough_s = abs(round(begin_s / coarser.width_s) * coarser.width_s - begin_s)
        if max(0.0, from_s - begin_s) < min(ring.width_s, rough_s) or begin_s >= from_s:
            found = [(ring, max(begin_s, from_s))]  # perhaps without a part of the first bucket, if that is less amiss
        else:
            found.append((ring, -(-from_s // coarser.width_s) * coarser.width_s))
    return found


def sums(state: WindowState, plan: Plan) -> Sums:
    """0 where the state's own clock has not come."""
    if state.clock_s is None or state.clock_s < plan.begin_s:
        return NO_SUMS
    negatives = neutrals = positives = hundredths = 0
    for span in plan.spans:
        counts: list[int] = getattr(state, span.ring.field)
        begin = max(0, len(counts) - COLUMNS * (state.head // span.ring.fine - span.first + 1))
        end = max(0, len(counts) - COLUMNS * (state.head // span.ring.fine - span.last))
        negatives += sum(counts[begin:end:COLUMNS])
        neutrals += sum(counts[begin + 1 : end : COLUMNS])
        positives += sum(counts[begin + 2 : end : COLUMNS])
        hundredths += sum(counts[begin + TONE : end : COLUMNS])
    mentions = negatives + neutrals + positives
    return Sums(negatives, neutrals, positives, hundredths / 100, mentions, round(drawn(hundredths / 100, mentions), 4))
