"""Every mistake in a team's files is told with its file and intent, all at once."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import SettingsError
from streams.chat.template_text import KEYS, PHRASES, SLOT_KEYS, read_templates, templates_of

MISTAKES = [
    ("[x]", "t/a.toml: [x]: has no answer"),
    ('x.answer = ""', "t/a.toml: [x]: answer is no text, or empty"),
    ('x.answer = {de = " "}', "t/a.toml: [x]: answer.de is no text, or empty"),
    ("x.answer = {}", "t/a.toml: [x]: answer is empty"),
    ('x.answer = {german = "a"}', "got the language 'german', wanted a code"),
    ('x = "a"', "t/a.toml: [x]: wanted a table"),
    ('x.answer = "a"\nx.exampels = []', "unknown key 'exampels'; did you mean examples?"),
    ('x.answer = "a"\nx.examples = "how"', "t/a.toml: [x]: examples: wanted a list of questions"),
    ('x.answer = "a {card}"', "t/a.toml: [x]: answer: {card} is not a slot of this intent; wanted none here"),
    ('x.answer = "a {b}"\nx.slots.card.ask = "?"', "{b} is not a slot of this intent; wanted {card}"),
    ('x.answer = "a"\nx.slots.card = {}', "slots.card has neither ask nor default"),
    (
        'x.answer = "a"\nx.slots.card = {ask = "?", chioces = []}',
        "slots.card: unknown key 'chioces'; did you mean choices?",
    ),
    ('x.answer = "a"\nx.slots.card = {ask = "?", choices = [1]}', 'slots.card.choices: wanted ["debit", "credit"]'),
    ('x.answer = "a"\nx.slots.card = {ask = "?", pattern = "("}', "slots.card.pattern: missing )"),
    ('x.answer = "a"\nx.slots.c = {ask = "?", pattern = "a", choices = ["b"]}', "slots.c has choices and a pattern"),
    ('x.answer = "a"\nx.slots = 1', "t/a.toml: [x]: slots: wanted a table"),
    ('x.answer = "a"\nx.slots."Card Type".ask = "?"', "slots: got 'Card Type', wanted a table under a name"),
    ('x.answer = "a"\nx.actions = ["Freeze it"]', "t/a.toml: [x]: actions: wanted a list of names"),
    ('x.answer = "a"\nx.follow_up = ["z"]', "t/a.toml: [x]: follow_up: no answer is written for 'z'"),
    ('x.answer = "a"\nx.follow_up = ""', "t/a.toml: [x]: follow_up is no text, or empty"),
    ("x = [", "t/a.toml: "),
    ("", "t holds no answers"),
]


@pytest.mark.parametrize(("text", "told"), MISTAKES, ids=[told for _, told in MISTAKES])
def test_a_mistake_is_told_with_its_file_and_intent(text: str, told: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_templates({"a.toml": text}, "t")
    assert told in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_an_intent_that_speaks_twice_is_told_with_both_files() -> None:
    with pytest.raises(SettingsError, match=r"t/b\.toml: \[x\]: speaks twice: it has an answer in t/a\.toml"):
        read_templates({"a.toml": 'x.answer = "a"', "b.toml": 'x.answer = "b"'}, "t")


def test_an_example_of_two_intents_is_told() -> None:
    text = 'x = {answer = "a", examples = ["Where is it?"]}\ny = {answer = "b", examples = ["where  is it?"]}'
    with pytest.raises(SettingsError, match=r"\[y\]: the example 'where  is it\?' is one of \[x\] too"):
        read_templates({"a.toml": text})


@pytest.mark.parametrize(
    ("phrases", "told"),
    [
        ('helo = "a"', "t/_phrases.toml: unknown phrase 'helo'; wanted one of welcome"),
        ('welcome = ""', "t/_phrases.toml: welcome is no text, or empty"),
        ('slot_again = "{what}"', "t/_phrases.toml: slot_again: {what} is not known in this phrase; wanted {ask}"),
        ('language = "German"', "t/_phrases.toml: language: got 'German'"),
    ],
)
def test_a_mistake_in_the_phrases_is_told(phrases: str, told: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_templates({"a.toml": 'x.answer = "a"', "_phrases.toml": phrases}, "t")
    assert str(raised.value).startswith(told)


def test_a_hidden_file_of_another_name_is_told() -> None:
    with pytest.raises(SettingsError, match=r"t/_handover\.toml: a file that begins with _ holds no intents"):
        read_templates({"a.toml": 'x.answer = "a"', "_handover.toml": 'answer = "b"'}, "t")


def test_all_mistakes_are_told_at_once_up_to_a_screenful() -> None:
    text = "\n".join(f"[x{n}]" for n in range(30))
    with pytest.raises(SettingsError) as raised:
        read_templates({"a.toml": text, "b.toml": "y = 1"}, "t")
    lines = str(raised.value).splitlines()
    assert len(lines) == 21 and lines[-1] == "… and 11 more"


def test_everything_there_is_can_be_said() -> None:
    text = """
[card_lost]
examples.en = ["My card is lost", "I lost it"]
examples.de = ["Karte weg"]
answer.en = "Block the {card} card."
answer.de = "Sperren Sie die Karte."
actions = ["freeze-card"]
follow_up = ["phone_lost"]
slots.card = {ask = {en = "Which?", de = "Welche?"}, choices = {debit = ["EC card"], credit = []}}
[phone_lost]
answer = "Block the phone."
follow_up.en = "Block the SIM, too."
"""
    templates = read_templates({"a.toml": text})
    english, german = (templates.answer("card_lost", language) for language in ("en", "de"))
    assert (english.actions, english.follow_up, english.title) == (("freeze-card",), ("phone_lost",), "My card is lost")
    assert [slot.ask for slot in (*english.slots, *german.slots)] == ["Which?", "Welche?"]
    assert english.filled({"card": "debit"}) == "Block the debit card."
    assert templates.answer("phone_lost").closing == "Block the SIM, too."


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["en", "de", "x", *SLOT_KEYS]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(["a", "b"]), anything | st.dictionaries(st.sampled_from(KEYS), anything), min_size=1
    )
)
def test_no_file_is_so_strange_that_it_cannot_be_told(table: dict[str, Any]) -> None:
    mistakes: list[str] = []
    templates = templates_of({"a.toml": table}, {}, "en", mistakes)
    assert mistakes or all(templates.answer(intent).text for intent in table)


def test_the_examples_of_the_docs_hold() -> None:
    docs = (Path(__file__).parents[3] / "docs" / "templates.md").read_text(encoding="utf-8")
    orders, phrases = re.findall(r"```toml\n(.*?)```", docs, re.DOTALL)
    templates = read_templates({"orders.toml": orders, "_phrases.toml": phrases})
    late = templates.answer("parcel_late")
    assert late.slots[0].find("where is so123456?") == "so123456"
    assert "the order in question under" in late.filled({})
    assert all(f"`{key}`" in docs for key in (*KEYS, *SLOT_KEYS, *PHRASES))
