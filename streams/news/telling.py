"""Whether sinks are told of an alert, from its time and severity alone: muted, less than asked for, quiet hours."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from streams.news.surge import SEVERITIES
from streams.records import Severity

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = frozenset(range(len(DAYS)))
DAY_MIN = 24 * 60


class QuietHours(msgspec.Struct, frozen=True, kw_only=True):
    """Hours by a zone's clocks, whatever daylight saving does to them; an end not after the start is the next day's.

    `start_min`, `end_min`: minutes after midnight, the start 0..1439, the end 1..1440. `days`: those on which they
    begin, Monday is 0. `exempt`: so severe alerts are told all the same; None is no alert.
    """

    start_min: int
    end_min: int
    zone: ZoneInfo
    days: frozenset[int] = EVERY_DAY
    exempt: Severity | None = None

    def cover(self, at: datetime) -> bool:
        """Whether they hold at an instant, which has a zone."""
        try:
            local = at.astimezone(self.zone)
        except OverflowError:  # the ends of the calendar
            return False
        minute, today = local.hour * 60 + local.minute, local.weekday()
        if self.start_min < self.end_min:
            return today in self.days and self.start_min <= minute < self.end_min
        begun_today = today in self.days and minute >= self.start_min
        return begun_today or ((today - 1) % len(DAYS) in self.days and minute < self.end_min)

    def hold(self, at: datetime, severity: Severity) -> bool:
        return not (self.exempt and as_severe(severity, self.exempt)) and self.cover(at)


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """To which sinks alerts go, and when not; no `routes` means all sinks."""

    at_least: Severity = "info"
    quiet_hours: tuple[QuietHours, ...] = ()
    mute_until: datetime | None = None
    routes: tuple[str, ...] = ()

    def held(self, at: datetime, severity: Severity) -> str:
        """Why no sink is told of an alert of that moment; empty when they are."""
        if self.mute_until is not None and at < self.mute_until:
            return "muted"
        if not as_severe(severity, self.at_least):
            return f"below {self.at_least}"
        return "quiet hours" if any(hours.hold(at, severity) for hours in self.quiet_hours) else ""


def as_severe(severity: Severity, bound: Severity) -> bool:
    return SEVERITIES.index(severity) >= SEVERITIES.index(bound)
