"""How streams stand, and how they changed: figures of a window from their states, in event time. Pure.

WindowStates -> latest moment -> Trend of each -> ranked
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from models.errors import InputError
from streams.news.windows import (
    BUCKET_S,
    COLUMNS,
    DAYS,
    FINE,
    HOURS,
    PER_DAY,
    PER_HOUR,
    TONE,
    Detector,
    WindowState,
    counting,
    moment,
)
from streams.records import Kind, Scope

Order = Literal["worst", "best", "busiest", "moved"]
ORDERS: tuple[Order, ...] = ("worst", "best", "busiest", "moved")
DOUBTED = 5.0  # neutral mentions added before tones are ranked: one headline makes nothing the worst of all
CLOCK_S = 7200.0  # what waits for a second opinion counts up to so long past everybody's latest moment


class Ring(NamedTuple):
    """Buckets of one width that a state keeps: each `fine` ones wide, as many as `size`."""

    field: Literal["fine", "hours", "days"]
    fine: int
    size: int

    @property
    def width_s(self) -> int:
        return self.fine * BUCKET_S


RINGS = (Ring("fine", 1, FINE), Ring("hours", PER_HOUR, HOURS), Ring("days", PER_DAY, DAYS))


class Span(NamedTuple):
    """Whole buckets of a ring, `first` to `last`, numbered since 1970."""

    ring: Ring
    first: int
    last: int


class Sums(NamedTuple):
    """Per bucket, oldest first; `tones` are sums, -1..1 each mention."""

    negatives: list[int]
    neutrals: list[int]
    positives: list[int]
    tones: list[float]

    def mentions(self) -> int:
        return sum(self.negatives) + sum(self.neutrals) + sum(self.positives)


class Buckets(msgspec.Struct, frozen=True, kw_only=True):
    """A window's buckets, oldest first, all whole but the newest; a bucket's `tone` is None where nothing was said."""

    bucket_s: int
    begin: datetime
    mentions: list[int]
    negatives: list[int]
    tone: list[float | None]


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """A stream's figures in a window that ends at `at`. `tone` is the mean over mentions, -1..1, None without any.

    `before_…` are those of the same length of time right before, None where that is not kept any more. `index` is what
    summaries have. Counts begin with the window's first bucket.
    """

    key: str
    name: str
    scope: Scope
    at: datetime
    window_s: int
    mentions: int
    negatives: int
    neutrals: int
    positives: int
    tone: float | None
    index: float
    before_mentions: int | None
    before_tone: float | None
    change: float | None  # of the tones, each drawn to 0; None where one is not known
    latest_at: datetime  # when it was last heard of
    open: list[Kind]  # episodes
    buckets: Buckets


def latest(states: Iterable[WindowState]) -> float | None:
    """The latest moment that any stream believes, in seconds; None when there is none."""
    return max((state.clock_s for state in states if state.clock_s is not None), default=None)


def span(window_s: int, now_s: float, latest_s: float) -> Span:
    """The buckets that cover the last `window_s` before `now_s`, of the finest ring that keeps them all.

    `latest_s` is how far any stream's clock has come: with it, rings have moved on. Raises InputError.
    """
    if window_s < BUCKET_S:
        raise InputError(f"a window of {window_s} s: wanted {BUCKET_S // 60}m at least, which is the smallest bucket")
    found = kept(window_s, int(now_s // BUCKET_S), int(max(now_s, latest_s) // BUCKET_S))
    if found is None:
        when = f" before {moment(now_s):%Y-%m-%d %H:%M}" if now_s < latest_s - BUCKET_S else ""
        raise InputError(
            f"a window of {window_s / 86_400:g} days{when}: streams keep {DAYS} days up to "
            f"{moment(max(now_s, latest_s)):%Y-%m-%d %H:%M} UTC; ask for a shorter one, or a later moment"
        )
    return found


def before(window: Span, window_s: int, newest_s: float) -> Span | None:
    """As much right before a window, in whole buckets; None where that is not kept any more."""
    return kept(window_s, window.first * window.ring.fine - 1, int(newest_s // BUCKET_S), whole=True)


def kept(window_s: int, last: int, newest: int, whole: bool = False) -> Span | None:
    """Buckets of the finest ring that still has them, up to the one that holds the fine bucket `last`.

    `newest` is the newest fine bucket of any stream. `whole`: none that reaches past `last`.
    """
    for ring in RINGS:
        end = (last + 1) // ring.fine - 1 if whole else last // ring.fine
        first = end - -(-window_s // ring.width_s) + 1
        if first > newest // ring.fine - ring.size:
            return Span(ring, first, end)
    return None


def trend(state: WindowState, window: Span, window_s: int, now_s: float, latest_s: float) -> Trend | None:
    """A stream's figures; None for one that was never heard of."""
    state = believed(state, now_s)
    if state.clock_s is None:
        return None
    sums, past = sums_of(state, window), before(window, window_s, max(now_s, latest_s))
    earlier = None if past is None else sums_of(state, past)
    mentions, total = sums.mentions(), sum(sums.tones)
    before_mentions = earlier.mentions() if earlier else None
    change = None
    if mentions and earlier and before_mentions:
        change = drawn(total, mentions) - drawn(sum(earlier.tones), before_mentions)
    return Trend(
        key=state.entity,
        name=state.name or state.entity,
        scope=state.scope,
        at=moment(now_s),
        window_s=window_s,
        mentions=mentions,
        negatives=sum(sums.negatives),
        neutrals=sum(sums.neutrals),
        positives=sum(sums.positives),
        tone=ratio(total, mentions),
        index=round(state.index_sum / state.index_weight, 4) if state.index_weight > 0 else 0.0,
        before_mentions=before_mentions,
        before_tone=ratio(sum(earlier.tones), before_mentions or 0) if earlier else None,
        change=None if change is None else round(change, 4),
        latest_at=moment(state.clock_s),
        open=[kind for kind, each in state.detectors.items() if each.episode is not None],  # type: ignore[misc]
        buckets=buckets(sums, window),
    )


