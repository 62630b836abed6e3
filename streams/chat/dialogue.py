"""What a message means in its conversation: masked, matched with what was asked back, completed by what was said."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from streams.chat import language, parts, small_talk
from streams.chat.privacy import mask
from streams.chat.state import clip, opened, say, with_slot
from streams.chat.template import Slot, Templates
from streams.chat.turns import Asked, Part
from streams.records import Conversation, Pending

READ_CHARS = 2000  # of a message: what the models are shown of it, and what an answer's record keeps
FOLLOW_UP_WORDS = 6  # more than that and it says itself what it asks
REFERRING_WORDS = 12
CHOICE_WORDS = 8  # an answer to "which of these?" is short
AND = re.compile(r"^(?:(?:ok(?:ay)?|so|oh|but|aber)\b[\s,]*)*(?:and|or|und|oder)\b[\s,]*", re.IGNORECASE)
WHAT_ABOUT = re.compile(
    r"^(?:(?:ok(?:ay)?|so|oh|but|and|or|then|aber|und|oder)\b[\s,]*)*"
    r"(?:(?:what|how) (?:about|of|if)|(?:the )?same for|was ist mit|wie ist es mit)\b[\s,]*",
    re.IGNORECASE,
)
REFERS = re.compile(
    r"\b(?:it|its|that|this|these|those|they|them|one|ones|es|das|davon|dafür|damit|darauf)\b", re.IGNORECASE
)
QUESTION = re.compile(
    r"^(?:how|why|when|where|who|which|what|can|could|do|does|did|is|are|will|would|should|i|my|please)\b",
    re.IGNORECASE,
)
NEITHER = re.compile(r"^(?:no(?:pe)?|none|neither|nein|something else|not (?:those|these|that)|weder)\b", re.IGNORECASE)
ORDINALS = (
    r"(?:1|one|first|former|erste[rs]?)",
    r"(?:2|two|second|latter|zweite[rs]?)",
    r"(?:3|three|third|dritte[rs]?)",
)
ORDINAL = [
    re.compile(rf"^(?:the |number |no\.? ?|option |das |die |der )*{each}(?: one|st|nd|rd)?\W*(?:please)?\W*$", re.I)
    for each in ORDINALS
]
LAST = re.compile(r"^(?:the )?last(?: one)?\W*$", re.IGNORECASE)
MARKUP = re.compile(r"<(script|style)\b.*?</\1\s*>|</?[a-z][^<>]{0,200}>", re.IGNORECASE | re.DOTALL)
"""Tells models nothing."""
WORD = re.compile(r"\w+")
STOP = {
    "a", "an", "and", "do", "for", "how", "i", "in", "is", "it", "my", "of", "on", "one", "or", "please", "the", "to",
    "want", "what", "with",
}  # fmt: skip

Move = Literal["with-person", "asked", "small-talk", "chosen", "slot-again", "parts"]


@dataclass(frozen=True, slots=True)
class Heard:
    """A message understood. `conversation`: the state before the answer, the message its last line.

    `parts`: the questions in it, for move "parts"; none after "neither of those". `whole`: all of it as one question,
    where it was split. `kind`: of small talk, the phrase
    that answers it. `intent`: what was chosen, or whose slot was asked for.
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
    talk = small_talk.of(text)
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
    talks = [(part, small_talk.of(part)) for part in parts.split(read)]
    if any(talk is not None and talk.kind == "wants_person" for _, talk in talks):
        return Heard(state, text, "asked")
    asked = [completed(part, state.subject) for part, talk in talks if talk is None]
    whole = completed(read, state.subject)
    return Heard(state, text, "parts", tuple(asked) or (whole,), whole if len(asked) > 1 else None)


def completed(text: str, subject: str | None) -> Part:
    """A question that stands alone. "And abroad?" asks the same again of something else; "does it cost anything?" asks
    more about the subject, perhaps: a short question that refers to something may refer to that."""
    if subject is None:
        return Part(text, text)
    about = subject.rstrip(" ?!.")
    if rest := follow_up_in(text.strip()):
        return Part(f"{about}, {rest}", text, "again")
    if REFERS.search(text) and len(text.split()) <= REFERRING_WORDS:
        return Part(f"{about}. {text}", text, "more")
    return Part(text, text)


def follow_up_in(text: str) -> str:
    """What stands in the place of something in the question before; empty where that is asked anew."""
    lead = WHAT_ABOUT.match(text) or AND.match(text)
    rest = text[lead.end() :] if lead else ""
    anew = lead is not None and lead.re is AND and QUESTION.match(rest)
    return "" if anew or len(rest.split()) > FOLLOW_UP_WORDS else rest


def answered_back(state: Conversation, text: str, pending: Pending, templates: Templates) -> Heard | None:
    """What an answer to something asked back settles; None where the message is about something else."""
    settled = msgspec.structs.replace(state, pending=None, subject=pending.question)
    if pending.intent is not None:
        slots = templates.answer(pending.intent, state.language).slots if pending.intent in templates.answers else ()
        slot = next((slot for slot in slots if slot.name == pending.slot), None)
        return None if slot is None else slot_filled(state, settled, text, slot, pending.intent)
    known = [intent for intent in pending.options if intent in templates.answers]
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


def choice(text: str, titles: Sequence[str]) -> int | None:
    """Which of the options is meant, the last of which is none of them: by its words, its place, or a word that only
    it has."""
    said = text.strip()
    for n, title in enumerate(titles):
        if said.casefold() == title.casefold():
            return n
    if len(said.split()) > CHOICE_WORDS:
        return None
    if NEITHER.match(said):
        return len(titles) - 1
    for n, ordinal in enumerate(ORDINAL[: len(titles) - 1]):
        if ordinal.match(said):
            return n
    if LAST.match(said):
        return len(titles) - 2
    return likest(words(said), [words(title) for title in titles[:-1]])


def likest(told: set[str], options: Sequence[set[str]]) -> int | None:
    """The option that shares most words with what was told, counting those that no other option has: most of them, or
    something else is told."""
    shared = [
        len(told & own.difference(*(other for m, other in enumerate(options) if m != n)))
        for n, own in enumerate(options)
    ]
    most = max(shared, default=0)
    return shared.index(most) if 2 * most > len(told) and shared.count(most) == 1 else None


def words(text: str) -> set[str]:
    return {word.lower() for word in WORD.findall(text)} - STOP
