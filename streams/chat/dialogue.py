"""What a message means in its conversation: masked, matched with what was asked back, completed by what was said."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from streams.chat import language, parts
from streams.chat.choice import CHOICE_WORDS, choice
from streams.chat.follow_up import QUESTION, completed
from streams.chat.privacy import mask
from streams.chat.state import clip, opened, say, with_slot
from streams.chat.template import Slot, Templates
from streams.chat.turns import Asked, Part
from streams.records import Conversation, Pending

if TYPE_CHECKING:
    from streams.chat.small_talk import SmallTalk

READ_CHARS = 2000  # of a message: what the models are shown of it, and what an answer's record keeps
MARKUP = re.compile(r"<(script|style)\b.*?</\1\s*>|</?[a-z][^<>]{0,200}>", re.IGNORECASE | re.DOTALL)
"""Tells models nothing."""
WORD = re.compile(r"\w+")
Move = Literal["with-person", "asked", "small-talk", "chosen", "slot-again", "parts"]


@dataclass(frozen=True, slots=True)
class Heard:
    """A message understood. `conversation`: the state before the answer, the message its last line.

    `parts`: the questions in it, for move "parts"; none after "neither of those". `whole`: all of it as one question,
    where it was split. `kind`: of small talk, the phrase that answers it. `intent`: what was chosen, or whose slot was
    asked for.
    """

    conversation: Conversation
    text: str
    move: Move
    parts: tuple[Part, ...] = ()
    whole: Part | None = None
    kind: str = ""
    intent: str | None = None

    @property
    def questions(self) -> tuple[Part, ...]:
        """What the models are asked."""
        return self.parts if self.whole is None else (*self.parts, self.whole)


def hear(asked: Asked, templates: Templates, expires_s: float, handover_expires_s: float) -> Heard:
    """What to do about a message, before any model is asked."""
    before = opened(asked.conversation, asked.now, expires_s, handover_expires_s)
    text = clip(mask(asked.question.text), READ_CHARS)
    spoken = language.detect(text, before.language)
    state = msgspec.structs.replace(
        say(before, "customer", text, asked.now),
        turns=before.turns + 1,
        language=spoken,
        updated_at=asked.now,
        question_offset=max(before.question_offset, asked.origin.offset),
    )
    if before.handed_over:
        return Heard(state, text, "with-person")
    talk = small_talk_of(text)
    if talk is not None and talk.kind == "wants_person":
        return Heard(state, text, "asked")
    if before.pending is not None and (heard := answered_back(state, text, before.pending, templates)):
        return heard
    state = msgspec.structs.replace(state, pending=None)
    if talk is not None:
        return Heard(state, text, "small-talk", kind=talk.phrase)
    return questions_of(state, text)


def questions_of(state: Conversation, text: str) -> Heard:
    """The questions in a message; greetings between them are left out, a wish for a person is not."""
    if not WORD.search(text):
        return Heard(state, text, "small-talk", kind="emoji")
    read = MARKUP.sub(" ", text).strip()
    talks = [(part, small_talk_of(part)) for part in parts.split(read)]
    if any(talk is not None and talk.kind == "wants_person" for _, talk in talks):
        return Heard(state, text, "asked")
    asked = [completed(part, state.subject) for part, talk in talks if talk is None]
    whole = completed(read, state.subject)
    return Heard(state, text, "parts", tuple(asked) or (whole,), whole if len(asked) > 1 else None)


def small_talk_of(text: str) -> "SmallTalk | None":
    from streams.chat import small_talk  # its patterns take 0.1 s to compile: no worker's start waits for them

    return small_talk.of(text)


def answered_back(state: Conversation, text: str, pending: Pending, templates: Templates) -> Heard | None:
    """What an answer to something asked back settles; None where the message is about something else."""
    settled = msgspec.structs.replace(state, pending=None, subject=pending.question)
    if pending.intent is not None:
        slots = templates.answer(pending.intent, state.language).slots if pending.intent in templates.answers else ()
        slot = next((slot for slot in slots if slot.name == pending.slot), None)
        return None if slot is None else slot_filled(state, settled, text, slot, pending.intent)
    known = [intent for intent in pending.options if intent in templates.answers]
    if not known:  # the team's files have changed since
        return None
    titles = [templates.answer(intent, state.language).title for intent in known]
    n = choice(text, [*titles, templates.say("neither", state.language)])
    if n is None:
        return None
    if n == len(known):
        return Heard(settled, text, "parts")
    return Heard(settled, text, "chosen", intent=known[n])


def slot_filled(state: Conversation, settled: Conversation, text: str, slot: Slot, intent: str) -> Heard | None:
    """With the slot's value; asked for again, once, where a short reply does not tell it."""
    value = slot.accept(text)
    if value is not None:
        return Heard(with_slot(settled, slot.name, value), text, "chosen", intent=intent)
    if QUESTION.match(text) or len(text.split()) > CHOICE_WORDS:
        return None
    if state.unanswered == 0:
        return Heard(state, text, "slot-again", intent=intent)
    return Heard(with_slot(settled, slot.name, slot.default), text, "chosen", intent=intent) if slot.default else None