def counted(state: WindowState) -> WindowState:
    """What figures need of a state, about a third of it: to hold many."""
    open_ones = {kind: Detector(episode=each.episode) for kind, each in state.detectors.items() if each.episode}
    return msgspec.structs.replace(state, recent=[], sources={}, evidence=[], others=[], detectors=open_ones)


def believed(state: WindowState, now_s: float) -> WindowState:
    """The state with what waits for a second opinion, as far as all streams together have come to that time."""
    return counting(state, [each for each in state.ahead if each.at_s <= now_s + CLOCK_S])


def sums_of(state: WindowState, window: Span) -> Sums:
    """A stream's counts in the buckets; 0 in those that its own clock has not reached."""
    counts: list[int] = getattr(state, window.ring.field)
    newest = state.head // window.ring.fine
    columns: list[list[int]] = [[] for _ in range(COLUMNS)]
    for bucket in range(window.first, window.last + 1):
        place = len(counts) - COLUMNS * (newest - bucket + 1)
        there = bucket <= newest and place >= 0
        for column, values in enumerate(columns):
            values.append(counts[place + column] if there else 0)
    return Sums(columns[0], columns[1], columns[2], [hundredths / 100 for hundredths in columns[TONE]])


def buckets(sums: Sums, window: Span) -> Buckets:
    """What is drawn."""
    mentions = [sum(each) for each in zip(sums.negatives, sums.neutrals, sums.positives, strict=True)]
    return Buckets(
        bucket_s=window.ring.width_s,
        begin=moment(window.first * window.ring.width_s),
        mentions=mentions,
        negatives=sums.negatives,
        tone=[ratio(tone, said) for tone, said in zip(sums.tones, mentions, strict=True)],
    )


def ratio(total: float, number: int) -> float | None:
    return round(total / number, 4) if number else None


def drawn(total: float, mentions: int) -> float:
    """A mean tone, drawn to 0 the more the fewer mentions it rests on."""
    return total / (mentions + DOUBTED)


def ranked(trends: Iterable[Trend], order: Order, most: int) -> list[Trend]:
    """The first of an order; those of which nothing was said in the window (`moved`: or before) are in none.

    Where that is equal, the busier one comes first, then the key decides: the same states give the same list.
    """

    def worth(each: Trend) -> float:
        tone = drawn((each.tone or 0.0) * each.mentions, each.mentions)
        return {"worst": tone, "best": -tone, "busiest": 0.0, "moved": -abs(each.change or 0.0)}[order]

    heard = [each for each in trends if each.mentions and (order != "moved" or each.change is not None)]
    return sorted(heard, key=lambda each: (round(worth(each), 6), -each.mentions, each.key))[:most]


def trends(
    states: Sequence[WindowState], window_s: int, now_s: float | None = None, heard_s: float | None = None
) -> tuple[float | None, list[Trend]]:
    """The moment at which the window ends, by default the latest of these streams and of others (`heard_s`), and every
    stream's figures.

    None and nothing where no stream was heard of. Raises InputError for a window that is not kept.
    """
    latest_s = latest(states)
    if latest_s is None:
        return now_s, []
    latest_s = latest_s if heard_s is None else max(latest_s, heard_s)
    now_s = latest_s if now_s is None else now_s
    window = span(window_s, now_s, latest_s)
    found = (trend(state, window, window_s, now_s, latest_s) for state in states)
    return now_s, [each for each in found if each is not None]
