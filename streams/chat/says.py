"""What is said to a message that was heard and thought about: an answer, a question back, or that a person comes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from streams.chat import language
from streams.chat.compose import listed
from streams.chat.decide import Verdict, Weighed, decide
from streams.chat.dialogue import Heard
from streams.chat.state import SUBJECT_CHARS, clip
from streams.chat.template import Slot, Template, Templates
from streams.chat.turns import Candidate, Part
from streams.records import Considered, HandedOver, Pending, Source, Way

UNANSWERED = 2  # turns in a row, then a person takes over
PART_CHARS = 80  # of a question that is not answered beside others
OTHER_LANGUAGE = "The customer writes in a language that no answer is written in."


class Thought(NamedTuple):
    """What all ways make of a message: of each part, and of all of it where it was split."""

    parts: tuple[Weighed, ...] = ()
    whole: Weighed | None = None

    @property
    def all(self) -> tuple[Weighed, ...]:
        return self.parts if self.whole is None else (*self.parts, self.whole)


class Says(NamedTuple):
    """`after`: the fields of the conversation that change. `best`: the candidate that is said, if one is."""

    way: Way
    text: str
    abstained: bool
    confidence: float
    after: dict[str, Any]
    best: Candidate | None = None
    sources: tuple[Source, ...] = ()
    options: tuple[str, ...] = ()
    why: tuple[Considered, ...] = ()  # beside what all ways think
    handed_over: HandedOver | None = None
    note: str = ""


def said_to(heard: Heard, thought: Thought, templates: Templates, price: float) -> Says:
    """`price`: of a wrong answer, in hand-overs."""
    tongue = heard.conversation.language
    if heard.move == "with-person":
        return passed_on(heard, templates.say("with_person", tongue), "with-person")
    if heard.move == "asked":
        return passed_on(heard, templates.say("wants_person", tongue), "asked")
    if heard.move == "small-talk":
        told = Considered(way="small-talk", confidence=1.0, said=heard.kind)
        return Says("small-talk", templates.say(heard.kind, tongue), False, 1.0, {}, why=(told,))
    if heard.intent is not None:
        return settled(heard, templates.answer(heard.intent, tongue), templates)
    return to_parts(heard, thought, templates, price)


def passed_on(heard: Heard, text: str, reason: HandedOver, note: str = "") -> Says:
    """A person has the conversation from now on, or has it already."""
    state = heard.conversation
    after = {"handed_over": state.handed_over or state.updated_at, "pending": None, "unanswered": 0}
    return Says("handover", text, True, 0.0, after, handed_over=reason, note=note)


def settled(heard: Heard, template: Template, templates: Templates) -> Says:
    """The customer has chosen among options or told what a slot holds; or they were asked for it and did not."""
    told = Considered(way="template", confidence=1.0, said=template.intent)
    state = heard.conversation
    if heard.move == "slot-again" and state.pending is not None:
        slot = next(slot for slot in template.slots if slot.name == state.pending.slot)
        text = templates.say("slot_again", state.language, {"ask": slot.ask})
        return Says("clarify", text, True, 1.0, {"unanswered": 1}, options=tuple(slot.choices), why=(told,))
    source = Source(kind="template", intent=template.intent)
    chosen = Verdict("answer", Candidate("template", "", 1.0, (source,), template.intent))
    asked = state.subject or heard.text  # what was asked before it was asked back
    return answer(heard, [(Part(asked, asked), chosen)], templates)._replace(why=(told,))


def to_parts(heard: Heard, thought: Thought, templates: Templates, price: float) -> Says:
    """Each question by itself; all as one where that is answered and none of them is."""
    pairs = [(part, decide(weighed, price)) for part, weighed in zip(heard.parts, thought.parts, strict=True)]
    if heard.whole is not None and thought.whole is not None and all(verdict.what != "answer" for _, verdict in pairs):
        pairs = [(heard.whole, decide(thought.whole, price))]
    if any(verdict.what == "answer" for _, verdict in pairs):
        return answer(heard, pairs, templates)
    for part, verdict in pairs:
        if verdict.what == "clarify" and heard.conversation.unanswered < UNANSWERED:
            return clarify(heard, part, verdict, templates)
    return unsure(heard, max((verdict.confidence for _, verdict in pairs), default=0.0), templates)


def answer(heard: Heard, pairs: Sequence[tuple[Part, Verdict]], templates: Templates) -> Says:
    """What is known of what was asked. A single template that lacks a slot asks for it first."""
    state, tongue = heard.conversation, heard.conversation.language
    said = [(part, verdict.best) for part, verdict in pairs if verdict.what == "answer" and verdict.best is not None]
    slots = dict(state.slots)
    texts = []
    for part, best in said:
        text = best.text
        if best.intent is not None:
            template = templates.answer(best.intent, tongue)
            slots |= told_slots(template, part.text)
            if len(pairs) == 1 and (slot := template.missing(slots)) is not None:
                return ask_slot(heard, part, best, slot, slots)
            text = "\n\n".join(filter(None, (template.filled(slots), template.closing)))
        texts.append(text)
    unanswered = [part for part, verdict in pairs if verdict.what != "answer"]
    texts += [templates.say("unsure_part", tongue, {"question": clip(part.spoken, PART_CHARS)}) for part in unanswered]
    part, last = said[-1]
    after = {
        "pending": None,
        "unanswered": 0,
        "intent": last.intent,
        "instruction": last.instruction,
        "subject": None if last.way == "live" else state.subject if last.follows else clip(part.spoken, SUBJECT_CHARS),
        "slots": slots,
    }
    least = min(best.confidence for _, best in said)
    sources = tuple(dict.fromkeys(source for _, best in said for source in best.sources))
    return Says(last.way, listed(list(dict.fromkeys(texts))), False, least, after, last, sources)


def told_slots(template: Template, text: str) -> dict[str, str]:
    """What a question tells of a template's slots by the way."""
    return {slot.name: value for slot in template.slots if (value := slot.find(text)) is not None}


