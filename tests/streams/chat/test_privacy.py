"""Personal data is masked, what a question is about is not. The numbers are published examples."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from streams.chat.privacy import Span, mask, spans

CARDS = ["4111111111111111", "5555555555554444", "378282246310005", "6011111111111117", "30569309025904"]
IBANS = ["DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606", "NO9386011117947"]
PERSONAL = [
    ("my card 4111 1111 1111 1111 is lost", "my card [card] is lost"),
    ("4111-1111-1111-1111, exp 12/27", "[card], exp 12/27"),
    ("amex 3782 822463 10005 declined", "amex [card] declined"),
    ("it's 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "it's [card]"),
    ("to DE89 3704 0044 0532 0130 00 please", "to [iban] please"),
    ("iban: gb29nwbk60161331926819.", "iban: [iban]."),
    ("write to a.b+c@mail.example.co.uk.", "write to [e-mail]."),
    ("call me on 07700 900123 please", "call me on [phone] please"),
    ("+44 7700 900123 or +49 (0)170 1234567", "[phone] or [phone]"),
    ("my number is 0170/1234567", "my number is [phone]"),
    ("(555) 223-4567 or 555-223-4567", "[phone] or [phone]"),
    ("mobile: 600 123 456", "mobile: [phone]"),
    ("01.02.03.04.05 c'est moi", "[phone] c'est moi"),
    ("My name is John Smith and I lost my card", "My name is [name] and I lost my card"),
    ("my name is maria lopez, hi", "my name is [name], hi"),
    ("I'm called Ana de la Cruz.", "I'm called [name]."),
    ("my name's O'Brien", "my name's [name]"),
    ("My name is Dr. John A. Smith. My card is lost", "My name is [name]. My card is lost"),
    ("this is Peter Müller speaking", "this is [name] speaking"),
    ("Ich heiße Jürgen von Berg. Meine Karte", "Ich heiße [name]. Meine Karte"),
    ("me llamo José García", "me llamo [name]"),
    ("我叫王小明，我的卡4111111111111111丢了", "我叫[name]，我的卡[card]丢了"),
]
HARMLESS = [
    "4111 1111 1111 1112 is not a card",
    "GB29 NWBK 6016 1331 9268 18 is no IBAN",
    "I paid 1200.50 EUR on 01.02.2026 and 1,000,000 on 12/11/2026",
    "from 2026-11-20 to 2026-11-25",
    "between 25.11.2026 - 26.11.2026 at 10.30",
    "order 0123456789 is missing",
    "order number 4929123456789",
    "I need 250 300 1000 pounds",
    "transfer 500 1200 300 2500 please",
    "sort code 04-00-04, account 12345678",
    "My name is wrong on the card",
    "my name is not shown, and I'm called back by nobody",
    "My name is on Amazon's list of sellers",
    "this is Tesla news",
    "How is Tesla doing against Nokia and Deutsche Bank?",
    "My phone is 2 years old and costs 1000",
    "it fell by 9.5% from 100000000",
    "why was I charged @ the shop",
]


@pytest.mark.parametrize(("text", "masked"), PERSONAL)
def test_personal_data_is_masked_and_the_rest_stays(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_not_personal_stays(text: str) -> None:
    assert mask(text) == text


def test_spans_say_where_and_what() -> None:
    assert spans("mail a@b.de, card 4111111111111111") == [Span(5, 11, "e-mail"), Span(18, 34, "card")]


cards = st.builds(
    lambda body, gap: gap.join(re.findall(".{1,4}", body + luhn.calc_check_digit(body))),
    st.from_regex(r"(?:4|5[1-5])[0-9]{14}", fullmatch=True).filter(lambda body: len(body) == 15)
    | st.from_regex(r"4[0-9]{14}", fullmatch=True),
    st.sampled_from(["", " ", "-"]),
)
words = st.text(st.characters(categories=["Ll", "Lu"], max_codepoint=0x250), min_size=1, max_size=8)
pieces = st.one_of(
    cards,
    words,
    st.sampled_from(
        [*CARDS, *IBANS, "my name is ", "order ", "phone ", "Bob Brown", "0700 900 123", "+44", "01.02.2026"]
    ),
    st.from_regex(r"[0-9+() ./-]{1,12}", fullmatch=True),
    st.from_regex(r"[a-z.]{1,5}@[a-z]{1,5}\.[a-z]{2}", fullmatch=True),
)


@given(cards, words, words)
def test_every_card_that_passes_the_check_is_masked(card: str, before: str, after: str) -> None:
    assert mask(f"{before} {card} {after}") == f"{before} [card] {after}"


@given(st.lists(pieces, max_size=12), st.sampled_from(["", " ", ", "]))
def test_masking_twice_is_masking_once(parts: list[str], gap: str) -> None:
    once = mask(gap.join(parts))
    assert mask(once) == once


@given(st.text())
def test_any_text_can_be_masked(text: str) -> None:
    assert mask(mask(text)) == mask(text)


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1 ",
        "4111 1111 ",
        "GB29 ",
        "a@",
        "a.",
        "my name is ",
        "this is a ",
        "(+",
        "0700 900 123 ",
        "我叫",
        "phone ",
        "01.02.",
    ],
)
def test_time_grows_with_the_length_only(piece: str) -> None:
    """A megabyte takes seconds at the worst; what were quadratic would take ten times more for every ten times more."""

    def seconds(chars: int) -> float:
        text = piece * (chars // len(piece))
        began_s = time.process_time()
        mask(text)
        return time.process_time() - began_s

    seconds(1_000)
    assert seconds(100_000) < 40 * max(seconds(10_000), 0.002)
