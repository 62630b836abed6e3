"""What people liked, or wrote themselves, is what is learned from."""

from datetime import UTC, datetime
from typing import Any

from streams.chat.learn.feedback import rows_of
from streams.records import Answer, ChatFeedback, Origin

AT = datetime(2026, 11, 25, 15, tzinfo=UTC)


def answer(n: int, conversation: str = "c", **more: Any) -> Answer:
    given: dict[str, Any] = {"way": "template", "intent": "freeze", "question": f"question {n}", "text": f"text {n}"}
    return Answer(
        id=f"{conversation}{n}", question_id=f"q{n}", conversation_id=conversation, abstained=False, confidence=1.0,
        alternatives={}, answered_at=AT.replace(minute=n), model="m", origin=Origin(0, n), **(given | more),
    )  # fmt: skip


def judged(of: str, good: bool, intent: str | None = None) -> dict[str, ChatFeedback]:
    return {of: ChatFeedback(id=f"{of}:feedback", answer_id=of, conversation_id="c", good=good, intent=intent, at=AT)}


def told(*rows: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["role"], row["text"]) for row in rows]


def test_a_liked_answer_is_its_questions_reply() -> None:
    rows = [*rows_of([answer(1), answer(2)], judged("c2", True))]
    assert told(*rows) == [("customer", "question 1"), ("customer", "question 2"), ("agent", "text 2")]


def test_a_disliked_answer_is_left_out_and_its_right_intent_told() -> None:
    (row,) = rows_of([answer(1)], judged("c1", False, "closing"))
    assert (row["role"], row["good"], row["intent"]) == ("customer", False, "closing")


def test_a_persons_reply_follows_the_question_that_was_handed_over() -> None:
    rows = rows_of([answer(2, way="person", text="Here you are."), answer(1, way="handover")], {})
    assert told(*rows) == [("customer", "question 1"), ("agent", "Here you are.")]


def test_conversations_that_nobody_judged_are_left_out_and_repeated_records_count_once() -> None:
    assert [*rows_of([answer(1, "x"), answer(1, "c"), answer(1, "c")], judged("c1", True))] == [
        {"conversation": "c", "at": AT.replace(minute=1).isoformat(), "role": "customer", "text": "question 1",
         "good": True, "intent": "freeze"},
        {"conversation": "c", "at": AT.replace(minute=1).isoformat(), "role": "agent", "text": "text 1"},
    ]  # fmt: skip
