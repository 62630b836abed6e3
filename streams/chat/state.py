"""A conversation's state: bounded, whatever was said in it, and forgotten in time. Pure."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from streams.records import Conversation, Said

LINES, LINE_CHARS, BYTES = 20, 400, 4096  # of a transcript
SLOTS, SLOT_CHARS = 12, 80
SUBJECT_CHARS = 400


def opened(conversation: Conversation, now: datetime, expires_s: float, handover_expires_s: float) -> Conversation:
    """The state that a message at `now` finds: what is too old is as if it had not been, but for the offsets."""
    last, keeps_s = conversation.updated_at, handover_expires_s if conversation.handed_over else expires_s
    if last is None or now - last <= timedelta(seconds=keeps_s):
        return conversation
    return Conversation(
        id=conversation.id,
        question_offset=conversation.question_offset,
        reply_offset=conversation.reply_offset,
    )


def say(
    conversation: Conversation, role: Literal["customer", "gretchen", "person"], text: str, at: datetime, by: str = ""
) -> Conversation:
    """With one more line; `text` is masked already. The oldest lines go where there is no room."""
    lines = [*conversation.transcript, Said(role=role, text=clip(text, LINE_CHARS), at=at, by=clip(by, SLOT_CHARS))]
    kept: list[Said] = []
    room = BYTES
    for line in reversed(lines[-LINES:]):
        room -= len(line.text.encode()) + len(line.by.encode())
        if room < 0:
            break
        kept.append(line)
    return msgspec.structs.replace(conversation, transcript=kept[::-1])


def with_slot(conversation: Conversation, slot: str, value: str) -> Conversation:
    """With what a slot holds; the ones heard first go where there is no room."""
    slots = {name: held for name, held in conversation.slots.items() if name != slot}
    slots[slot] = clip(value, SLOT_CHARS)
    return msgspec.structs.replace(conversation, slots=dict(list(slots.items())[-SLOTS:]))


def clip(text: str, most: int) -> str:
    """At most so many characters, cut with a "…"."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
