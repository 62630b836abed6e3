"""What a desk asks first: how much a second, how long it takes, how much waits. Pure; times in ms since the epoch."""

import statistics
from collections import OrderedDict, deque

SECOND_MS = 1000
SERIES = 60  # seconds kept
KEPT_LATENCIES = 400
KEPT_WAITING = 50_000

Place = tuple[int, int]
"""A record's partition and offset in the topic it came from."""


class Rate:
    """Events per second, counted in whole seconds over the last minute."""

    def __init__(self) -> None:
        self.total = 0
        self.seconds: deque[tuple[int, int]] = deque(maxlen=SERIES)

    def add(self, now_ms: int, count: int = 1) -> None:
        second = now_ms // SECOND_MS
        self.total += count
        if self.seconds and self.seconds[-1][0] >= second:  # a clock set back counts in the second at hand
            last, counted = self.seconds.pop()
            self.seconds.append((last, counted + count))
        else:
            self.seconds.append((second, count))

    def per_second(self, now_ms: int, over_s: int = 10) -> float:
        """The mean over the last `over_s` whole seconds; the running second is left out."""
        return sum(self.series(now_ms)[-over_s:]) / over_s

    def series(self, now_ms: int) -> list[int]:
        """Counts of the last 60 whole seconds, oldest first."""
        counts = dict(self.seconds)
        now = now_ms // SECOND_MS
        return [counts.get(second, 0) for second in range(now - SERIES, now)]


class Backlog:
    """What went into a topic and has not come out of the agents yet, and how long those that did come out took.

    The two topics are read side by side, so a record may be seen leaving before it is seen entering. Bounded: past
    `KEPT_WAITING` the oldest is forgotten.
    """

    def __init__(self) -> None:
        self.waiting: OrderedDict[Place, int] = OrderedDict()
        self.early: OrderedDict[Place, int] = OrderedDict()
        self.latencies_s: deque[float] = deque(maxlen=KEPT_LATENCIES)

    def entered(self, place: Place, at_ms: int) -> None:
        left_ms = self.early.pop(place, None)
        if left_ms is None:
            self.waiting[place] = at_ms
            bound(self.waiting)
        else:
            self.took(at_ms, left_ms)

    def left(self, place: Place, at_ms: int) -> None:
        entered_ms = self.waiting.pop(place, None)
        if entered_ms is None:
            self.early[place] = at_ms
            bound(self.early)
        else:
            self.took(entered_ms, at_ms)

    def took(self, entered_ms: int, left_ms: int) -> None:
        self.latencies_s.append(max(0, left_ms - entered_ms) / 1000)

    def median_s(self) -> float | None:
        return statistics.median(self.latencies_s) if self.latencies_s else None

    def oldest_s(self, now_ms: int) -> float | None:
        """How long the first in line has waited, seconds; None when nothing waits."""
        return max(0, now_ms - next(iter(self.waiting.values()))) / 1000 if self.waiting else None


def bound(places: OrderedDict[Place, int]) -> None:
    while len(places) > KEPT_WAITING:
        places.popitem(last=False)
