"""From a row's columns to a record ready to be sent: which column is what, ids, times, what makes a row unusable."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import msgspec

from streams.records import News, Question
from streams.sources.files import Row, Unusable
from streams.sources.publish import MAX_VALUE_BYTES, Outgoing
from streams.topics import NEWS, Topic


class Shaped(NamedTuple):
    """A record with the time it is of, which paces a replay as recorded."""

    outgoing: Outgoing
    at: datetime | None


@dataclass(frozen=True)
class Shape:
    """How rows of one file become records of one topic. An `id_column` of None makes ids from the file's content."""

    topic: Topic
    file_name: str
    text_column: str = "text"
    id_column: str | None = None
    at_column: str | None = None
    max_text_chars: int = 20_000
    max_future_s: float = 86_400.0

    def required(self) -> tuple[str, ...]:
        """The columns that a header must name."""
        return tuple(name for name in (self.text_column, self.id_column, self.at_column) if name)

    def record(self, row: Row, now: datetime) -> Shaped | Unusable:
        """The row as a record, or why it is none. Pure: the same file gives the same ids, however often it is read."""
        try:
            record = self._record(row)
            at = record.published_at if isinstance(record, News) else record.asked_at
            if at is not None and at > now + timedelta(seconds=self.max_future_s):
                raise ValueError(f"a time too far in the future: {at.isoformat()}")
            key = record.id if isinstance(record, News) else record.conversation_id or record.id
            value = msgspec.json.encode(record)
            if len(value) > MAX_VALUE_BYTES:
                raise ValueError(f"a record of {len(value):,} bytes, wanted {MAX_VALUE_BYTES:,} at most")
            return Shaped(Outgoing(record.id, key.encode(), value), at)
        except UnicodeEncodeError:
            return Unusable(row.line, "not valid Unicode in the file's encoding; name another by --encoding")
        except (ValueError, msgspec.ValidationError) as error:
            return Unusable(row.line, str(error))

    def _record(self, row: Row) -> News | Question:
        kind: type[News | Question] = News if self.topic is NEWS else Question
        time_field = "published_at" if kind is News else "asked_at"
        values = {name: row.columns[name] for name in kind.__struct_fields__ if row.columns.get(name) not in (None, "")}
        values["text"] = self._text(row.columns)
        values["id"] = self._id(row, values)
        at = values.pop(time_field, None) if self.at_column is None else row.columns.get(self.at_column)
        if at not in (None, ""):
            values[time_field] = parse_time(at)
        return msgspec.convert(values, kind)

    def _text(self, columns: dict[str, Any]) -> str:
        text = columns.get(self.text_column)
        if not isinstance(text, str):
            got = "none" if text is None else f"a {type(text).__name__}"
            raise ValueError(f"{self.text_column}: got {got}, wanted a text")
        if not text.strip():
            raise ValueError(f"{self.text_column}: empty")
        if len(text) > self.max_text_chars:
            raise ValueError(f"{self.text_column}: {len(text):,} characters, wanted {self.max_text_chars:,} at most")
        if "\0" in text:
            raise ValueError(f"{self.text_column}: holds NUL characters")
        return text

    def _id(self, row: Row, values: dict[str, Any]) -> Any:
        given = values.get("id") if self.id_column is None else row.columns.get(self.id_column)
        if isinstance(given, int) and not isinstance(given, bool):
            return str(given)
        if given not in (None, ""):
            return given
        if self.id_column is not None:
            raise ValueError(f"{self.id_column}: empty, wanted an id")
        content = f"{self.file_name}\0{row.line}\0{values['text']}"
        return f"{self.file_name}:{row.line}:{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def parse_time(value: object) -> datetime:
    """ISO 8601, RFC 2822, or seconds (or milliseconds) since 1970, as an aware datetime; without a zone it is UTC.

    Raises ValueError for anything else: 03/04/2026 could be two days.
    """
    try:
        if isinstance(value, str) and not re.fullmatch(r"\d{9,13}(\.\d+)?", value):
            at = parsedate_to_datetime(value) if value[:1].isalpha() else datetime.fromisoformat(value.strip())
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            seconds = float(value)
            at = datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
        else:
            raise ValueError
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError, TypeError):
        raise ValueError("a time that is neither ISO 8601, RFC 2822 nor seconds since 1970") from None
