"""What a question is about is found as people write it, in capitals or not; words that only look like names are not."""

import json
import tomllib
from datetime import UTC
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_market import NOW

from streams.chat.live.assembly import parse
from streams.chat.live.instructions import OPCODES
from streams.chat.live.linking import ALIASES, Link, Linker
from streams.news.watchlist import Entity, load_watchlist
from streams.settings import Settings

SETTINGS = Settings()


@cache
def linker() -> Linker:
    labels = json.loads((SETTINGS.news_model / "config.json").read_text())["heads"]["topic"]["labels"]
    return Linker(load_watchlist(SETTINGS.watchlist), labels)


def links(question: str) -> list[Link]:
    return linker().find(question, NOW, UTC)


def found(question: str) -> list[tuple[str, str]]:
    return [(each.kind, each.value) for each in links(question)]


@pytest.mark.parametrize("example", [each for opcode in OPCODES.values() for each in opcode.examples], ids=str)
def test_the_manuals_questions_name_what_their_instructions_name(example) -> None:  # type: ignore[no-untyped-def]
    instruction, said = parse(example.assembly), links(example.question)
    for kind in ("entity", "topic", "sector"):
        assert tuple(each.value for each in said if each.kind == kind) == getattr(instruction, kind)
    windows = [window for window in (instruction.window, instruction.against) if window]
    assert [each.value for each in said if each.kind == "time"] == windows
    assert [each.value for each in said if each.kind == "n"] == ([str(instruction.n)] if instruction.n > 1 else [])
    assert not linker().unread(example.question, said)


@pytest.mark.parametrize(
    ("question", "entity"),
    [
        ("whats new with tesla", "Tesla"),
        ("NOKIA NEWS", "Nokia"),
        ("anything on goldman sachs?", "Goldman Sachs"),
        ("how is apple doing today", "Apple"),
        ("bad headlines on visa", "Visa"),
        ("target news", "Target"),
        ("is intel recovering", "Intel"),
        ("l'oréal this week", "L'Oréal"),
        ("mood around bofa", "Bank of America"),
        ("how's sap?", "SAP"),
        ("$TSLA sentiment", "Tesla"),
        ("btc mood", "Bitcoin"),
        ("news about the ecb", "ECB"),
        ("alerts nvda", "Nvidia"),
    ],
)
def test_names_are_found_however_they_are_typed(question: str, entity: str) -> None:
    assert [each.value for each in links(question) if each.kind == "entity"] == [entity]


@pytest.mark.parametrize(
    "question",
    [
        "do you have any idea why", "I need a visa for my trip", "can I use apple pay", "an apple a day",
        "one sec please", "the gap between rich and poor", "we had a target of ten", "I shell out a lot",
        "snap out of it", "meta question", "he is a bat expert", "grab a seat please", "does google pay work here",
    ],
)  # fmt: skip
def test_words_are_no_names_where_no_name_stands(question: str) -> None:
    assert [each.value for each in links(question) if each.kind == "entity"] == []


@pytest.mark.parametrize(
    ("question", "kind", "value"),
    [
        ("how's oil", "topic", "Energy | Oil"),
        ("energy news today", "topic", "Energy | Oil"),
        ("energy companies today", "sector", "energy"),
        ("oil companies", "sector", "energy"),
        ("mood around the Fed", "topic", "Fed | Central Banks"),
        ("any news on M&A", "topic", "M&A | Investments"),
        ("gold", "topic", "Gold | Metals | Materials"),
        ("gold miners", "sector", "materials"),
        ("which bank did best", "sector", "financials"),
        ("chipmakers", "sector", "technology"),
        ("pharma", "sector", "health care"),
        ("IPOs", "topic", "IPO"),
    ],
)
def test_topics_and_sectors_go_by_other_names(question: str, kind: str, value: str) -> None:
    assert found(question.removesuffix(" today"))[0] == (kind, value)


