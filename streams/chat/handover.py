"""To a person and back: what a person needs to see to take a conversation over, and what they answer. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from streams.chat.privacy import mask
from streams.chat.state import clip, say
from streams.records import Answer, Conversation, Handover, HandoverReply, Origin, Question

Reason = Literal["asked", "unsure", "with-person"]

WHY: Mapping[Reason, str] = {
    "asked": "The customer asked for a person.",
    "unsure": "No answer was sure enough.",
    "with-person": "The customer wrote while a person has the conversation.",
}
GUESSES = 5
SUMMARY_LINES = 4  # of the customer's, the last ones
SUMMARY_CHARS = 160  # of one of them


def hand_over(
    question: Question,
    conversation: Conversation,
    reason: Reason,
    guesses: Mapping[str, float],
    now: datetime,
    origin: Origin,
    note: str = "",
) -> Handover:
    """`conversation`: its transcript ends with what the customer said last. `note` replaces the reason's sentence."""
    likeliest = sorted(guesses.items(), key=lambda item: -item[1])[:GUESSES]
    return Handover(
        id=f"{question.id}:handover",
        question_id=question.id,
        conversation_id=conversation.id,
        reason=reason,
        summary=summary(conversation, note or WHY[reason], dict(likeliest)),
        transcript=conversation.transcript,
        guesses={what: round(chance, 4) for what, chance in likeliest},
        language=conversation.language,
        at=now,
        origin=origin,
    )


def summary(conversation: Conversation, why: str, guesses: Mapping[str, float]) -> str:
    """A few lines: why, what was asked, what it may be about, what is known of it."""
    asked = [clip(said.text, SUMMARY_CHARS) for said in conversation.transcript if said.role == "customer"]
    lines = [why, *(f"- {text}" for text in asked[-SUMMARY_LINES:])]
    if guesses:
        lines.append("Perhaps: " + ", ".join(f"{what} ({chance:.0%})" for what, chance in guesses.items()))
    if conversation.slots:
        lines.append("Known: " + ", ".join(f"{slot}: {value}" for slot, value in conversation.slots.items()))
    return "\n".join(lines)


def reply_answer(conversation: Conversation, reply: HandoverReply, now: datetime, origin: Origin) -> Answer:
    """What a person says, as the customer's next answer. Who replies has the conversation until they close it."""
    spoken = say(conversation, "person", mask(reply.text), now, reply.by) if reply.text.strip() else conversation
    after = msgspec.structs.replace(
        spoken,
        handed_over=None if reply.closes else conversation.handed_over or now,
        unanswered=0,
        pending=None,
        updated_at=now,
        reply_offset=max(conversation.reply_offset, origin.offset),
    )
    return Answer(
        id=f"{reply.id}:reply",
        question_id=reply.id,
        conversation_id=conversation.id,
        question="",
        text=reply.text,
        abstained=False,
        way="person",
        intent=None,
        confidence=1.0,
        alternatives={},
        language=conversation.language,
        by=reply.by,
        answered_at=now,
        model="",
        origin=origin,
        conversation=after,
    )
