"""What a message means in its conversation: options chosen, slots told, follow-ups completed."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.chat.choice import choice
from streams.chat.decide import TRUST
from streams.chat.follow_up import completed
from streams.records import Pending
from tests.support.talking import Finder, Talk, answering, reading, talk

TITLES = ["How do I get a physical card?", "How do I get a virtual card?", "Something else"]
CLOSE = {"card": {"freeze_card": 0.45, "closing": 0.44}}


@pytest.mark.parametrize(
    ("said", "n"),
    [
        ("How do I get a virtual card?", 1),
        ("the first one", 0),
        ("1", 0),
        ("2.", 1),
        ("second please", 1),
        ("the last one", 1),
        ("virtual", 1),
        ("the physical one", 0),
        ("neither", 2),
        ("something else", 2),
        ("none of those", 2),
        ("card", None),
        ("my virtual thing is broken", None),
        ("physical or virtual?", None),
        ("I have lost my phone on the train and need somebody to lock it", None),
        ("", None),
    ],
)
def test_an_option_is_chosen_by_its_place_its_words_or_what_only_it_has(said: str, n: int | None) -> None:
    assert choice(said, TITLES) == n


@given(st.text(max_size=200))
def test_a_choice_is_an_option_or_none_whatever_is_said(said: str) -> None:
    assert choice(said, TITLES) in (0, 1, 2, None)


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("and abroad?", "How do I freeze my card, abroad?"),
        ("what about the other card?", "How do I freeze my card, the other card?"),
        ("and what about my other card?", "How do I freeze my card, my other card?"),
        ("And how about in the app", "How do I freeze my card, in the app"),
        ("and how do I close my account?", "and how do I close my account?"),
        ("What does it cost?", "How do I freeze my card. What does it cost?"),
        ("What does a card cost?", "What does a card cost?"),
        ("ok thanks for explaining", "ok thanks for explaining"),
        ("but and abroad?", "How do I freeze my card, abroad?"),
        ("and then my phone was stolen while I was in Spain", "and then my phone was stolen while I was in Spain"),
        ("and", "and"),
    ],
)
def test_a_follow_up_is_asked_again_about_the_subject_and_nothing_else_is(said: str, asked: str) -> None:
    assert completed(said, "How do I freeze my card?").text == asked
    assert completed(said, None).text == said


@pytest.mark.parametrize(
    ("subject", "said", "asked"),
    [
        ("What does the Hazel account pay?", "and the Acorn account?", "What does the Acorn account pay"),
        ("What does Linden Plus cost?", "and Linden Basic?", "What does Linden Basic cost"),
        ("What is the fee in Spain a year?", "what about in France?", "What is the fee in France a year"),
        ("What is the fee?", "and the fee for a second card?", "What is the fee, the fee for a second card?"),
    ],
)
def test_what_a_follow_up_names_takes_the_place_of_its_like(subject: str, said: str, asked: str) -> None:
    assert completed(said, subject).text == asked


def test_close_intents_are_asked_about_and_the_choice_is_answered() -> None:
    chat = talk(CLOSE)
    asked = chat("something with a card").answer
    assert (asked.way, asked.abstained) == ("clarify", True)
    assert asked.options == ["How do I freeze my card?", "How do I close my account?", "Something else"]
    assert all(option in asked.text for option in asked.options)
    chosen = chat("the first one").answer
    assert (chosen.way, chosen.intent, chosen.text) == ("template", "freeze_card", "Open Cards and tap Freeze.")
    assert chat.state.pending is None and chat.state.unanswered == 0


def test_none_of_the_options_counts_as_unanswered() -> None:
    chat = talk(CLOSE)
    chat("something with a card")
    turn = chat("neither")
    assert turn.answer.way == "handover" and turn.handover is not None and turn.handover.reason == "unsure"


def test_another_question_is_answered_instead_of_what_was_asked_back() -> None:
    chat = talk(CLOSE | {"account": {"closing": 0.95}})
    chat("something with a card")
    assert chat("I would like to close my whole account with you today").answer.intent == "closing"
    assert chat.state.pending is None


def test_a_slot_is_asked_for_and_filled() -> None:
    chat = talk({"order": {"order_card": 0.9}})
    asked = chat("I want to order one").answer
    assert (asked.way, asked.text) == ("clarify", "A physical card, or a virtual one?")
    assert asked.options == ["physical", "virtual"]
    assert chat("plastic").answer.text == "We send the physical card at once."
    assert chat.state.slots == {"kind": "physical"}


def test_a_slot_that_the_question_tells_is_not_asked_for() -> None:
    assert (
        talk({"order": {"order_card": 0.9}})("order a virtual card").answer.text == "We send the virtual card at once."
    )


def test_a_slot_is_asked_for_again_once_and_then_a_person_comes() -> None:
    chat = talk({"order": {"order_card": 0.9}})
    chat("I want to order one")
    again = chat("hmm dunno").answer
    assert again.way == "clarify" and "A physical card, or a virtual one?" in again.text
    assert chat("hmm dunno").answer.way == "handover"


def test_a_follow_up_leads_to_the_intents_that_its_template_names() -> None:
    chat = talk(
        {
            "freeze my card, the other": {"freeze_card": 0.4, "freeze_other": 0.4, "closing": 0.2},
            "freeze": {"freeze_card": 0.9},
        }
    )
    chat("How do I freeze my card?")
    turn = chat("what about the other card?").answer
    assert turn.way == "clarify" and len(turn.options) == 3


def test_several_questions_in_one_message_are_answered_one_by_one() -> None:
    chat = talk({"freeze": {"freeze_card": 0.9}, "account": {"closing": 0.9}})
    answer = chat("How do I freeze my card? And how do I close my account?").answer
    assert answer.text == "1. Open Cards and tap Freeze.\n2. Tap Close."
    assert {source.intent for source in answer.sources} == {"freeze_card", "closing"}


def test_of_several_questions_the_unanswered_one_is_named() -> None:
    chat = talk({"freeze": {"freeze_card": 0.9}})
    answer = chat("How do I freeze my card? And where is the moon tonight?").answer
    assert not answer.abstained and "Open Cards" in answer.text and "moon" in answer.text


def test_a_question_in_a_language_that_is_served_is_answered_in_it() -> None:
    chat = talk({"Konto": {"closing": 0.9}})
    answer = chat("Wie kann ich mein Konto bei Ihnen schließen?").answer
    assert (answer.language, answer.text) == ("de", "Tippen Sie auf Schließen.")


def test_silence_ends_what_was_asked_back() -> None:
    chat = talk(CLOSE)
    chat("something with a card")
    assert chat("the first one", timedelta(hours=1)).answer.way == "unsure"


def test_personal_data_is_in_no_record() -> None:
    chat = talk({"freeze": {"freeze_card": 0.9}})
    turn = chat("freeze my card 4111 1111 1111 1111, mail me at kim@example.com")
    assert "4111" not in str(turn) and "kim@" not in str(turn)


def test_a_follow_up_that_is_clear_by_itself_is_not_about_the_subject() -> None:
    chat = talk({"freeze": {"freeze_card": 0.9}, "and closing": {"closing": 0.8}})
    chat("How do I freeze my card?")
    assert chat("and closing the account?").answer.intent == "closing"


def test_who_asks_for_more_about_the_subject_does_not_ask_the_same() -> None:
    about = {"freeze my card. does it": {"freeze_card": 0.7, "closing": 0.29}, "How do I freeze": {"freeze_card": 0.9}}
    chat = talk(about)
    chat("How do I freeze my card?")
    answer = chat("does it close the account").answer
    assert answer.way == "unsure" and answer.confidence == pytest.approx(0.29 * TRUST, abs=1e-3)


def test_documents_are_read_for_what_was_said_and_then_for_what_that_may_go_on_from() -> None:
    finder = Finder(0.9, {"freeze": "2 percent"})
    chat = Talk(answering({"freeze": {"freeze_card": 0.99}}, reading(finder, "Frozen cards cost 2 percent.")))
    chat("freeze my card")
    answer = chat("and does it cost anything").answer
    assert answer.way == "documents" and answer.confidence == pytest.approx(0.9 * TRUST)


def test_who_writes_in_a_language_that_no_answer_is_written_in_is_told_so_and_then_gets_a_person() -> None:
    polish = "Ile kosztuje wypłata za granicą i kiedy dostanę pieniądze"
    chat = talk({"Ile kosztuje": {"freeze_card": 0.99}})
    turn = chat(polish)
    assert turn.answer.way == "unsure" and turn.answer.language == "pl" and not turn.answer.alternatives
    assert "Deutsch, English" in turn.answer.text
    turn = chat(polish)
    assert (
        turn.answer.way == "handover"
        and turn.handover is not None
        and "language" in turn.handover.summary
        and turn.handover.language == "pl"
    )


def test_a_document_answers_in_any_language() -> None:
    polish = "Ile kosztuje wypłata za granicą i kiedy dostanę pieniądze"
    documents = reading(Finder(0.9, {"Ile kosztuje": "2 procent"}), "Wypłata kosztuje 2 procent.")
    assert Talk(answering({}, documents))(polish).answer.way == "documents"


def test_markup_is_text_that_models_are_not_shown() -> None:
    chat = talk({"freeze my card now": {"freeze_card": 0.9}})
    turn = chat("<p>freeze <b>my</b> card</p><script>alert('closing')</script> now < 5 > 3")
    recognizer = chat.of.intents
    assert recognizer is not None and "alert" not in str(recognizer.engine.calls)  # type: ignore[attr-defined]
    assert "<script>" in turn.answer.question


def test_the_subject_stays_through_follow_ups_until_another_question_is_clear() -> None:
    chat = talk({"and closing": {"closing": 0.9}, "freeze": {"freeze_card": 0.9}})
    chat("How do I freeze my card?")
    for text in ("and abroad?", "what about Spain?"):
        assert chat(text).answer.intent == "freeze_card"
        assert chat.state.subject == "How do I freeze my card?"
    chat("and closing the account?")
    assert chat.state.subject == "and closing the account?"


def test_what_was_asked_back_is_forgotten_where_the_team_has_taken_its_answers_away() -> None:
    chat = talk({"freeze": {"freeze_card": 0.9}})
    for pending in (Pending(question="?", options=["gone", "too"]), Pending(question="?", intent="gone", slot="kind")):
        chat.state = msgspec.structs.replace(chat.state, pending=pending)
        assert chat("the last one").answer.way in ("unsure", "handover")
