"""The sample says what its truth says: counts, order, windows, and records that must be refused."""

import json
import re
import unicodedata
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

import streams.sample
from streams.chat.live.assembly import format as format_instruction
from streams.chat.live.assembly import parse
from streams.records import News, Question
from streams.sample.broken import broken_records

FOLDER = Path(streams.sample.__file__).parent
TRUTH = json.loads((FOLDER / "truth.json").read_text(encoding="utf-8"))
KAFKA_MAX_REQUEST_BYTES = 1_048_576


def lines(name: str) -> list[bytes]:
    return (FOLDER / name).read_bytes().split(b"\n")[:-1]


NEWS = [msgspec.json.decode(line, type=News) for line in lines("news.jsonl")]
QUESTIONS = [msgspec.json.decode(line, type=Question) for line in lines("questions.jsonl")]
BY_ID = {item.id: item for item in NEWS}


def at(item: News) -> datetime:
    assert item.published_at is not None
    return item.published_at


def squeezed(text: str) -> str:
    """Letters and digits only: two texts that differ in case and punctuation are alike."""
    return re.sub(r"\W", "", unicodedata.normalize("NFKC", text)).casefold()


def within(surge: dict[str, Any]) -> list[News]:
    first, last = datetime.fromisoformat(surge["from"]), datetime.fromisoformat(surge["to"])
    return [item for item in NEWS if first <= at(item) <= last and names(item, surge["entity"])]


def names(item: News, entity: str) -> bool:
    ticker = {"Toyota": "$TM", "Salesforce": "$CRM", "Novo Nordisk": "$NVO", "Infosys": "$INFY"}[entity]
    return entity.casefold() in item.text.casefold() or ticker in item.text


def test_there_are_at_least_460_headlines_and_no_two_are_alike() -> None:
    assert len(NEWS) >= 460
    assert len({squeezed(item.text) for item in NEWS}) == len(NEWS)
    assert len(BY_ID) == len(NEWS)


def test_headlines_are_sorted_over_four_days_from_a_monday() -> None:
    times = [at(item) for item in NEWS]
    assert times == sorted(times)
    days = sorted({time.astimezone(UTC).date() for time in times})
    assert [day.weekday() for day in days] == [0, 1, 2, 3]
    assert days[-1] - days[0] == timedelta(days=3)
    for name, field in (("news.jsonl", "published_at"), ("questions.jsonl", "asked_at")):
        assert all(re.fullmatch(r"2026-03-\d\dT\d\d:\d\d:\d\dZ", json.loads(line)[field]) for line in lines(name))


def test_headlines_come_from_invented_sources_only() -> None:
    assert len({item.source for item in NEWS}) >= 5
    assert all(re.match(r"https://\w+\.example\.com/", item.url) for item in NEWS if item.url)


def test_ordinary_headlines_are_mixed_in_tone() -> None:
    surges = {item.id for surge in [*TRUTH["surges"], TRUTH["good_surge"]] for item in within(surge)}
    tones = Counter(tone for id_, tone in TRUTH["sentiment"].items() if id_ not in surges)
    assert set(TRUTH["sentiment"]) == set(BY_ID)
    shares = {tone: n / tones.total() for tone, n in tones.items()}
    assert 0.25 < shares["positive"] < 0.35
    assert 0.20 < shares["negative"] < 0.30
    assert 0.35 < shares["neutral"] < 0.50


def test_three_surges_of_bad_news_hit_three_entities() -> None:
    assert len({surge["entity"] for surge in TRUTH["surges"]}) == 3
    assert all(surge["kind"] == "negative" for surge in TRUTH["surges"])


@pytest.mark.parametrize("surge", TRUTH["surges"], ids=lambda surge: surge["entity"])
def test_surge_holds_14_to_22_bad_headlines_in_an_hour_or_two(surge: dict[str, Any]) -> None:
    bad = [item for item in within(surge) if TRUTH["sentiment"][item.id] == "negative"]
    assert 14 <= len(bad) == surge["headlines"] <= 22
    assert timedelta(hours=1) <= at(bad[-1]) - at(bad[0]) <= timedelta(hours=2)
    assert len({item.source for item in bad}) >= 3


