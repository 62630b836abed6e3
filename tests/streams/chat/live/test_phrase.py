"""An answer says what was found and nothing else: every number in it is the result's."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_market import NOW, FakeMarket, Said, alert, chatter, market, said

from streams.chat.live.assembly import parse
from streams.chat.live.instructions import OPCODES
from streams.chat.live.interpret import execute
from streams.chat.live.phrase import as_json, say
from streams.chat.live.result import Result

EXAMPLES = [each.assembly for opcode in OPCODES.values() for each in opcode.examples]
STREAMS = [
    "all:",
    "Tesla",
    "Nvidia",
    "Nokia",
    "topic:Energy | Oil",
    "topic:Earnings",
    "sector:financials",
    "Volkswagen",
]
SECTORS = {"Tesla": "financials", "Nokia": "technology"}
NUMBER = re.compile(r"\d+(?:\.\d+)?")
SCALE = {0.0, 1.0}  # "from −1 to +1", and a tone's +0.00


def answer(line: str, on: FakeMarket, zone: str = "UTC") -> str:
    return say(run(line, on, zone))


def run(line: str, on: FakeMarket, zone: str = "UTC") -> Result:
    return execute(parse(line), on, NOW, ZoneInfo(zone), SECTORS)


def numbers(value: object) -> Iterator[float]:
    """Every number of a JSON value, and in its texts; tones as they are rounded."""
    if isinstance(value, dict):
        for each in value.values():
            yield from numbers(each)
    elif isinstance(value, list):
        yield float(len(value))
        for place, each in enumerate(value, 1):
            yield float(place)
            yield from numbers(each)
    elif isinstance(value, str):
        yield from map(float, NUMBER.findall(value))
        yield from map(float, re.findall(r"\d+", value))
    elif isinstance(value, int | float):
        yield from (float(value), abs(round(value, 2)))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(EXAMPLES),
    st.lists(st.tuples(st.sampled_from(STREAMS), st.integers(1, 60), st.integers(1, 30)), max_size=5),
    st.sampled_from(["UTC", "America/New_York"]),
)
def test_every_number_said_is_one_of_the_results(line: str, streams: list[tuple[str, int, int]], zone: str) -> None:
    held = {key: chatter(days, number, number) for key, number, days in streams}
    found = run(line, market(held, [alert("Nokia"), alert("topic:Earnings", severity="critical", hours=30)]), zone)
    allowed = {*numbers(json.loads(msgspec.json.encode(as_json(found)))), *SCALE}
    assert {float(each) for each in NUMBER.findall(say(found))} <= allowed


BUSY = [
    said(minutes=30),
    said("positive", minutes=50),
    said(hours=1),
    said("neutral", hours=2),
    said(hours=3),
    said(hours=4),
]
CASES = {
    "COUNT entity=Nokia sentiment=negative": "4 negative headlines about Nokia in the last 24 hours, of 6 in all.",
    "COUNT entity=Nokia sentiment=neutral window=3h": (
        "1 neutral headline about Nokia in the last 3 hours, of 5 in all."
    ),
    "COUNT entity=Nokia sentiment=negative window=on:2026-11-24": (
        "Nothing was said about Nokia on Tuesday, 24 November. The latest news is from 25 November, 14:30 UTC."
    ),
    "COUNT entity=Nokia": "6 headlines about Nokia in the last 24 hours.",
    "SENTIMENT entity=Nokia window=today": (
        "The news about Nokia today is mostly negative: a tone of −0.45 over 6 headlines"
        " (4 negative, 1 neutral, 1 positive) on a scale from −1 to +1."
    ),
    "SENTIMENT entity=Nokia window=1h": (
        "The news about Nokia in the last hour is mostly negative: a tone of −0.30 over 3 headlines"
        " (2 negative, 0 neutral, 1 positive) on a scale from −1 to +1. So few headlines say little."
    ),
    "SENTIMENT entity=Nobody": "Nothing was heard about Nobody so far.",
    "RANK of=entity by=worst n=1 window=today": (
        "Of the 1 name in the news, Nokia had the worst tone today: a tone of −0.45 over 6 headlines"
        " (4 negative, 1 neutral, 1 positive)."
    ),
    "RANK of=topic by=improved window=today": "None of the topics improved today.",
    "HEADLINES entity=Nokia sentiment=positive": (
        "The latest positive headline about Nokia:\n- “Good” (The Ledger Desk, 25 November, 14:10 UTC)"
    ),
    "HEADLINES entity=Nokia sentiment=neutral window=yesterday": (
        "Nothing was said about Nokia yesterday. The latest news is from 25 November, 14:30 UTC."
    ),
    "ALERTS open=yes": (
        "1 open alert:\n- Nokia: 12 negative headlines in 60 minutes, 1.3 expected"
        " (warning alert of 25 November, 14:00 UTC, not over yet)"
    ),
    "ALERTS severity=critical window=this-week": "There was no critical alert this week.",
    "EXPLAIN entity=Nokia": (
        "Nokia: 12 negative headlines in 60 minutes, 1.3 expected."
        " Warning alert of 25 November, 14:00 UTC, not over yet.\nBehind it:\n"
        "- “Trouble 0 at Nokia” (The Ledger Desk, 25 November, 14:00 UTC)\n"
        "- “Trouble 1 at Nokia” (The Ledger Desk, 25 November, 13:59 UTC)\n"
        "- “Trouble 2 at Nokia” (The Ledger Desk, 25 November, 13:58 UTC)"
    ),
}


@pytest.mark.parametrize(("line", "sentence"), CASES.items(), ids=CASES)
def test_answers_are_plain_sentences(line: str, sentence: str) -> None:
    headlines = [Said(each.ago, each.sentiment, "Good" if each.sentiment == "positive" else "") for each in BUSY]
    on = market({"Nokia": headlines, "sector:technology": [said(days=34)]}, [alert()])
    assert answer(line, on) == sentence


def test_what_is_over_is_told_as_past() -> None:
    on = market({"Nokia": chatter(15, 30)})
    assert " was " in answer("SENTIMENT entity=Nokia window=last-week", on)
    assert " is " in answer("SENTIMENT entity=Nokia window=this-week", on)


def test_the_year_is_said_where_it_is_another() -> None:
    assert "20 November 2025, 15:00 UTC" in answer("HEADLINES entity=Nokia", market({"Nokia": [said(days=370)]}))


def test_a_figure_of_whole_days_says_so() -> None:
    told = answer("COUNT entity=Nokia window=2026-11-10T09:00..2026-11-10T11:00", market({"Nokia": chatter(30, 30)}))
    assert "Counted from 10 November, 00:00 UTC to 11 November, 00:00 UTC" in told


def test_a_headline_stays_on_its_line_whatever_it_holds() -> None:
    nasty = Said(timedelta(hours=1), "negative", "Bad\nnews\x1b[31m\u202e <script>", "The\tDesk")
    told = answer("HEADLINES entity=Nokia", market({"Nokia": [nasty]}))
    assert told.splitlines()[1:] == ["- “Bad news [31m <script>” (The Desk, 25 November, 14:00 UTC)"]


def test_for_machines_an_instruction_is_a_line_and_its_arguments() -> None:
    told = as_json(run("COUNT entity=Nokia window=today", market({"Nokia": [said(hours=1)]})))
    assert told["instruction"] == "COUNT entity=Nokia window=today"
    assert told["asked"] == {"op": "COUNT", "entity": ["Nokia"], "window": "today"}
    assert told["figures"][0]["mentions"] == told["found"] == 1
    assert json.loads(msgspec.json.encode(told))["window"]["begin"] == "2026-11-25T00:00:00Z"
