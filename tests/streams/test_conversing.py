"""The chat agents without a broker: what they write, whatever is killed between two records, and both at once.

The fake Kafka below keeps what it got and kills a worker when its budget of records is spent.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from streams.batching import Batch
from streams.chat.memory import fold_answer
from streams.chat.turns import Asked, Turn
from streams.conversing import Answerer, Talk, converse_batch, feedback_batch, known, relay_batch
from streams.desk import Desk
from streams.events import Output
from streams.exact import ExactApp
from streams.intake import Refused
from streams.metrics import Metrics
from streams.records import Answer, ChatFeedback, Conversation, Handover, HandoverReply, Question
from streams.settings import Settings
from streams.tables import Row
from streams.topics import (
    CHAT_ANSWERS,
    CHAT_FEEDBACK,
    CHAT_QUESTIONS,
    DEAD_LETTERS,
    HANDOVER_REPLIES,
    HANDOVERS,
    Topic,
)
from tests.support import talk as talking
from tests.support.conversed import conversed

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SETTINGS = Settings(data_dir=Path("/nowhere"), table_store="memory", partitions=2)


class Killed(BaseException):
    """As kill -9: no `except Exception` sees it."""


class Event:
    """What an agent is given."""

    def __init__(self, topic: str, partition: int, offset: int, value: bytes) -> None:
        self.value = value
        at = (NOON + timedelta(seconds=offset)).timestamp()
        self.message = SimpleNamespace(
            tp=TP(topic, partition),
            partition=partition,
            offset=offset,
            key=b"k",
            value=value,
            headers=[],
            timestamp=at,
        )


class Kafka:
    """Topics by name and partition; appends until its budget is spent."""

    def __init__(self) -> None:
        self.logs: dict[tuple[str, int], list[Output]] = {}
        self.budget: float = float("inf")

    def log(self, topic: Topic, partition: int) -> list[Output]:
        return self.logs.setdefault((topic.name, partition), [])

    def records(self, topic: Topic) -> list[Output]:
        return [record for partition in range(2) for record in self.log(topic, partition)]

    def answers(self) -> list[Answer]:
        return [msgspec.json.decode(record.value, type=Answer) for record in self.records(CHAT_ANSWERS)]

    def put(self, topic: Topic, record: Any, key: str) -> None:
        self.log(topic, partition_of(key)).append(Output(topic.name, key.encode(), msgspec.json.encode(record)))

    async def publish(self, outputs: Sequence[Output]) -> list[Any]:
        places = []
        for each in outputs:
            if self.budget <= 0:
                raise Killed
            self.budget -= 1
            partition = partition_of((each.key or b"").decode()) if each.partition is None else each.partition
            log = self.logs.setdefault((each.topic, partition), [])
            log.append(each)
            places.append(SimpleNamespace(partition=partition, offset=len(log) - 1))
            await asyncio.sleep(0)
        return places


def partition_of(key: str) -> int:
    return sum(key.encode()) % 2


class Worker:
    """A worker that has just recovered what the topic of answers holds, at the offsets committed."""

    def __init__(self, kafka: Kafka, committed: dict[tuple[str, int], int], answer: Answerer = talking.answer) -> None:
        self.kafka, self.at = kafka, dict(committed)
        app = ExactApp(SETTINGS)
        table = app.topic_table("conversations", CHAT_ANSWERS.name, fold_answer)
        for partition in range(2):
            table.apply_changelog_batch(
                Row(TP(CHAT_ANSWERS.name, partition), offset, "", record.value, record.key or b"")
                for offset, record in enumerate(kafka.log(CHAT_ANSWERS, partition))
            )
        self.metrics = Metrics(CollectorRegistry())
        self.desk = Desk(kafka, SETTINGS, self.metrics, lambda: NOON + timedelta(days=1))  # type: ignore[arg-type]
        self.talk = Talk(table, answer, asyncio.Lock())

    def batch(self, topic: Topic, most: int = 100) -> Batch | None:
        """The next records of both partitions."""
        events = []
        for partition in range(2):
            start = self.at.get((topic.name, partition), 0)
            for offset, record in enumerate(self.kafka.log(topic, partition)[start : start + most], start):
                events.append(Event(topic.name, partition, offset, record.value))

        def ack() -> None:
            for event in events:
                self.at[topic.name, event.message.partition] = event.message.offset + 1

        return Batch(events, ack) if events else None

    async def converse(self, most: int = 100) -> None:
        while batch := self.batch(CHAT_QUESTIONS, most):
            await converse_batch(self.desk, self.talk, batch)

    async def relay(self, most: int = 100) -> None:
        while batch := self.batch(HANDOVER_REPLIES, most):
            await relay_batch(self.desk, self.talk, batch)

    def state(self, conversation: str) -> Conversation | None:
        return known(self.talk.table, Event("", partition_of(conversation), 0, b""), conversation)


def ask(kafka: Kafka, id: str, text: str = "?", conversation: str | None = "c") -> None:
    kafka.put(CHAT_QUESTIONS, Question(id=id, text=text, conversation_id=conversation), conversation or id)


def reply(kafka: Kafka, id: str, text: str = "Hello.", conversation: str = "c", closes: bool = False) -> None:
    record = HandoverReply(id=id, conversation_id=conversation, text=text, by="Ada", closes=closes)
    kafka.put(HANDOVER_REPLIES, record, conversation)


def run(*works: Any) -> None:
    async def both() -> None:
        await asyncio.gather(*works)

    asyncio.run(both())


def ways(kafka: Kafka) -> list[str]:
    return [f"{answer.id} {answer.way}" for answer in kafka.answers()]


def test_each_turn_knows_those_before_it_also_within_a_batch_and_after_a_restart() -> None:
    kafka = Kafka()
    for n in range(3):
        ask(kafka, f"q{n}", f"question {n}")
    worker = Worker(kafka, {})
    run(worker.converse())
    ask(kafka, "q3", "question 3")
    run(Worker(kafka, worker.at).converse())
    assert [answer.text for answer in kafka.answers()] == [
        "1, after None",
        "2, after question 0",
        "3, after question 1",
        "4, after question 2",
    ]


def test_a_question_that_comes_again_is_not_answered_again() -> None:
    kafka = Kafka()
    ask(kafka, "q0", "a human please")
    run(Worker(kafka, {}).converse())
    again = Worker(kafka, {})
    run(again.converse())
    assert ways(kafka) == ["q0:answer handover"]
    assert len(kafka.records(HANDOVERS)) == 1
    assert again.at == {(CHAT_QUESTIONS.name, partition_of("c")): 1}


def test_questions_without_a_conversation_are_conversations_of_their_own() -> None:
    kafka = Kafka()
    for id in ("q0", "q1", "q2"):
        ask(kafka, id, conversation=None)
    run(Worker(kafka, {}).converse())
    assert {(answer.conversation_id, answer.text) for answer in kafka.answers()} == {
        (id, "1, after None") for id in ("q0", "q1", "q2")
    }


def test_a_conversation_that_is_keyed_by_something_else_is_another_one_in_each_partition() -> None:
    kafka = Kafka()
    for n in range(4):
        kafka.put(CHAT_QUESTIONS, Question(id=f"q{n}", text="?", conversation_id="c"), key=f"{n}")
    run(Worker(kafka, {}).converse())
    told = {answer.id: (answer.origin.partition, answer.text) for answer in kafka.answers()}
    assert told == {
        "q0:answer": (0, "1, after None"),
        "q1:answer": (1, "1, after None"),
        "q2:answer": (0, "2, after ?"),
        "q3:answer": (1, "2, after ?"),
    }


def test_in_memory_what_is_keyed_by_something_else_loses_its_thread_but_no_question() -> None:
    """A store in memory knows no partitions."""
    kafka = Kafka()
    worker = Worker(kafka, {})
    for n, key in enumerate("0001"):
        kafka.put(CHAT_QUESTIONS, Question(id=f"q{n}", text="?", conversation_id="c"), key)
        run(worker.converse())
    told = {answer.id: answer.text for answer in kafka.answers()}
    assert told == {
        "q0:answer": "1, after None",
        "q1:answer": "2, after ?",
        "q2:answer": "3, after ?",
        "q3:answer": "1, after None",
    }


def test_a_person_takes_over_replies_closes_and_then_nobody_is_in_the_way() -> None:
    kafka = Kafka()
    worker = Worker(kafka, {})
    for act in (
        lambda: ask(kafka, "q0", "a human please"),
        lambda: reply(kafka, "r0", "What is it?"),
        lambda: ask(kafka, "q1", "my card"),
        lambda: reply(kafka, "r1", "Done.", closes=True),
        lambda: ask(kafka, "q2", "thanks, and my pin"),
    ):
        act()
        run(worker.converse())
        run(worker.relay())
    assert ways(kafka) == [
        "q0:answer handover", "r0:reply person", "q1:answer handover", "r1:reply person", "q2:answer template",
    ]  # fmt: skip
    handovers = [msgspec.json.decode(record.value, type=Handover) for record in kafka.records(HANDOVERS)]
    assert [(handover.id, handover.reason) for handover in handovers] == [
        ("q0:handover", "asked"),
        ("q1:handover", "with-person"),
    ]
    told = kafka.answers()[1]
    assert (told.by, told.text, told.origin.offset) == ("Ada", "What is it?", 0)
    value = worker.metrics.registry.get_sample_value
    assert value("gretchen_answers_total", {"way": "person"}) == 2
    assert value("gretchen_answers_total", {"way": "handover"}) == 2
    assert value("gretchen_handovers_total", {"reason": "with-person"}) == 1
    assert value("gretchen_abstentions_total") == 2
    assert value("gretchen_conversation_turns_sum") == 1 + 2 + 3


def test_a_reply_that_comes_again_is_not_told_again() -> None:
    kafka = Kafka()
    ask(kafka, "q0", "human")
    worker = Worker(kafka, {})
    run(worker.converse())
    reply(kafka, "r0")
    run(worker.relay())
    run(Worker(kafka, {}).relay())
    assert ways(kafka) == ["q0:answer handover", "r0:reply person"]


@pytest.mark.parametrize(
    ("text", "conversation", "closes", "reason"),
    [
        ("Hello?", "nobody", False, b"conversation"),
        ("", "c", False, b"text-blank"),
        ("x\0y", "c", False, b"text-control"),
        ("x" * 20_001, "c", True, b"text-too-long"),
    ],
)
def test_a_reply_that_cannot_be_told_goes_to_the_dead_letters(
    text: str, conversation: str, closes: bool, reason: bytes
) -> None:
    kafka = Kafka()
    ask(kafka, "q0", "human")
    worker = Worker(kafka, {})
    run(worker.converse())
    reply(kafka, "r0", text, conversation, closes)
    run(worker.relay())
    (letter,) = kafka.records(DEAD_LETTERS)
    assert dict(letter.headers)["reason"] == reason
    assert dict(letter.headers)["topic"] == HANDOVER_REPLIES.name.encode()
    assert ways(kafka) == ["q0:answer handover"]


def test_an_empty_reply_that_closes_is_one() -> None:
    kafka = Kafka()
    ask(kafka, "q0", "human")
    worker = Worker(kafka, {})
    run(worker.converse())
    reply(kafka, "r0", "", closes=True)
    run(worker.relay())
    state = worker.state("c")
    assert state is not None and state.handed_over is None
    assert kafka.records(DEAD_LETTERS) == []


def test_a_text_that_breaks_the_engine_takes_nobody_else_along() -> None:
    kafka = Kafka()
    ask(kafka, "q0", "one", "a")
    ask(kafka, "q1", "poison", "b")
    ask(kafka, "q2", "two", "b")
    worker = Worker(kafka, {})
    run(worker.converse())
    assert {(answer.id, answer.text) for answer in kafka.answers()} == {
        ("q0:answer", "1, after None"),
        ("q2:answer", "1, after None"),
    }
    (letter,) = kafka.records(DEAD_LETTERS)
    assert dict(letter.headers)["reason"] == b"engine"


def test_a_reply_waits_for_the_answer_that_is_on_its_way() -> None:
    """Else it would be told from the state before that answer, and the memory of the answer be gone."""
    kafka = Kafka()
    ask(kafka, "q0", "human")
    begun = asyncio.Event()

    def slowly(asked: Sequence[Asked]) -> list[Turn | Refused]:
        loop.call_soon_threadsafe(begun.set)
        time.sleep(0.05)
        return talking.answer(asked)

    worker = Worker(kafka, {})
    run(worker.converse())
    worker.talk = worker.talk._replace(answer=slowly, lock=asyncio.Lock())
    ask(kafka, "q1", "still there?")
    reply(kafka, "r0", "Yes.")

    async def together() -> None:
        nonlocal loop
        loop = asyncio.get_running_loop()

        async def relay() -> None:
            await begun.wait()
            await worker.relay()

        await asyncio.gather(worker.converse(), relay())

    loop: asyncio.AbstractEventLoop
    asyncio.run(together())
    assert ways(kafka) == ["q0:answer handover", "q1:answer handover", "r0:reply person"]
    state = worker.state("c")
    assert state is not None
    assert (state.turns, state.question_offset, state.reply_offset) == (2, 1, 0)
    assert [line.text for line in state.transcript if line.role != "gretchen"] == ["human", "still there?", "Yes."]


def test_feedback_is_counted_and_what_is_none_is_refused() -> None:
    kafka = Kafka()
    for n, good in enumerate((True, True, False)):
        record = ChatFeedback(
            id=f"q{n}:answer:feedback", answer_id=f"q{n}:answer", conversation_id="c", good=good, at=NOON
        )
        kafka.put(CHAT_FEEDBACK, record, record.answer_id)
    kafka.put(CHAT_FEEDBACK, {"good": "perhaps"}, "x")
    worker = Worker(kafka, {})
    batch = worker.batch(CHAT_FEEDBACK)
    assert batch is not None
    run(feedback_batch(worker.desk, batch))
    value = worker.metrics.registry.get_sample_value
    assert value("gretchen_feedback_total", {"opinion": "good"}) == 2
    assert value("gretchen_feedback_total", {"opinion": "bad"}) == 1
    assert [dict(letter.headers)["reason"] for letter in kafka.records(DEAD_LETTERS)] == [b"schema"]


TEXTS = st.sampled_from(["what?", "and that?", "human", "poison"])
CONVERSATIONS = st.sampled_from(["a", "b", "c"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(CONVERSATIONS, TEXTS), min_size=1, max_size=14),
    st.lists(st.tuples(CONVERSATIONS, st.booleans()), max_size=5),
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5), st.booleans()), max_size=8),
)
def test_whatever_is_killed_every_question_has_one_answer_and_states_are_what_the_answers_make(
    questions: list[tuple[str, str]], replies: list[tuple[str, bool]], kills: list[tuple[int, int, bool]]
) -> None:
    kafka = Kafka()
    for name in ("a", "b", "c"):
        ask(kafka, f"first-{name}", "hello", name)
    for n, (conversation, text) in enumerate(questions):
        ask(kafka, f"q{n}", text, conversation)
    for n, (conversation, closes) in enumerate(replies):
        reply(kafka, f"r{n}", f"reply {n}", conversation, closes)
    committed: dict[tuple[str, int], int] = {}
    for budget, size, commits in [*kills, (10_000, 3, True)]:
        kafka.budget = budget
        worker = Worker(kafka, committed)
        with suppress(Killed):
            run(worker.converse(size), worker.relay(size))
        if commits:
            committed = worker.at
    judge(kafka)


def judge(kafka: Kafka) -> None:
    answers = kafka.answers()
    told = Counter(answer.id for answer in answers)
    assert set(told.values()) <= {1}
    letters = {dict(letter.headers)["ce_id"].decode() for letter in kafka.records(DEAD_LETTERS)}
    questions, replies = came(kafka, CHAT_QUESTIONS), came(kafka, HANDOVER_REPLIES)
    for (partition, offset), (question, _) in questions.items():
        refused = f"{CHAT_QUESTIONS.name}/{partition}@{offset}" in letters
        assert refused == ("poison" in question.text)
        assert (f"{question.id}:answer" in told) != refused
    for (partition, offset), (reply, _) in replies.items():
        assert f"{reply.id}:reply" in told or f"{HANDOVER_REPLIES.name}/{partition}@{offset}" in letters
    states, handovers = conversed(answers, questions, replies)
    assert handovers <= {dict(record.headers)["ce_id"].decode() for record in kafka.records(HANDOVERS)}
    last = Worker(kafka, {})
    assert {name: last.state(name) for name in states} == states


def came(kafka: Kafka, topic: Topic) -> dict[tuple[int, int], Any]:
    return {
        (partition, offset): (msgspec.json.decode(record.value, type=topic.record), NOON + timedelta(seconds=offset))
        for partition in range(2)
        for offset, record in enumerate(kafka.log(topic, partition))
    }
