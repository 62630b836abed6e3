"""What the page remembers of conversations, and of those that persons have."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from streams.records import Answer, Conversation, Handover, HandoverReply, Question, Said, Source
from streams.web.handovers import KEPT, Handovers
from streams.web.talks import LINES_OF_ONE, Event, Talks
from streams.web.views import QUOTE_CHARS, SAID_CHARS, SOURCES, told_of
from tests.support.page_records import NOON, answer, handed_over, passed_on, question


def kinds(talks: Talks, conversation: str = "c1") -> list[tuple[str, str]]:
    return [(line.type, line.id) for line in talks.talks[conversation].lines.values()]


def later(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_what_is_told_twice_is_remembered_and_heard_once() -> None:
    talks, heard = Talks(), list[Event]()
    talks.listen("c1", heard.append)
    asked = question("q1", "Where is my card?")
    for _ in range(3):
        talks.ask(asked, NOON)
        talks.answer(answer(asked, "On its way."))
    assert kinds(talks) == [("received", "q1"), ("answered", "q1")]
    assert [event.type for event in heard] == ["received", "answered"]


def test_an_answer_read_before_its_question_stands_behind_it() -> None:
    talks = Talks()
    talks.answer(answer(question("q1", "One?"), "Yes."))
    talks.ask(question("q1", "One?"), NOON)
    talks.ask(question("q2", "Two?"), NOON)
    assert kinds(talks) == [("received", "q1"), ("answered", "q1"), ("received", "q2")]


def test_who_stops_listening_hears_nothing_and_leaves_nothing_behind() -> None:
    talks, heard, other = Talks(), list[Event](), list[Event]()
    stop, stop_other = talks.listen("c1", heard.append), talks.listen("c1", other.append)
    stop()
    talks.ask(question("q1", "One?"), NOON)
    assert (len(heard), len(other)) == (0, 1)
    stop_other()
    assert talks.listeners == {}


def test_the_longest_silent_conversation_is_forgotten_first() -> None:
    talks = Talks(lines=10)
    for number in range(12):
        talks.ask(question(f"q{number}", "Hello?", f"c{number}"), NOON)
        talks.ask(question(f"again{number}", "Hello?", "c0"), NOON)
    assert "c0" in talks.talks
    assert "c11" in talks.talks
    assert "c1" not in talks.talks
    assert sum(len(talk.lines) for talk in talks.talks.values()) == talks.lines <= 10


def test_a_conversation_of_ten_thousand_turns_is_bounded() -> None:
    talks = Talks()
    for number in range(10_000):
        talks.ask(question(f"q{number}", "x" * 20_000), NOON)
    assert len(talks.talks["c1"].lines) == talks.lines == LINES_OF_ONE
    assert kinds(talks)[-1] == ("received", "q9999")
    assert len(talks.questions) <= talks.most
    assert all(len(line.text) == SAID_CHARS for line in talks.talks["c1"].lines.values())


def test_a_refused_question_is_settled() -> None:
    talks = Talks()
    talks.ask(question("q1", "x"), NOON)
    talks.refuse("q1", "text_too_long", later(1))
    talks.refuse("nobody asked this", "text_too_long", later(1))
    settled = talks.settled("q1")
    assert settled is not None
    assert (settled.type, settled.reason) == ("refused", "text_too_long")


def test_a_reply_may_have_the_id_of_a_question() -> None:
    talks = Talks()
    _, told = handed_over(question("1", "A person, please"), NOON)
    assert told.conversation is not None
    talks.ask(question("1", "A person, please"), NOON)
    talks.answer(told)
    talks.answer(passed_on(HandoverReply(id="1", conversation_id="c1", text="Hello", by="Ada"), told.conversation))
    assert kinds(talks) == [("received", "1"), ("handed_over", "1"), ("person", "1")]


def test_what_an_answer_shows_is_bounded_whatever_a_worker_wrote() -> None:
    source = Source(kind="document", document="d" * 9000, heading="h" * 9000, quote="q" * 9000, start=1, end=9001)
    huge = answer(
        question("q", "x" * 9000), "a" * 90_000, options=["o" * 900] * 99, sources=[source] * 99, by="b" * 900
    )
    told = told_of(huge)
    assert (len(told.text), len(told.options), len(told.sources)) == (SAID_CHARS, SOURCES, SOURCES)
    assert len(told.sources[0].quote or "") == QUOTE_CHARS
    assert len(msgspec.json.encode(told)) < 30_000


def opened(conversation: str = "c1", minutes: float = 0) -> tuple[Handover, Answer]:
    return handed_over(question(f"q-{conversation}-{minutes}", "A person, please", conversation), later(minutes))


def reply(text: str = "Hello", closes: bool = False) -> HandoverReply:
    return HandoverReply(id="r1", conversation_id="c1", text=text, by="Ada", closes=closes)


def state(told: Answer) -> Conversation:
    assert told.conversation is not None
    return told.conversation


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_a_hand_over_ends_with_the_reply_that_closes_in_whatever_order_the_topics_are_read(
    order: tuple[int, int, int],
) -> None:
    record, told = opened()
    closed = passed_on(reply(closes=True), state(told), later(5))
    handovers = Handovers()
    deeds: list[Any] = [
        lambda: handovers.add(record),
        lambda: handovers.answered(told),
        lambda: handovers.answered(closed),
    ]
    for place in order:
        deeds[place]()
    assert handovers.open() == []
    again, _ = opened(minutes=9)
    assert handovers.add(again)
    assert [view.since for view in handovers.open()] == [later(9)]


def test_what_a_person_said_stands_in_the_transcript_and_the_hand_over_stays() -> None:
    record, told = opened()
    handovers = Handovers()
    handovers.add(record)
    handovers.answered(told)
    assert handovers.answered(passed_on(reply(), state(told), later(5)))
    [view] = handovers.open()
    assert [line.role for line in view.transcript] == ["customer", "gretchen", "person"]
    assert (view.by, view.since, view.at) == ("Ada", NOON, later(5))


def test_what_a_customer_says_meanwhile_keeps_reason_and_since() -> None:
    record, _ = opened()
    handovers = Handovers()
    handovers.add(record)
    said = [*record.transcript, Said(role="customer", text="Still there?", at=later(7))]
    more = msgspec.structs.replace(record, id="m", reason="with-person", summary="", transcript=said, at=later(7))
    assert handovers.add(more)
    assert not handovers.add(more)  # once more, after a crash
    [view] = handovers.open()
    assert (view.reason, view.since, view.summary) == ("asked", NOON, record.summary)
    assert view.transcript[-1].text == "Still there?"


def test_a_reply_that_closes_is_believed_before_the_worker_passes_it_on() -> None:
    record, told = opened()
    handovers = Handovers()
    handovers.add(record)
    assert not handovers.replied(reply(), later(1))
    assert handovers.replied(reply(closes=True), later(1))
    assert handovers.open() == []
    assert handovers.answered(passed_on(reply("Bye", closes=True), state(told), later(2)))
    assert handovers.views["c1"].transcript[-1].text == "Bye"


def test_hand_overs_are_bounded_and_the_open_ones_go_last() -> None:
    handovers = Handovers()
    handovers.add(opened("first")[0])
    for number in range(2 * KEPT):
        record, told = opened(f"c{number}")
        handovers.add(record)
        closes = HandoverReply(id=f"r{number}", conversation_id=f"c{number}", text="", by="Ada", closes=True)
        handovers.answered(passed_on(closes, state(told), later(1)))
    assert "first" in handovers.views
    assert len(handovers.views) == KEPT


def test_a_question_without_a_conversation_is_one_of_its_own() -> None:
    talks = Talks()
    talks.ask(Question(id="q1", text="Hello?"), datetime.now(UTC))
    assert kinds(talks, "q1") == [("received", "q1")]
