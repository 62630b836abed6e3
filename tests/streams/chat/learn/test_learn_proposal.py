"""A proposal is a template file: what is approved in it is read by the same reader as a team's own."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import SettingsError
from streams.chat.learn.faq import proposals_of, shortened
from streams.chat.learn.pairs import Pair
from streams.chat.learn.proposal import (
    Names,
    Proposal,
    approved_in,
    as_toml,
    handicap,
    name_of,
    proposal_of,
    words_in,
    written,
)
from streams.chat.learn.report import Found, proposal_report
from streams.chat.template_text import read_templates

TEXT = st.text(min_size=1, max_size=80).filter(lambda text: text.strip())


def file_of(*proposals: Proposal) -> str:
    return written(proposals, "talks.jsonl", "DIR")


@settings(deadline=None)
@given(TEXT, st.lists(TEXT, min_size=1, max_size=4, unique=True))
def test_whatever_was_said_is_written_so_that_it_can_be_read(answer: str, examples: list[str]) -> None:
    pairs = [Pair("one", example, answer) for example in examples]
    text = file_of(proposal_of(pairs, pairs[0], "some_intent")).replace("approved = false", "approved = true")
    tables = approved_in(text, "proposal.toml")
    templates = read_templates({"learned.toml": as_toml(tables)})
    assert len(templates.examples["some_intent"]) == len(tables["some_intent"]["examples"]) == len(set(examples))
    assert templates.answer("some_intent").text


def test_only_what_is_approved_is_taken() -> None:
    one, other = Proposal("one", "Yes.", ("is it?",), 3, approved=True), Proposal("other", "No.", ("was it?",), 2)
    assert list(approved_in(file_of(one, other), "proposal.toml")) == ["one"]


def test_a_file_without_an_approval_says_what_to_do() -> None:
    with pytest.raises(SettingsError, match="none of 1 proposed intents is approved; set approved = true"):
        approved_in(file_of(Proposal("one", "Yes.", ("is it?",), 3)), "proposal.toml")


def test_a_broken_file_is_named_with_its_line() -> None:
    with pytest.raises(SettingsError, match=r"proposal\.toml: not a TOML file: .*line 2"):
        approved_in('[one]\napproved = "yes\n', "proposal.toml")
    with pytest.raises(SettingsError, match=r"\[one\]: wanted a table with approved = true or false"):
        approved_in('[one]\napproved = "yes"\n', "proposal.toml")


def test_slots_and_languages_that_a_person_added_come_through() -> None:
    text = """
[order]
approved = true
answer = { en = "The {kind} card.", de = "Die Karte ({kind})." }
examples = ["order a card", "[card] please"]
[order.slots.kind]
ask = "Which one?"
choices = { gold = ["golden"] }
"""
    tables = approved_in(text, "proposal.toml")
    template = read_templates({"learned.toml": as_toml(tables)}).answer("order", "de")
    assert template.text == "Die Karte ({kind})." and template.slots[0].find("the golden one") == "gold"


def test_a_reply_about_one_customers_day_is_no_good_template() -> None:
    assert handicap("It left us on the 3rd and will be there tomorrow.") > handicap(
        "It is there within ten working days."
    )


def test_an_intent_is_named_by_the_words_that_others_have_not() -> None:
    own = ["change my address please", "I have a new address", "the address is wrong"]
    assert name_of(own, words_in([*own, "please change my PIN", "I have lost my card"])) == "address"


def test_names_are_fit_for_a_file_and_given_once() -> None:
    names = Names()
    assert [names.give(each) for each in ("Card lost?", "card lost", "3 cards", "卡")] == [
        "card_lost", "card_lost_2", "intent_3_cards", "intent",
    ]  # fmt: skip


def test_rows_of_a_list_of_questions_with_one_answer_are_one_intent() -> None:
    dropped: Counter[str] = Counter()
    rows = [
        {"question": "Where are you?", "answer": "In Bremen."},
        {"question": "What is your address?", "answer": "In  Bremen."},
        {"question": "When do you open?", "answer": "At nine."},
        {"question": "when do you OPEN?", "answer": "At ten."},
        {"question": "", "answer": "At ten."},
    ]
    found = proposals_of(rows, ("question", "answer", "intent"), dropped)
    assert [(one.answer, len(one.examples), one.approved) for one in found] == [
        ("In Bremen.", 2, True),
        ("At nine.", 1, True),
    ]
    assert dropped == {"a question that has another answer, too": 1, "without a question or an answer": 1}


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("How do I change my address?", "change address"),
        ("Which branches are open on Saturdays?", "branches open Saturdays"),
        ("Opening hours?", ""),
        ("Why?", ""),
    ],
)
def test_a_question_is_shortened_to_what_it_is_about(question: str, short: str) -> None:
    assert shortened(question) == short


def test_the_report_tells_coverage_and_what_was_left_out() -> None:
    proposals = [Proposal("one", "Yes.", ("is it?",), 6, notes=("answered today as x",))]
    told = proposal_report(
        Found("t.jsonl", 40, 9, 8, proposals, [("one", "two", 0.15)], [Pair("c", "what | is this", "no")], {"x": 3},
              {"noise": 5}, {"narrator": 2})
    )  # fmt: skip
    assert "| one | 6 | 75% | answered today as x |" in told and "| one | two | 0.15 |" in told
    assert "- what | is this" in told and "| 5 | noise |" in told and "'narrator' (2)" in told and "| x | 3 |" in told
