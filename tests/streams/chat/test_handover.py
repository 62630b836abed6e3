"""To a person and back: the record that a person reads, what they reply, and when Gretchen answers again."""

from datetime import timedelta

from streams.chat.handover import hand_over, reply_answer
from streams.chat.state import say
from streams.records import Conversation, HandoverReply, Origin, Question
from tests.support.talking import NOW, talk

SAID = {"freeze": {"freeze_card": 0.9}}


def reply(text: str, closes: bool = False) -> HandoverReply:
    return HandoverReply(id="r1", conversation_id="c", text=text, by="Ada", closes=closes)


def test_whoever_asks_for_a_person_gets_one_with_everything_said_so_far() -> None:
    chat = talk(SAID)
    chat("how do I freeze my card")
    turn = chat("that is no help, let me talk to a human please")
    assert turn.answer.way == "handover" and turn.answer.abstained
    assert turn.handover is not None and turn.handover.reason == "asked"
    assert [(line.role, line.text[:10]) for line in turn.handover.transcript] == [
        ("customer", "how do I f"),
        ("gretchen", "Open Cards"),
        ("customer", "that is no"),
    ]
    assert turn.handover.id == f"{turn.answer.question_id}:handover"


def test_what_is_said_while_a_person_has_it_is_passed_on_until_they_close() -> None:
    chat = talk(SAID)
    chat("talk to a human")
    turn = chat("how do I freeze my card")
    assert turn.answer.way == "handover" and turn.handover is not None and turn.handover.reason == "with-person"
    answer = reply_answer(chat.state, reply("Hello, Ada here."), chat.now, Origin(0, 5))
    assert (answer.way, answer.by, answer.text, answer.id) == ("person", "Ada", "Hello, Ada here.", "r1:reply")
    assert answer.conversation is not None
    chat.state = answer.conversation
    assert chat("how do I freeze my card").answer.way == "handover"
    closed = reply_answer(chat.state, reply("Done.", closes=True), chat.now, Origin(0, 6))
    assert closed.conversation is not None and closed.conversation.reply_offset == 6
    chat.state = closed.conversation
    turn = chat("how do I freeze my card")
    assert turn.answer.way == "template" and turn.handover is None
    assert [line.by for line in chat.state.transcript if line.role == "person"] == ["Ada", "Ada"]


def test_a_person_who_does_not_come_loses_the_conversation_in_the_end() -> None:
    chat = talk(SAID)
    chat("talk to a human")
    assert chat("how do I freeze my card", timedelta(hours=23)).answer.way == "handover"
    assert chat("how do I freeze my card", timedelta(hours=25)).answer.way == "template"


def test_an_empty_reply_that_closes_says_nothing() -> None:
    before = say(Conversation(id="c", handed_over=NOW), "customer", "hello?", NOW)
    answer = reply_answer(before, reply("", closes=True), NOW, Origin(0, 1))
    assert answer.conversation is not None and answer.conversation.handed_over is None
    assert answer.conversation.transcript == before.transcript


def test_who_replies_to_a_conversation_has_it() -> None:
    answer = reply_answer(Conversation(id="c"), reply("May I help?"), NOW, Origin(0, 1))
    assert answer.conversation is not None and answer.conversation.handed_over == NOW


def test_the_summary_says_why_what_and_what_is_known_in_a_few_lines() -> None:
    state = Conversation(id="c", slots={"kind": "virtual"}, language="de")
    for text in ("one", "two", "three", "four", "five", "x" * 5000):
        state = say(state, "customer", text, NOW)
    record = hand_over(Question(id="q", text="-"), state, "unsure", {"a": 0.5, "documents": 0.25}, NOW, Origin(0, 1))
    lines = record.summary.split("\n")
    assert len(lines) == 7 and max(map(len, lines)) < 200
    assert "a (50%), documents (25%)" in lines[-2] and "kind: virtual" in lines[-1]
    assert record.language == "de" and record.guesses == {"a": 0.5, "documents": 0.25}


def test_a_persons_personal_data_is_masked_in_the_transcript_and_told_in_the_answer() -> None:
    text = "Write to ada@example.com, please"
    answer = reply_answer(Conversation(id="c"), reply(text), NOW, Origin(0, 1))
    assert answer.text == text
    assert answer.conversation is not None and "ada@" not in answer.conversation.transcript[-1].text
