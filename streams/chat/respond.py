"""The records of a turn: the answer with its reasons and the state after it, and the hand-over if there is one."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from streams.chat.decide import Weighed, considered
from streams.chat.dialogue import Heard
from streams.chat.handover import hand_over
from streams.chat.says import Says, Thought
from streams.chat.state import SLOTS, say
from streams.chat.turns import Asked, Turn
from streams.records import Answer

ALTERNATIVES = 3


def respond(asked: Asked, heard: Heard, thought: Thought, says: Says, model: str, now: datetime) -> Turn:
    """`model`: the version of the one behind what is said, "" for none."""
    question, state, best = asked.question, heard.conversation, says.best
    passed = None
    if says.handed_over is not None:
        passed = hand_over(question, state, says.handed_over, guesses(thought.all), now, asked.origin, says.note)
    changed = says.after | {"slots": dict(list(says.after.get("slots", state.slots).items())[-SLOTS:])}
    likeliest = sorted(intents(thought.all).items(), key=lambda item: -item[1])[:ALTERNATIVES]
    answer = Answer(
        id=f"{question.id}:answer",
        question_id=question.id,
        conversation_id=state.id,
        question=heard.text,
        text=says.text,
        abstained=says.abstained,
        way=says.way,
        intent=best.intent if best else None,
        confidence=round(says.confidence, 4),
        alternatives=dict(likeliest),
        options=list(says.options),
        sources=list(says.sources),
        instruction=best.instruction if best else None,
        why=[*says.why, *considered(thought.all)],
        language=state.language,
        answered_at=now,
        model=model,
        origin=asked.origin,
        conversation=msgspec.structs.replace(say(state, "gretchen", says.text, now), **changed),
    )
    return Turn(answer, passed)


def intents(weighed: Sequence[Weighed]) -> dict[str, float]:
    """Intent -> its chance, the greatest of all parts."""
    found: dict[str, float] = {}
    for candidate in (candidate for one in weighed for candidate in one.candidates):
        if candidate.intent is not None:
            found[candidate.intent] = max(found.get(candidate.intent, 0.0), candidate.confidence)
    return found


def guesses(weighed: Sequence[Weighed]) -> dict[str, float]:
    """Intent or way -> its chance, for who takes over."""
    found: dict[str, float] = dict(intents(weighed))
    for candidate in (candidate for one in weighed for candidate in one.candidates):
        if candidate.intent is None:
            found[candidate.way] = max(found.get(candidate.way, 0.0), candidate.confidence)
    return found