def test_the_longest_name_holds() -> None:
    assert found("Bank of America and central banks") == [
        ("entity", "Bank of America"),
        ("topic", "Fed | Central Banks"),
    ]
    assert found("is Siemens Energy worse") == [("entity", "Siemens Energy")]


def test_a_name_that_is_a_word_is_found_beside_other_names() -> None:
    assert found("nvidia amd intel side by side") == [("entity", "Nvidia"), ("entity", "AMD"), ("entity", "Intel")]
    assert [value for _, value in found("walmart target costco, mood")] == ["Walmart", "Target", "Costco"]
    assert found("tesla target price") == [("entity", "Tesla")]


def test_tickers_that_are_words_are_none_in_small_letters() -> None:
    assert found("which alerts are open now, is it all in a shop") == []


def test_one_is_a_count_where_texts_are_counted() -> None:
    assert found("one good story about airbus") == [("n", "1"), ("entity", "Airbus")]
    assert found("latest headline on Chevron, just one") == [("entity", "Chevron"), ("n", "1")]
    assert found("which one is worst, is there one sector") == []


def test_how_many_there_are_is_no_count_of_what_is_wanted() -> None:
    assert found("Pfizer or Moderna, which of the two does better") == [("entity", "Pfizer"), ("entity", "Moderna")]


def test_numbers_are_counts_only_where_they_count() -> None:
    assert found("top 5 companies") == [("n", "5")]
    assert found("the three worst banks") == [("n", "3"), ("sector", "financials")]
    assert found("S&P 500 and 3M, up 5% in the past 3 hours") == [
        ("entity", "S&P 500"),
        ("entity", "3M"),
        ("time", "3h"),
    ]
    assert found("100 headlines of 2026, 0 or 3.5") == []


def test_a_names_words_are_no_time() -> None:
    for question in ("how is the Russell 2000 doing", "mood on the 10-year Treasury", "Tesla's Q3 earnings"):
        assert not linker().unread(question, links(question))
    assert linker().unread("how was Tesla in Q3", links("how was Tesla in Q3"))


def test_every_entity_of_the_watchlist_is_found_by_its_name_in_small_letters() -> None:
    groups = {"Gold", "Federal Reserve"}  # are asked for as topics
    for entity in load_watchlist(SETTINGS.watchlist):
        if entity.entity not in groups:
            assert ("entity", entity.entity) in found(f"how is {entity.name.lower()} doing today")


def test_a_watchlist_of_ones_own_has_its_sectors_found_by_their_names() -> None:
    own = Linker([Entity("Acme", "Acme", sector="road runners")], ["Earnings"])
    assert [each.value for each in own.find("bank earnings of the Road Runners", NOW, UTC)] == [
        "Earnings",
        "road runners",
    ]
    assert own.names.of_argument["sector"] == {"road runners"}


def test_aliases_are_for_topics_and_sectors_there_are() -> None:
    raw = tomllib.loads(ALIASES.read_text())
    known = linker().names.of_argument
    assert set(raw["topics"]) == known["topic"]
    assert set(raw["sectors"]) == known["sector"]


def test_the_set_to_tune_on_is_linked_as_it_was_meant() -> None:
    sets = Path(__file__).parents[4] / "benchmarks" / "chat" / "live_dev.jsonl"
    rows = [json.loads(line) for line in sets.read_text().splitlines()]
    wrong = []
    for row in rows:
        if row["instruction"]:
            instruction, said = parse(row["instruction"]), found(row["question"])
            meant = [(kind, value) for kind in ("entity", "topic", "sector") for value in getattr(instruction, kind)]
            times = [("time", window) for window in (instruction.window, instruction.against) if window]
            if sorted(each for each in said if each[0] != "n") != sorted(meant + times):
                wrong.append(row["question"])
    assert wrong == []


@settings(deadline=None)
@given(st.text(max_size=60))
def test_links_lie_in_the_question_in_order_and_apart(question: str) -> None:
    at = 0
    for each in links(question):
        assert at <= each.start < each.end <= len(question)
        at = each.end
