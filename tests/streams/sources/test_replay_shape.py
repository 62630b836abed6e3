"""From columns to records."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.records import News, Question
from streams.sources.files import Row, Unusable
from streams.sources.shape import Shape, Shaped, parse_time
from streams.topics import CHAT_QUESTIONS, NEWS

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
NEWS_SHAPE = Shape(NEWS, "wire.jsonl")


def shaped(shape: Shape, line: int = 1, **columns: object) -> Shaped:
    made = shape.record(Row(line, dict(columns)), NOW)
    assert isinstance(made, Shaped), made
    return made


def news(shape: Shape, **columns: object) -> News:
    return msgspec.json.decode(shaped(shape, **columns).outgoing.value, type=News)


def refused(shape: Shape, **columns: object) -> str:
    made = shape.record(Row(7, dict(columns)), NOW)
    assert isinstance(made, Unusable) and made.line == 7
    return made.reason


def test_news_fields_pass_as_they_are() -> None:
    given_news = News(id="n1", text=" Oil slips ", published_at=NOW, source="Harbor Wire", url="http://e.example/1")
    made = shaped(NEWS_SHAPE, **msgspec.to_builtins(given_news), extra=17)
    assert msgspec.json.decode(made.outgoing.value, type=News) == given_news
    assert (made.outgoing.id, made.outgoing.key, made.at) == ("n1", b"n1", NOW)


def test_missing_id_comes_from_the_content_and_its_place() -> None:
    first = shaped(NEWS_SHAPE, line=3, text="Oil slips").outgoing
    assert first.id.startswith("wire.jsonl:3:")
    assert shaped(NEWS_SHAPE, line=3, text="Oil slips", id="").outgoing == first
    others = [
        shaped(NEWS_SHAPE, line=4, text="Oil slips"),
        shaped(NEWS_SHAPE, line=3, text="Oil rises"),
        shaped(Shape(NEWS, "other.jsonl"), line=3, text="Oil slips"),
    ]
    assert len({first.id, *(other.outgoing.id for other in others)}) == 4


def test_columns_are_taken_where_they_stand() -> None:
    shape = Shape(NEWS, "a.csv", "Title", "S No.", "Date")
    made = news(shape, **{"S No.": "17", "Title": "Oil slips", "Date": "2026-03-03 08:00", "text": "no", "id": "no"})
    assert (made.id, made.text, made.published_at) == ("17", "Oil slips", datetime(2026, 3, 3, 8, tzinfo=UTC))


def test_number_is_an_id() -> None:
    assert news(NEWS_SHAPE, id=17, text="Oil slips").id == "17"


def test_questions_of_one_conversation_share_a_key() -> None:
    shape = Shape(CHAT_QUESTIONS, "chat.jsonl")
    made = shaped(shape, id="q1", text="Where is my card?", conversation_id="c1", asked_at="2026-03-03T08:00:00Z")
    assert made.outgoing.key == b"c1"
    question = msgspec.json.decode(made.outgoing.value, type=Question)
    assert question.asked_at == made.at == datetime(2026, 3, 3, 8, tzinfo=UTC)
    assert shaped(shape, id="q1", text="Where is my card?").outgoing.key == b"q1"


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({}, "text: got none"),
        ({"text": None}, "text: got none"),
        ({"text": 17}, "text: got a int"),
        ({"text": " \n"}, "text: empty"),
        ({"text": "x" * 20_001}, "text: 20,001 characters, wanted 20,000"),
        ({"text": "a\0b"}, "NUL"),
        ({"text": "Oil \udcff"}, "--encoding"),
        ({"text": "Oil", "id": "\udcff"}, "--encoding"),
        ({"text": "Oil", "id": ["x"]}, "Expected `str`"),
        ({"text": "Oil", "id": True}, "Expected `str`"),
        ({"text": "Oil", "id": "x" * 513}, "length <= 512"),
        ({"text": "Oil", "url": 17}, "$.url"),
        ({"text": "Oil", "url": "x" * 1_000_000}, "bytes"),
        ({"text": "Oil", "published_at": "soon"}, "ISO 8601"),
        ({"text": "Oil", "published_at": "03/04/2026"}, "ISO 8601"),
        ({"text": "Oil", "published_at": {}}, "ISO 8601"),
        ({"text": "Oil", "published_at": "9999-01-01T00:00:00Z"}, "future"),
    ],
)
def test_unusable_row_says_why_and_not_what(columns: dict[str, object], reason: str) -> None:
    got = refused(NEWS_SHAPE, **columns)
    assert reason in got
    assert "\n" not in got and len(got) < 200


def test_empty_id_column_that_was_named_is_unusable() -> None:
    assert refused(Shape(NEWS, "a.csv", id_column="No"), text="Oil", No="") == "No: empty, wanted an id"


def test_empty_time_is_no_time() -> None:
    assert news(Shape(NEWS, "a.csv", at_column="Date"), text="Oil", Date="").published_at is None


@given(
    st.dictionaries(
        st.sampled_from(["id", "text", "published_at", "source", "url"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
    )
)
def test_any_columns_are_a_record_or_unusable(columns: dict[str, object]) -> None:
    made = NEWS_SHAPE.record(Row(1, columns), NOW)
    if isinstance(made, Shaped):
        record = msgspec.json.decode(made.outgoing.value, type=News)
        assert record.id == made.outgoing.id and record.text == columns["text"]


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-03T08:00:00Z", "2026-03-03 08:00", "2026-03-03T10:00:00+02:00", "20260303T080000",
        "Tue, 03 Mar 2026 08:00:00 GMT", "1772524800", "1772524800.0", 1772524800, 1772524800000, "1772524800000",
    ],
)  # fmt: skip
def test_times_are_read(written: object) -> None:
    assert parse_time(written) == datetime(2026, 3, 3, 8, tzinfo=UTC)


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)), st.integers(-12, 14))
def test_iso_times_keep_their_instant(at: datetime, offset: int) -> None:
    aware = at.replace(tzinfo=timezone(timedelta(hours=offset)))
    assert parse_time(aware.isoformat()) == aware