def ask_slot(heard: Heard, part: Part, best: Candidate, slot: Slot, slots: dict[str, str]) -> Says:
    """What the answer depends on. The intent is sure, so this is no turn without an answer."""
    pending = Pending(question=clip(part.text, SUBJECT_CHARS), intent=best.intent, slot=slot.name)
    after = {"pending": pending, "unanswered": 0, "slots": slots}
    return Says("clarify", slot.ask, True, best.confidence, after, options=tuple(slot.choices))


def clarify(heard: Heard, part: Part, verdict: Verdict, templates: Templates) -> Says:
    """Which of the intents that are near each other is meant."""
    state = heard.conversation
    titles = [templates.answer(intent, state.language).title for intent in verdict.intents]
    pending = Pending(question=clip(part.text, SUBJECT_CHARS), options=list(verdict.intents))
    after = {"pending": pending, "unanswered": state.unanswered + 1}
    options = (*titles, templates.say("neither", state.language))
    text = "\n".join([templates.say("clarify", state.language), *(f"{n}. {each}" for n, each in enumerate(options, 1))])
    return Says("clarify", text, True, verdict.confidence, after, options=options)


def unsure(heard: Heard, confidence: float, templates: Templates) -> Says:
    """For the first time: in other words, please, or in another language. Then a person."""
    state = heard.conversation
    written = state.language in templates.languages
    if state.unanswered + 1 >= UNANSWERED:
        note = "" if written else OTHER_LANGUAGE
        return passed_on(heard, templates.handover(state.language), "unsure", note)._replace(confidence=confidence)
    text = templates.say("unsure", state.language) if written else other_language(state.language, templates)
    after = {"pending": None, "unanswered": state.unanswered + 1}
    return Says("unsure", text, True, confidence, after)


def other_language(spoken: str, templates: Templates) -> str:
    known = sorted(language.NAMES.get(each, each) for each in templates.languages)
    return templates.say("other_language", spoken, {"languages": ", ".join(known)})
