"""An answering without models: deterministic, quick, and touchy: it breaks on "poison" and hands over at "human"."""

from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from streams.chat.handover import hand_over
from streams.chat.state import say
from streams.chat.turns import Asked, Turn
from streams.intake import Refused
from streams.records import Answer, Conversation


def answer(asked: Sequence[Asked]) -> list[Turn | Refused]:
    """Says which turn it is, and what was asked before."""
    states, turns = dict[str, Conversation](), list[Turn | Refused]()
    for one in asked:
        if "poison" in one.question.text:
            turns.append(Refused("engine", "the engine fails on this text"))
            continue
        turn = turn_of(one._replace(conversation=states.get(one.conversation.id, one.conversation)))
        turns.append(turn)
        assert turn.answer.conversation is not None
        states[one.conversation.id] = turn.answer.conversation
    return turns


def turn_of(asked: Asked) -> Turn:
    conversation, question, now, origin = asked
    state = replace(
        say(conversation, "customer", question.text, now),
        turns=conversation.turns + 1,
        updated_at=now,
        question_offset=origin.offset,
        subject=question.text,
    )
    reason: Literal["asked", "with-person"] | None = None
    if state.handed_over:
        reason = "with-person"
    elif "human" in question.text:
        reason, state = "asked", replace(state, handed_over=now)
    text = f"{state.turns}, after {conversation.subject}"
    after = replace(say(state, "gretchen", text, now), unanswered=0)
    handover = hand_over(question, after, reason, {}, now, origin) if reason else None
    return Turn(answer_of(asked, text, after, reason is not None), handover)


def answer_of(asked: Asked, text: str, after: Conversation, handed_over: bool) -> Answer:
    return Answer(
        id=f"{asked.question.id}:answer",
        question_id=asked.question.id,
        conversation_id=after.id,
        question=asked.question.text,
        text=text,
        abstained=handed_over,
        way="handover" if handed_over else "template",
        intent=None,
        confidence=1.0,
        alternatives={},
        answered_at=asked.now,
        model="talk/1",
        origin=asked.origin,
        conversation=after,
    )