@pytest.mark.parametrize("surge", TRUTH["surges"], ids=lambda surge: surge["entity"])
def test_surge_has_ordinary_days_before_it(surge: dict[str, Any]) -> None:
    start = datetime.fromisoformat(surge["from"])
    day = datetime(2026, 3, 2, tzinfo=UTC)
    while day.date() < start.date():
        of_day = [item for item in NEWS if day <= at(item) < day + timedelta(days=1) and names(item, surge["entity"])]
        assert 2 <= len(of_day) <= 6
        day += timedelta(days=1)


def test_good_surge_holds_15_good_headlines_within_90_minutes() -> None:
    surge = TRUTH["good_surge"]
    items = within(surge)
    assert surge["kind"] == "positive"
    assert len(items) == surge["headlines"] >= 15
    assert at(items[-1]) - at(items[0]) <= timedelta(minutes=90)
    assert {TRUTH["sentiment"][item.id] for item in items} <= {"positive", "mixed"}


def test_opposite_fates_and_headlines_without_an_entity_are_many() -> None:
    assert len(set(TRUTH["opposite_fates"])) == len(TRUTH["opposite_fates"]) >= 25
    assert len(set(TRUTH["no_entity"])) == len(TRUTH["no_entity"]) >= 40
    assert set(TRUTH["opposite_fates"]) | set(TRUTH["no_entity"]) <= set(BY_ID)
    assert {TRUTH["sentiment"][id_] for id_ in TRUTH["opposite_fates"]} == {"mixed"}


def test_headlines_have_the_odd_shapes_of_real_ones() -> None:
    texts = [item.text for item in NEWS]
    assert any(re.search(r"\$[A-Z]{2,5}\b", text) for text in texts)
    assert any("(NASDAQ: AAPL)" in text for text in texts)
    assert sum(text.isupper() and text.isascii() for text in texts) >= 4
    assert any("“" in text for text in texts) and any("’" in text for text in texts)
    scripts = {unicodedata.name(letter).split()[0] for text in texts for letter in text if letter.isalpha()}
    assert {"LATIN", "CJK", "KATAKANA", "DEVANAGARI"} <= scripts
    assert min(map(len, texts)) < 15


def test_questions_are_many_unique_and_part_of_them_unanswerable() -> None:
    assert len(QUESTIONS) >= 90
    assert len({item.id for item in QUESTIONS}) == len({squeezed(item.text) or item.text for item in QUESTIONS})
    assert len({item.id for item in QUESTIONS}) == len(QUESTIONS)
    parts = [TRUTH[part].keys() for part in ("questions", "on_documents", "on_the_stream")]
    assert sorted(id_ for part in parts for id_ in part) == [item.id for item in QUESTIONS]
    intents = Counter(TRUTH["questions"].values())
    assert intents[None] >= 25
    assert len(intents) == 78


def test_answers_to_questions_on_documents_stand_in_them_word_for_word() -> None:
    assert len(TRUTH["on_documents"]) >= 5
    for told in TRUTH["on_documents"].values():
        assert told["answer"] in (FOLDER / "documents" / told["document"]).read_text(encoding="utf-8")


def test_instructions_of_questions_on_the_stream_are_canonical_and_of_many_operations() -> None:
    instructions = TRUTH["on_the_stream"].values()
    assert [format_instruction(parse(text)) for text in instructions] == list(instructions)
    assert len({text.split()[0] for text in instructions}) >= 5


def test_questions_are_in_order_and_some_conversations_go_on() -> None:
    times = [item.asked_at for item in QUESTIONS if item.asked_at]
    assert len(times) == len(QUESTIONS) and times == sorted(times)
    assert max(Counter(item.conversation_id for item in QUESTIONS).values()) >= 2


def test_broken_records_are_the_same_each_time_and_each_has_a_name() -> None:
    records = broken_records()
    assert records == broken_records()
    assert len({what for what, _ in records}) == len(records) >= 12


def test_broken_records_fit_into_a_request_to_kafka() -> None:
    assert all(len(value) < KAFKA_MAX_REQUEST_BYTES for _, value in broken_records())


@pytest.mark.parametrize(("what", "value"), broken_records(), ids=[what for what, _ in broken_records()])
def test_broken_record_is_one_that_a_sane_reader_refuses(what: str, value: bytes) -> None:
    try:
        item = msgspec.json.decode(value, type=News)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    too_late = item.published_at is not None and item.published_at.year > 2100
    assert too_late or "\0" in item.text or not item.text.strip() or len(item.text) > 1_000_000, what
