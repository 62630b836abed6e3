"""Several questions in one message are told apart where each can stand alone."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.chat.parts import MOST_PARTS, split

SEVERAL = [
    (
        "My card is stuck and how do I change my PIN? Also what's the exchange rate",
        ["My card is stuck", "how do I change my PIN?", "what's the exchange rate"],
    ),
    ("What is my limit? And how long does it take to get a new card?", 2),
    ("Where's my card, and can I top up with Apple Pay?", ["Where's my card", "can I top up with Apple Pay?"]),
    ("I want to close my account and I need a statement for last year", 2),
    ("how did Tesla do today and which bank had the worst week?", 2),
    ("How do I change my PIN?\nWhat are your exchange rates?", 2),
    ("1. How do I change my PIN?\n2. What are your exchange rates?", 2),
    ("Can I pay abroad? Another question: my address has changed recently", 2),
    ("Wie ändere ich meine PIN und wo finde ich meine IBAN?", 2),
    ("Comment changer mon code PIN ? Et quels sont les frais de virement ?", 2),
]
ONE = [
    "How do I change my PIN?",
    "Can I pay with cash and card?",
    "I lost my card. How do I get a new one?",
    "I lost my card and what should I do?",
    "How do I block my card and how do I unblock it?",
    "Why was my card declined? What should I do?",
    "My transfer is pending and when will the money arrive?",
    "I used my card and was charged a fee, why?",
    "I want to move money from my bank. What are the steps?",
    "I went to the machine, and when I came home the money was gone",
    "Which cards do you take? I want to use my credit card from home.",
    "how much is it and when?",
    "How long, and how much does a new card cost?",
    "Hi there! How can I get a refund? Thanks!",
    "",
    "???",
]


@pytest.mark.parametrize(("text", "wanted"), SEVERAL)
def test_questions_that_stand_alone_are_told_apart(text: str, wanted: list[str] | int) -> None:
    told = split(text)
    assert told == wanted or len(told) == wanted


@pytest.mark.parametrize("text", ONE)
def test_what_belongs_together_stays_together(text: str) -> None:
    assert split(text) == [text.strip()]


def test_there_are_four_at_most_and_the_last_has_the_rest() -> None:
    asked = [
        f"How do I order {what} online?" for what in ("red tea", "gold coins", "oak tables", "wool coats", "old maps")
    ]
    told = split(" ".join(asked))
    assert len(told) == MOST_PARTS
    assert told[:3] == asked[:3] and told[3] == " ".join(asked[3:])


words = st.sampled_from(
    ["how do I", "change", "my PIN", "and", "also", "what is", "?", ".", "\n", "it", "Gold", "rate", ",", "我"]
)


@given(st.lists(words, max_size=30).map(" ".join))
def test_nothing_is_lost_but_what_joins(text: str) -> None:
    told, left = " ".join(split(text)), text
    for word in re.findall(r"\w+|\?", told):
        before, found, left = left.partition(word)
        assert found
        assert not set(re.findall(r"\w+", before)) - {"and", "also"}
    assert not set(re.findall(r"\w+", left)) - {"and", "also"}


@pytest.mark.parametrize("piece", ["and how ", "? ", "How do I change my PIN? ", "also ", "I want ", "\n1. ", "a"])
def test_a_megabyte_is_one_message(piece: str) -> None:
    for chars in (3_900, 1_000_000):
        began_s = time.process_time()
        split(piece * (chars // len(piece)))
        assert time.process_time() - began_s < 2
