"""Windows in their canonical form, and the time they mean. Weeks begin on Monday; days are the asker's. Pure.

today yesterday this-week last-week this-month last-month
45m 3h 7d 2w                                 the last so many minutes, hours, days of 24 hours, weeks
since:2026-11-23 since:2026-11-23T14:00      up to now
on:2026-11-20                                a day
2026-11-01..2026-11-15                       both days included
2026-11-24T12:00..2026-11-24T18:00           the end not included
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from streams.news.windows import seconds

WINDOWS = "today, this-week, 3h, since:2026-11-23, on:2026-11-20 or 2026-11-01..2026-11-15"
ROLLING = re.compile(r"([1-9]\d{0,3})([mhdw])")
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
DATE, CLOCK = r"\d{4}-\d\d-\d\d", r"\d\d:\d\d"
SINCE = re.compile(rf"since:({DATE})(?:T({CLOCK}))?")
ON = re.compile(rf"on:({DATE})")
DAYS = re.compile(rf"({DATE})\.\.({DATE})")
MOMENTS = re.compile(rf"({DATE})T({CLOCK})\.\.({DATE})T({CLOCK})")
YEARS = range(1970, 9000)  # far from the ends of the calendar
DAY = timedelta(days=1)
ANY_NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Period(NamedTuple):
    """[begin, end) in a zone; an end after now is that of a day, a week or a month that is not over."""

    begin: datetime
    end: datetime

    def until(self, now: datetime) -> "Period":
        """What of it has passed."""
        return Period(self.begin, max(self.begin, min(self.end, now, key=seconds), key=seconds))

    def length(self) -> timedelta:
        return timedelta(seconds=seconds(self.end) - seconds(self.begin))  # `-` in one zone forgets daylight saving

    def first(self, length: timedelta) -> "Period":
        """Its first part."""
        return Period(self.begin, min(self.end, later(self.begin, length), key=seconds))


def is_window(text: str) -> bool:
    """Whether it is canonical."""
    try:
        period(text, ANY_NOW, UTC)
    except ValueError:
        return False
    return True


def period(window: str, now: datetime, zone: tzinfo) -> Period:
    """When a window is, in the zone. Raises ValueError for one that is not canonical."""
    now = now.astimezone(zone)
    if window in NAMED:
        first, after = NAMED[window](now.date())
        return Period(midnight(first, zone), midnight(after, zone))
    if match := ROLLING.fullmatch(window):
        return Period(later(now, -int(match[1]) * UNITS[match[2]]), now)
    if match := SINCE.fullmatch(window):
        begin = at(match[1], match[2] or "00:00", zone)
        return Period(begin, max(begin, now, key=seconds))
    if match := ON.fullmatch(window):
        return whole_days(day(match[1]), day(match[1]), zone)
    if match := DAYS.fullmatch(window):
        return whole_days(day(match[1]), day(match[2]), zone)
    if match := MOMENTS.fullmatch(window):
        begin, end = at(match[1], match[2], zone), at(match[3], match[4], zone)
        if seconds(begin) < seconds(end):
            return Period(begin, end)
    raise ValueError(f"got the window {window!r}, wanted one such as {WINDOWS}")


def before(window: str, now: datetime, zone: tzinfo) -> Period:
    """What a window is to be measured by: as long a time right before; of a day, week or month that is not over the
    same part of the one before. Raises as `period`."""
    here = period(window, now, zone)
    passed = here.until(now)
    if window in PREVIOUS:
        return period(PREVIOUS[window], now, zone).first(passed.length())
    return Period(later(passed.begin, -passed.length()), passed.begin)


def whole_days(first: date, last: date, zone: tzinfo) -> Period:
    if last < first:
        raise ValueError(f"got the days {first}..{last}, wanted the earlier one first")
    return Period(midnight(first, zone), midnight(last + DAY, zone))


def monday(today: date) -> date:
    return today - today.weekday() * DAY


def first_of_month(today: date) -> date:
    return today.replace(day=1)


def next_month(today: date) -> date:
    return first_of_month(first_of_month(today) + 31 * DAY)


def last_month(today: date) -> date:
    return first_of_month(first_of_month(today) - DAY)


NAMED: dict[str, Callable[[date], tuple[date, date]]] = {
    "today": lambda today: (today, today + DAY),
    "yesterday": lambda today: (today - DAY, today),
    "this-week": lambda today: (monday(today), monday(today) + 7 * DAY),
    "last-week": lambda today: (monday(today) - 7 * DAY, monday(today)),
    "this-month": lambda today: (first_of_month(today), next_month(today)),
    "last-month": lambda today: (last_month(today), first_of_month(today)),
}
"""Window -> its first day, and the day after its last."""
PREVIOUS = {"today": "yesterday", "this-week": "last-week", "this-month": "last-month"}


def midnight(on: date, zone: tzinfo) -> datetime:
    return datetime.combine(on, time(), zone)


def day(text: str) -> date:
    """Raises ValueError."""
    found = date.fromisoformat(text)
    if found.year not in YEARS:
        raise ValueError(f"got the year {found.year}, wanted one from {YEARS.start} to {YEARS.stop - 1}")
    return found


def at(on: str, clock: str, zone: tzinfo) -> datetime:
    """Raises ValueError."""
    return datetime.combine(day(on), time.fromisoformat(clock), zone)


def later(moment: datetime, passed: timedelta) -> datetime:
    """So much time later, also across a change to daylight saving time."""
    return (moment.astimezone(UTC) + passed).astimezone(moment.tzinfo)
