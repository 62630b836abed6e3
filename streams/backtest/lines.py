"""A file of history to lines: scored events, scored news or raw news, told apart by their fields."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from streams.news.groups import RESERVED
from streams.records import EntitySentiment, Origin, Sentiment
from streams.sources.files import Lines, LineTooLong, Source, Unusable, reason
from streams.sources.shape import parse_time

SHOWN = 5  # reasons told of lines that can't be read
MILLISECONDS = 1e11  # a number of seconds since 1970 so large is of milliseconds, as gretchen replay has it


class Line(msgspec.Struct, gc=False):
    """All fields that are read of a line; unknown ones are ignored. `at` and `published_at` are in UTC once checked."""

    at: datetime | float | None = None
    entity: str | None = None
    sentiment: Sentiment | None = None
    id: str | int | None = None
    news_id: str | None = None
    name: str | None = None
    text: str | None = None
    probabilities: dict[str, float] | None = None
    topic: str | None = None
    sector: str | None = None
    source: str | None = None
    url: str | None = None
    published_at: datetime | float | None = None
    entities: list[EntitySentiment | str] | None = None
    origin: Origin | None = None


class Numbered(NamedTuple):
    """A line that can be used, its number in the file, its moment, its place among the lines as they are taken."""

    number: int
    line: Line
    at: datetime
    place: int


@dataclass
class Unread:
    """The lines that can't be used: how many, and the first ones' reasons."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def note(self, number: int, why: str) -> None:
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(f"line {number}: {why}")


decoder = msgspec.json.Decoder(Line)


def read_lines(source: Source, unread: Unread) -> Iterator[Numbered]:
    """Every line that can be used, in the file's order. Raises InputError when the file can't be read further."""
    if source.format != "jsonl":
        for row in source.rows():
            if isinstance(row, Unusable):
                unread.note(row.line, row.reason)
            else:
                filled = {column: value for column, value in row.columns.items() if value != ""}
                yield from usable(row.line, lambda given=filled: convert(given), unread)  # type: ignore[misc]
        return
    yield from source.guarded(json_lines(source, unread))


def json_lines(source: Source, unread: Unread) -> Iterator[Numbered]:
    lines = Lines(source.text)
    while True:
        try:
            text = next(lines)
        except StopIteration:
            return
        except LineTooLong as error:
            unread.note(lines.number, reason(error))
            continue
        try:
            line = decoder.decode(text)
            at = line.at if line.entity is not None else line.published_at or line.at
            if type(at) is datetime and at.tzinfo is UTC and line.sentiment is not None and not special(line.entity):
                yield Numbered(lines.number, line, at, lines.number)  # nearly all lines go this way
                continue
        except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
            pass  # looked at closely below
        if not text.isspace():
            yield from usable(lines.number, lambda given=text: convert(msgspec.json.decode(given)), unread)  # type: ignore[misc]


def special(entity: str | None) -> bool:
    return not entity or entity.startswith(RESERVED)


def usable(number: int, make: Callable[[], Line], unread: Unread) -> Iterator[Numbered]:
    """The line that `make` makes, or a note why there is none."""
    try:
        line = make()
        yield Numbered(number, line, checked(line), number)
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:  # UnicodeEncodeError is a ValueError
        unread.note(number, str(error) if type(error) is ValueError else reason(error))


def convert(columns: Any) -> Line:
    """Raises ValueError, msgspec.ValidationError."""
    if not isinstance(columns, Mapping):
        raise ValueError(f"got a JSON {type(columns).__name__}, wanted an object")
    given = dict(columns)
    for name in ("at", "published_at"):
        if given.get(name) is not None:
            given[name] = parse_time(given[name])
    return msgspec.convert(given, Line)


def checked(line: Line) -> datetime:
    """When a line was. Raises ValueError when it is neither a scored event nor a news."""
    if line.entity is not None:
        if line.sentiment is None:
            raise ValueError("an event without 'sentiment', wanted negative, neutral or positive")
        if special(line.entity):
            raise ValueError(
                f"got the entity {line.entity[:60]!r}; a name must not be empty nor begin as a group's key"
            )
    elif not line.text:
        raise ValueError('neither {"at", "entity", "sentiment"} nor {"published_at", "text"}')
    at = line.at if line.entity is not None else line.published_at or line.at
    if at is None:
        raise ValueError("no time: wanted 'at' of an event, 'published_at' of a news")
    return moment(at)


def moment(at: datetime | float) -> datetime:
    """In UTC. Raises ValueError."""
    if isinstance(at, datetime):
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at
    if not math.isfinite(at):
        raise ValueError("a time that is no number")
    try:
        return datetime.fromtimestamp(at / 1000 if abs(at) > MILLISECONDS else at, UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError("a time beyond the calendar") from None


def in_time(lines: Iterable[Numbered]) -> list[Numbered]:
    """All lines by their moments; equal ones stay in the file's order. Where they came from holds no more."""
    taken = sorted(lines, key=lambda each: each.at)
    for each in taken:
        each.line.origin = None
    return [each._replace(place=place) for place, each in enumerate(taken)]
