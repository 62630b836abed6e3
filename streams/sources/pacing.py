"""When the next record is due, in seconds since the start: at once, evenly, or as recorded."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

BURST_S = 0.1


class Pace(Protocol):
    """Asked once a record, in order. A time that has passed means: now."""

    def due_s(self, elapsed_s: float, at: datetime | None) -> float: ...


class Unpaced:
    def due_s(self, elapsed_s: float, at: datetime | None) -> float:
        return 0.0


@dataclass
class Even:
    """`rate` records a second. After a stall it makes up for BURST_S at most: no flood."""

    rate: float
    _next_s: float = 0.0

    def due_s(self, elapsed_s: float, at: datetime | None) -> float:
        due = max(self._next_s, elapsed_s - BURST_S)
        self._next_s = due + 1.0 / self.rate
        return due


@dataclass
class AsRecorded:
    """The records' own rhythm at `speed` times life. Older than what went before, or without a time: at once."""

    speed: float
    _first: datetime | None = field(default=None)

    def due_s(self, elapsed_s: float, at: datetime | None) -> float:
        if at is None:
            return 0.0
        self._first = self._first or at
        return (at - self._first).total_seconds() / self.speed
