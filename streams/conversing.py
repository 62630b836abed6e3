"""The chat agents' shells: questions answered, and people's replies passed on, in conversations that are remembered.

chat-questions ───> converse_batch ─> handovers, then chat-answers ┐
handover-replies ─> relay_batch ─────────────────────> chat-answers ┴─> the table "conversations"
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from streams.batching import Batch
from streams.chat.handover import reply_answer
from streams.chat.memory import conversation_in
from streams.chat.turns import Asked, Turn
from streams.desk import Desk, load
from streams.events import Output, header, output
from streams.intake import Refused, decode, decode_question, decode_reply
from streams.records import Answer, ChatFeedback, Conversation, Origin, Question
from streams.tables import TopicTable
from streams.topics import CHAT_ANSWERS, CHAT_FEEDBACK, CHAT_QUESTIONS, HANDOVER_REPLIES, HANDOVERS

ANSWERING = "answer_questions"  # the agent
Answerer = Callable[[Sequence[Asked]], Sequence[Turn | Refused]]
"""In the order asked, each question in the state that the one before it in its conversation left; called from threads.
Refused is one that breaks an engine when it is alone."""


class Talk(NamedTuple):
    """What both agents work with.

    `lock` is held from the reading of states to their being remembered. One worker has the same partitions of both
    topics, so nobody else writes these conversations; but its two agents take turns at every await, and a reply that
    was relayed from a state whose next answer is on its way to Kafka would take that answer back.
    """

    table: TopicTable
    answer: Answerer
    lock: asyncio.Lock


async def converse_batch(desk: Desk, talk: Talk, batch: Batch) -> None:
    """chat-questions -> handovers, chat-answers."""
    first, answers = list[Output](), list[Output]()
    asked: dict[int, list[tuple[Any, Question]]] = {}
    for event in batch.events:
        message = event.message
        try:
            question = desk.read(event, decode_question)
        except Refused as refused:
            first.append(desk.refuse(CHAT_QUESTIONS, message, refused))
            continue
        asked.setdefault(message.partition, []).append((event, question))
    async with talk.lock:
        # by partition, as a conversation is of one: the same name in another is another conversation
        of_all = await asyncio.gather(*(turns_of(desk, talk, of_one) for of_one in asked.values()))
        for message, turn in [each for of_one in of_all for each in of_one]:
            if isinstance(turn, Refused):
                first.append(desk.refuse(CHAT_QUESTIONS, message, turn))
                continue
            if turn.handover is not None:
                first.append(output(desk.settings, HANDOVERS, turn.handover.conversation_id, turn.handover))
            answers.append(answer_output(desk, turn.answer, message.partition))
            count(desk, turn)
        await tell(desk, ANSWERING, talk, first, answers)
    desk.finish(ANSWERING, CHAT_QUESTIONS, batch)


async def turns_of(desk: Desk, talk: Talk, asked: Sequence[tuple[Any, Question]]) -> list[tuple[Any, Turn | Refused]]:
    """Each message's turn, or why it has none; those are left out that have their answer in the topic."""
    messages, wanted = [], []
    for event, question in asked:
        message, name = event.message, question.conversation_id or question.id
        state = known(talk.table, event, name) or Conversation(id=name)
        if message.offset > state.question_offset:
            messages.append(message)
            origin = Origin(message.partition, message.offset)
            wanted.append(Asked(state, question, desk.received_at(message), origin))
    turns = await asyncio.to_thread(answered, desk, talk.answer, wanted, time.monotonic()) if wanted else []
    return list(zip(messages, turns, strict=True))


def answered(desk: Desk, answer: Answerer, asked: Sequence[Asked], asked_at: float) -> Sequence[Turn | Refused]:
    """In the thread. `asked_at`: when a thread was asked for."""
    stage, begun = desk.metrics.stage, time.monotonic()
    stage.labels(ANSWERING, "queue").observe(begun - asked_at)
    turns = answer(asked)
    stage.labels(ANSWERING, "answer").observe(time.monotonic() - begun)
    return turns


async def relay_batch(desk: Desk, talk: Talk, batch: Batch) -> None:
    """handover-replies -> chat-answers."""
    agent = "relay_replies"
    async with talk.lock:
        first, answers, states = list[Output](), list[Output](), dict[tuple[int, str], Conversation | None]()
        for event in batch.events:
            message = event.message
            try:
                reply = desk.read(event, decode_reply)
                slot = message.partition, reply.conversation_id
                state = states[slot] if slot in states else known(talk.table, event, reply.conversation_id)
                if state is None:
                    raise Refused(
                        "conversation", "nobody asked anything in this conversation, or it was keyed by another id"
                    )
            except Refused as refused:
                first.append(desk.refuse(HANDOVER_REPLIES, message, refused))
                continue
            if message.offset <= state.reply_offset:
                continue  # it is in the topic
            origin = Origin(message.partition, message.offset)
            answer = reply_answer(state, reply, desk.received_at(message), origin)
            states[slot] = answer.conversation
            answers.append(answer_output(desk, answer, message.partition))
            desk.metrics.answers.labels(answer.way).inc()
        await tell(desk, agent, talk, first, answers)
    desk.finish(agent, HANDOVER_REPLIES, batch)


async def feedback_batch(desk: Desk, batch: Batch) -> None:
    """chat-feedback -> metrics. What somebody thinks of an answer is kept by the topic itself."""
    agent, outputs = "count_feedback", list[Output]()
    for event in batch.events:
        message = event.message
        try:
            feedback = decode(event.value, ChatFeedback, header(message.headers, "ce_type"))
        except Refused as refused:
            outputs.append(desk.refuse(CHAT_FEEDBACK, message, refused))
            continue
        desk.metrics.feedback.labels("good" if feedback.good else "bad").inc()
    await desk.publish(agent, outputs)
    desk.finish(agent, CHAT_FEEDBACK, batch)


def known(table: TopicTable, event: Any, name: str) -> Conversation | None:
    """The state of a conversation of the event's partition; None if nothing was said in it."""
    state: Conversation | None = load(table, event, name, lambda value: conversation_in(value, event.message.partition))
    return state


def answer_output(desk: Desk, answer: Answer, partition: int) -> Output:
    record = output(desk.settings, CHAT_ANSWERS, answer.conversation_id, answer)
    return record._replace(partition=partition)  # where the table looks for it


async def tell(desk: Desk, agent: str, talk: Talk, first: Sequence[Output], answers: Sequence[Output]) -> None:
    """Publish and remember.

    Handovers and dead letters are in Kafka before the answers: a question whose answer is there, or a later one of its
    conversation, is passed over when it comes again. So a kill between the two tells a handover or a dead letter twice,
    with the same id, and never loses one.
    """
    if first:
        await desk.publish(agent, first)
    talk.table.remember(answers, await desk.publish(agent, answers))


def count(desk: Desk, turn: Turn) -> None:
    metrics, answer = desk.metrics, turn.answer
    metrics.answers.labels(answer.way).inc()
    if answer.abstained:
        metrics.abstentions.inc()
    if turn.handover is not None:
        metrics.handovers.labels(turn.handover.reason).inc()
    if answer.conversation is not None:
        metrics.turns.observe(answer.conversation.turns)
