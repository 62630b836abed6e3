"""An answer's words: verbatim from the document, around the span, bounded."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.chat.compose import listed, quoted, sentence_of
from streams.records import Passage

TEXT = (
    "Cards cost nothing. Withdrawals abroad cost 2 percent, e.g. 2 euro of 100, says Dr. Weber. Ask us!\n\n"
    "- Fees are listed\n- Limits are not\n\nDie Karte ist gratis。第二句。"
)


def sentence(words: str, most: int = 400) -> str:
    start = TEXT.index(words)
    first, last = sentence_of(TEXT, start, start + len(words), most)
    return TEXT[first:last]


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        ("nothing", "Cards cost nothing."),
        ("2 percent", "Withdrawals abroad cost 2 percent, e.g. 2 euro of 100, says Dr. Weber."),
        ("Weber", "Withdrawals abroad cost 2 percent, e.g. 2 euro of 100, says Dr. Weber."),
        ("Ask", "Ask us!"),
        ("Limits", "- Limits are not"),
        ("第二", "第二句。"),
        ("Weber. Ask", "Withdrawals abroad cost 2 percent, e.g. 2 euro of 100, says Dr. Weber. Ask us!"),
    ],
)
def test_the_sentence_around_a_span_is_found(words: str, whole: str) -> None:
    assert sentence(words) == whole


@given(st.text(st.sampled_from("ab .!?\n¿中。…"), min_size=1, max_size=120), st.data(), st.integers(5, 60))
def test_a_sentence_holds_its_span_and_is_no_longer_than_it_may_be(text: str, data: st.DataObject, most: int) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    first, last = sentence_of(text, start, end, most)
    held = text[start:end].strip()
    assert 0 <= first <= last <= len(text)
    assert held in text[first:last]
    assert last - first <= max(most, end - start)


def test_a_quote_names_its_document_and_heading_once() -> None:
    passage = Passage(
        id="fees#0", document="fees", title="Fees", n=0, passages=1, heading=["Fees", "Cards"], text=TEXT, start=0,
        end=len(TEXT), digest="", added_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    assert quoted(passage, 0, 5) == "“Cards cost nothing.” (Fees › Cards)"


def test_one_answer_stands_alone_and_several_are_numbered() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "1. a\n2. b"
