"""What a template says: in which language, with which details."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import SettingsError
from streams.chat.template import Slot, Template, Templates, fill
from streams.chat.template_text import read_templates

CARD = Slot("card", ask="Which card?", choices={"debit": ("EC card",), "credit": ("Visa", "Mastercard")})
NUMBER = Slot("order", default="your order", pattern=r"order (\d+)")
SHOP = Slot("shop", ask="Which shop?", default="the shop")


def templates() -> Templates:
    return read_templates(
        {
            "a.toml": 'x = {answer = {en = "Hello", de = "Hallo"}, examples = {en = ["hi"], de = ["na"]}}',
            "b.toml": 'y.answer = "Nur so"',
            "_phrases.toml": 'language = "de"\nclarify = "Welche?"\nhandover = {fr = "Un collègue", it = "Un collega"}',
        }
    )


@pytest.mark.parametrize(
    ("asked", "spoken"), [("en", "en"), ("en-GB", "en"), ("de-AT", "de"), ("de", "de"), ("fr", "de"), ("", "de")]
)
def test_an_answer_is_in_the_customers_language_or_else_in_the_teams(asked: str, spoken: str) -> None:
    assert templates().answer("x", asked).language == spoken


def test_a_plain_text_is_in_the_language_of_the_phrases_file() -> None:
    answer = templates().answer("y", "en")
    assert (answer.language, answer.text, answer.title) == ("de", "Nur so", "Y")
    assert templates().languages == {"en", "de"}


def test_a_teams_phrase_replaces_the_built_in_one_in_all_languages() -> None:
    assert templates().say("clarify", "fr") == "Welche?"
    assert templates().handover("it") == "Un collega"
    assert templates().handover("en") == "Un collègue"  # neither German nor English is there: the first that is
    assert templates().say("welcome", "fr").startswith("Bonjour")


def test_a_title_is_the_first_example_of_the_language() -> None:
    assert (templates().title("x", "en"), templates().title("x", "de")) == ("hi", "na")
    assert templates().examples == {"x": ("hi", "na"), "y": ()}


def test_a_phrase_is_filled() -> None:
    assert "tea?" in templates().say("unsure_part", "en", {"question": "tea?"})


@pytest.mark.parametrize(
    ("slot", "text", "value"),
    [
        (CARD, "my ec CARD is stuck", "debit"),
        (CARD, "the Visa and the Mastercard", "credit"),
        (CARD, "debit or credit?", None),
        (CARD, "my accredited debits", None),
        (NUMBER, "where is Order 123?", "123"),
        (NUMBER, "where is it?", None),
        (SHOP, "I bought it at Miller's", None),
    ],
)
def test_a_question_may_tell_a_slots_value(slot: Slot, text: str, value: str | None) -> None:
    assert slot.find(text) == value


def test_a_reply_to_a_slots_question_is_taken_as_it_is_or_has_to_fit() -> None:
    assert SHOP.accept("  Miller's \n & Sons ") == "Miller's & Sons"
    assert SHOP.accept("   ") is None
    assert CARD.accept("the blue one") is None
    assert SHOP.accept("x" * 1_000_000) == "x" * 100


def test_only_what_has_a_question_is_asked_for() -> None:
    template = Template("i", "en", "{card} {order} {shop}", "I", slots=(CARD, NUMBER, SHOP))
    assert template.missing({}) == CARD
    assert template.missing({"card": "debit"}) == SHOP
    assert template.missing({"card": "debit", "shop": "Miller"}) is None
    assert template.filled({"card": "debit"}) == "debit your order the shop"


def test_a_name_without_a_value_is_said_in_words() -> None:
    assert fill("Your {card_type} is {x}", {"x": "here"}) == "Your card type is here"


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.text(), min_size=2))
def test_a_value_is_never_looked_into(values: Mapping[str, str]) -> None:
    assert fill("<{a}|{b}>", values) == f"<{values['a']}|{values['b']}>"


def test_a_model_that_knows_more_than_the_answers_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"1 of the model's intents \(z\).*GRETCHEN_TEMPLATES"):
        templates().require(["x", "z"])
