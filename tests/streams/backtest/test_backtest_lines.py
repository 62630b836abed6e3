"""Lines of history are told apart by their fields; one that can't be read is told with its number, and no more."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.backtest.lines import Numbered, Unread, in_time, read_lines
from streams.sources.files import Source

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def read(text: str | bytes, format: str = "jsonl") -> tuple[list[Numbered], Unread]:
    raw = io.BytesIO(text.encode() if isinstance(text, str) else text)
    wrapper = io.TextIOWrapper(raw, "utf-8", errors="surrogateescape", newline="" if format == "csv" else "\n")
    unread = Unread()
    return list(read_lines(Source("some", format, wrapper, raw, 0), unread)), unread  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "at",
    ['"2026-03-02T08:00:00Z"', '"2026-03-02T09:00:00+01:00"', '"2026-03-02 08:00:00"', "1772438400", "1772438400000",
     '"1772438400"', '"Mon, 02 Mar 2026 08:00:00 GMT"', "1772438400.0"],
)  # fmt: skip
def test_a_time_is_read_in_any_of_its_forms(at: str) -> None:
    found, unread = read(f'{{"at": {at}, "entity": "Nokia", "sentiment": "negative"}}')
    assert [each.at for each in found] == [AT]
    assert unread.count == 0


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nope", "malformed"),
        ("[1]", "an object"),
        ('"text"', "an object"),
        ('{"at": "2026-03-02T08:00:00Z", "entity": "Nokia"}', "without 'sentiment'"),
        ('{"at": "2026-03-02T08:00:00Z", "entity": "Nokia", "sentiment": "bad"}', "sentiment"),
        ('{"at": "2026-03-02T08:00:00Z", "entity": "", "sentiment": "negative"}', "entity"),
        ('{"at": "2026-03-02T08:00:00Z", "entity": "topic:x", "sentiment": "negative"}', "group"),
        ('{"entity": "Nokia", "sentiment": "negative"}', "no time"),
        ('{"at": "soon", "entity": "Nokia", "sentiment": "negative"}', "a time that is neither"),
        ('{"at": 1e300, "entity": "Nokia", "sentiment": "negative"}', "time"),
        ('{"published_at": "2026-03-02T08:00:00Z"}', "neither"),
        ('{"text": "Nokia falls"}', "no time"),
        (b'{"at": "2026-03-02T08:00:00Z", "entity": "\xff", "sentiment": "negative"}', "UTF-8"),
        ("[" * 100_000, ""),
    ],
)
def test_an_unusable_line_is_told_with_its_number_and_reason(line: str | bytes, why: str) -> None:
    good = b'{"at": "2026-03-02T08:00:00Z", "entity": "Nokia", "sentiment": "negative"}\n'
    bad = line.encode() if isinstance(line, str) else line
    found, unread = read(good + bad + b"\n\n" + good)
    assert [each.number for each in found] == [1, 4]
    assert unread.count == 1
    assert unread.first[0].startswith("line 2: ") and why in unread.first[0]


def test_only_the_first_reasons_are_kept() -> None:
    _, unread = read("x\n" * 1000)
    assert unread.count == 1000
    assert len(unread.first) == 5


def test_rows_of_a_csv_are_lines_too() -> None:
    found, unread = read("at,entity,sentiment,id,text\n2026-03-02T08:00:00Z,Nokia,negative,,falls\n,Nokia,x,,\n", "csv")
    assert [(each.at, each.line.entity, each.line.id, each.line.text) for each in found] == [
        (AT, "Nokia", None, "falls")
    ]
    assert unread.count == 1


def test_sorting_keeps_equal_times_in_the_files_order() -> None:
    rows = [(2, "a"), (1, "b"), (2, "c"), (1, "d")]
    text = "".join(
        f'{{"at": "{(AT + timedelta(hours=hour)).isoformat()}", "entity": "{name}", "sentiment": "neutral"}}\n'
        for hour, name in rows
    )
    assert [each.line.entity for each in in_time(read(text)[0])] == ["b", "d", "a", "c"]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_counted(content: bytes) -> None:
    found, unread = read(content)
    assert len(found) + unread.count <= content.count(b"\n") + 1
