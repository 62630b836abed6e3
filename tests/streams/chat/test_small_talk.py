"""Greetings and wishes for a person are told from questions, also where they come together."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.chat import small_talk
from streams.chat.small_talk import SmallTalk

SAID = {
    "greeting": [
        "hi",
        "Hello!!",
        "hey there, how are you?",
        "Good morning",
        "Guten Tag",
        "Bonjour !",
        "¡Hola!",
        "你好",
    ],
    "thanks": ["thanks", "Thank you so much for your help!", "no thanks", "hello and thank you", "Vielen Dank", "🙏"],
    "goodbye": ["Bye!", "great, thanks. bye", "that's all, thank you", "have a nice day", "Tschüss", "au revoir"],
    "acknowledged": ["ok great", "Ok.", "perfect 👍", "got it", "that worked", "alles klar", "vale", "👍", "好的"],
    "who_are_you": [
        "who are you?",
        "Hi, are you a bot?",
        "am I talking to a real person",
        "what can you do",
        "Wer bist du?",
    ],
    "frustration": ["this is useless", "you stupid bot!!!", "you don't understand me", "WTF", "c'est nul", "🤬"],
    "wants_person": [
        "talk to a human",
        "real person please",
        "agent!!",
        "let me speak to someone",
        "operator",
        "Hi, can I please talk to a real human being?",
        "I want to speak with one of your advisors",
        "put me through to customer service",
        "get me a manager now",
        "is there anyone I can talk to?",
        "no more bots",
        "I don't want to talk to a robot",
        "who can I talk to?",
        "can somebody call me back?",
        "I need a human",
        "This is useless, connect me to an agent",
        "how do I speak to a human",
        "Ich möchte mit einem Menschen sprechen",
        "Kann ich bitte mit jemandem reden?",
        "Mitarbeiter bitte",
        "je veux parler à un conseiller",
        "quiero hablar con una persona",
        "转人工",
    ],
}
QUESTIONS = [
    "thanks, but my card still doesn't work",
    "hi how do I change my PIN",
    "ok so what now",
    "Can I give my card to someone else?",
    "How do I transfer money to someone?",
    "an agent told me that the transfer is pending",
    "What's the name of the person that sent me money?",
    "Is there a real exchange rate?",
    "great exchange rates",
    "can someone help me with my card?",
    "thanks to your app I paid twice",
    "Do I have to speak to somebody to close the account?",
    "I don't want to talk to a person, just tell me the limit",
    "Can I top up without talking to an agent?",
    "Who do I talk to for a refund?",
    "The operator of the machine charged me a fee",
    "Do you support people abroad?",
    "I was charged twice, this is ridiculous",
    "My son is 15, can he have a human rights charity card?",
    "Does Goodbye Ltd take your card?",
    "",
    "???",
    "[card]",
]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in SAID.items() for text in texts])
def test_small_talk_is_known(kind: str, text: str) -> None:
    talk = small_talk.of(text)
    assert talk is not None and talk.kind == kind


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_question_is_no_small_talk(text: str) -> None:
    assert small_talk.of(text) is None


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("can I speak to someone about my mortgage fee", "my mortgage fee"),
        ("Hi, I want to talk to a person because my card was stolen!", "my card was stolen"),
        ("My refund is missing. Let me talk to an agent", "My refund is missing"),
        ("talk to a human", ""),
    ],
)
def test_what_a_person_is_wanted_for_is_kept(text: str, rest: str) -> None:
    assert small_talk.of(text) == SmallTalk("wants_person", rest)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("thanks, but my card still doesn't work", "my card still doesn't work"),
        ("Hello there! How are you? How do I change my PIN? Thanks in advance!", "How do I change my PIN?"),
        ("Guten Tag, wie ändere ich meine PIN?", "wie ändere ich meine PIN?"),
        ("I have a question: why is my card frozen", "why is my card frozen"),
        ("How do I change my PIN?", "How do I change my PIN?"),
        ("thanks, bye", ""),
    ],
)
def test_a_question_is_freed_of_what_stands_around_it(text: str, left: str) -> None:
    assert small_talk.without(text) == left


def test_emoji_without_words_are_answered_without_guessing() -> None:
    assert small_talk.of("🐢🐢") == SmallTalk("emoji")


@pytest.mark.parametrize(
    "piece",
    [
        "hi ",
        "get me real ",
        "agent ",
        "human ",
        "useless ",
        "!",
        "thanks for all ",
        "please ",
        "no ",
        "talk to a real ",
        "hi",
    ],
)
def test_a_megabyte_is_looked_at_in_no_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    began_s = time.process_time()
    small_talk.of(text)
    small_talk.without(text)
    assert time.process_time() - began_s < 2


@given(st.text(max_size=60))
def test_what_is_left_is_a_part_of_the_message(text: str) -> None:
    assert small_talk.without(text) in text or small_talk.without(text).rstrip("?.!") in text
