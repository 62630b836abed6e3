"""Values of a rules file as a person writes them, such as 2h, 22:00 or Europe/Zurich.

A `Read` takes what YAML made of a value and gives ours. It raises ValueError: got, wanted, remedy.
"""

import difflib
import re
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from streams.news.storms import KIND as STORM_KIND
from streams.news.surge import COUNTS
from streams.news.telling import DAY_MIN, DAYS
from streams.news.windows import BUCKET_S, FINE, HOURS
from streams.records import Kind

T = TypeVar("T")
Read = Callable[[Any], T]

UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?[smhd])+")
CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
SINK = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
MOST_WINDOWS = 8  # each is looked at for every mention
MOST_CHARS = 60  # of a rule's name
SHOWN_CHARS = 60


def shown(value: Any) -> str:
    """What was got, never long: aliases may make a small file's value endless."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"{str(value).lower()} (yes, no, on and off are true and false, too, unless in quotes)"
    if isinstance(value, dict):
        return "keys with values"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "…"


def listed(words: Iterable[str], most: int = 40) -> str:
    words = list(words)
    return ", ".join(words[:most]) + (" …" if len(words) > most else "")


def meant(word: str, words: Collection[str]) -> str:
    """'; did you mean …?' where one of the words is near, else nothing."""
    return f"; did you mean {found!r}?" if (found := nearest(word, words)) else ""


def nearest(word: str, words: Collection[str], many: int = 2000) -> str:
    """The word that comes nearest, in capitals or not; of many only those with the same first letter are compared."""
    folded: dict[str, str] = {}
    for each in words:
        if len(words) <= many or each[:1].casefold() == word[:1].casefold():
            folded.setdefault(each.casefold(), each)
    near = difflib.get_close_matches(word.casefold(), folded, 1)
    return folded[near[0]] if near else ""


def written(seconds: float) -> str:
    """A duration as the file has it: 2h55m."""
    if seconds <= 0:
        return "0s"
    parts, left = "", seconds
    for unit in ("d", "h", "m"):
        whole, left = divmod(left, UNITS_S[unit])
        parts += f"{whole:.0f}{unit}" if whole else ""
    return parts + (f"{left:g}s" if left else "")


def duration(lowest_s: float, highest_s: float) -> Read[float]:
    """Seconds out of 90s, 15m, 2h, 1d or several of them together."""

    def read(value: Any) -> float:
        text = value.replace(" ", "") if isinstance(value, str) else ""
        if not DURATION.fullmatch(text):
            raise ValueError(f"got {shown(value)}, wanted a duration such as 90s, 15m, 2h, 1d or 1h30m")
        seconds = sum(float(number) * UNITS_S[unit] for number, unit in re.findall(r"([\d.]+)([smhd])", text))
        if not lowest_s <= seconds <= highest_s:
            raise ValueError(f"got {shown(value)}, wanted {written(lowest_s)} to {written(highest_s)}")
        return seconds

    return read


def windows(kind: Kind) -> Read[tuple[float, ...]]:
    """Lengths of what is counted: of buckets of five minutes up to three hours, beyond of whole hours."""
    longest_s = (FINE - 1) * BUCKET_S if kind in COUNTS else HOURS * 3600.0
    one = duration(BUCKET_S, longest_s)

    def read(value: Any) -> tuple[float, ...]:
        if not isinstance(value, list) or not 1 <= len(value) <= MOST_WINDOWS:
            raise ValueError(f"got {shown(value)}, wanted a list of 1 to {MOST_WINDOWS} such as [15m, 1h, 2h]")
        spans = [one(each) for each in value]
        for span_s in spans:
            bucket_s = BUCKET_S if span_s <= FINE * BUCKET_S else 3600
            if span_s % bucket_s:
                below = max(bucket_s, span_s // bucket_s * bucket_s)
                raise ValueError(
                    f"got {written(span_s)}, wanted a multiple of {written(bucket_s)}, in which is counted "
                    f"(beyond {written(FINE * BUCKET_S)} of 1h); take {written(below)}"
                )
        return tuple(sorted(set(spans)))

    return read


def number(highest: float) -> Read[float]:
    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= highest:
            raise ValueError(f"got {shown(value)}, wanted a number above 0, {highest:,.0f} at most")
        return float(value)

    return read


def count(lowest: int, highest: int) -> Read[int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"got {shown(value)}, wanted a whole number from {lowest} to {highest}")
        return value

    return read


def choice(options: tuple[T, ...]) -> Read[T]:
    def read(value: Any) -> T:
        if value not in options:
            near = meant(value, list(map(str, options))) if isinstance(value, str) else ""
            raise ValueError(f"got {shown(value)}, wanted one of {listed(map(str, options))}{near}")
        return options[options.index(value)]

    return read


def text(value: Any) -> str:
    """Words, with single spaces, as the watchlist has them. A number or a date in quotes is text."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"got {shown(value)}, wanted text; put it in quotes if it looks like something else")
    return " ".join(value.split())


def rule_name(value: Any) -> str:
    name = text(value)
    if len(name) > MOST_CHARS or not name.isprintable():
        raise ValueError(f"got {shown(name)}, wanted {MOST_CHARS} characters at most, all of them printable")
    if name == STORM_KIND:
        raise ValueError(f"got {name!r}, which names the alerts on storms; choose another")
    return name


def texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"got {shown(value)}, wanted a list such as [one, two]; leave it out for all")
    return tuple(map(text, value))


def sinks(value: Any) -> tuple[str, ...]:
    for name in (names := texts(value)):
        if not SINK.fullmatch(name):
            raise ValueError(f"got {shown(name)}, wanted names of sinks, which have only a-z, 0-9 and -")
    return names


def instant(value: Any) -> datetime:
    """With a zone: YAML makes datetimes of what looks like one, and of a day without a time a date."""
    if isinstance(value, str):
        with suppress(ValueError):
            value = datetime.fromisoformat(value)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(f"got {shown(value)}, wanted a date and time with its zone such as 2026-12-01T00:00:00Z")
    return value


def clock(value: Any) -> int:
    """Minutes after midnight."""
    match = CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[2]) > 59 or int(match[1]) * 60 + int(match[2]) > DAY_MIN:
        raise ValueError(f'got {shown(value)}, wanted a time from "00:00" to "24:00"')
    return int(match[1]) * 60 + int(match[2])


def zone(value: Any) -> ZoneInfo:
    try:
        return ZoneInfo(text(value))
    except (KeyError, ValueError, OSError):  # unknown; no path or a blank; a folder of zones
        known = available_timezones()
        near = meant(str(value), known) if known else "; this machine knows none: pip install tzdata"
        raise ValueError(f"got {shown(value)}, wanted a time zone such as Europe/Zurich or UTC{near}") from None


def days(value: Any) -> frozenset[int]:
    read = choice(DAYS)
    return frozenset(DAYS.index(read(each)) for each in texts(value))
