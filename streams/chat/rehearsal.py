"""Dialogues with what is expected of each turn, replayed and judged: a team's regression test of its bot. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

import msgspec

from models.errors import InputError
from streams.chat.answering import Answering
from streams.chat.live import assembly
from streams.chat.turns import Asked
from streams.intake import Refused
from streams.records import Answer, Conversation, Origin, Question, Way

PAUSE_S = 20.0  # between the turns of a dialogue
TALK: frozenset[Way] = frozenset({"small-talk", "person"})  # neither a right answer nor a wrong one


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is not named is not looked at. `contains`: all of these, in any case of letters."""

    way: Way | None = None
    intent: str | None = None
    instruction: str | None = None
    abstained: bool | None = None
    contains: list[str] = []


class Line(msgspec.Struct, frozen=True):
    """A customer's turn."""

    customer: str
    expect: Expected = Expected()


class Dialogue(msgspec.Struct, frozen=True):
    id: str
    turns: list[Line]


@dataclass(frozen=True, slots=True)
class Judged:
    """A turn: `answer` is None where it was refused, `faults` what is not as expected, none if all is."""

    dialogue: str
    turn: int
    customer: str
    expected: Expected
    answer: Answer | None
    faults: tuple[str, ...]


def read_dialogue(row: Mapping[str, Any], where: str) -> Dialogue:
    """Raises InputError that says what is wrong with the row."""
    try:
        dialogue = msgspec.convert(row, Dialogue)
    except msgspec.ValidationError as error:
        raise InputError(
            f'{where}: {error}; wanted {{"id", "turns": [{{"customer", "expect": {{…}}}}]}}, see docs/chat-learning.md'
        ) from None
    for line in dialogue.turns:
        if line.expect.instruction is not None:
            try:
                assembly.parse(line.expect.instruction)
            except InputError as error:
                raise InputError(f"{where}: expected instruction {line.expect.instruction!r}: {error}") from None
    return dialogue


def replay(dialogues: Sequence[Dialogue], answering: Answering, now: datetime) -> list[Judged]:
    """All dialogues turn by turn, side by side, the first turns at `now`; in the dialogues' order."""
    states = {n: Conversation(id=f"rehearsal-{n}") for n in range(len(dialogues))}
    judged: dict[tuple[int, int], Judged] = {}
    for turn in range(max((len(one.turns) for one in dialogues), default=0)):
        at = now + timedelta(seconds=PAUSE_S * turn)
        going = [n for n, one in enumerate(dialogues) if turn < len(one.turns)]
        asked = [
            Asked(states[n], Question(id=f"{n}-{turn}", text=dialogues[n].turns[turn].customer), at, Origin(0, turn))
            for n in going
        ]
        for n, result in zip(going, answering.answer(asked), strict=True):
            line = dialogues[n].turns[turn]
            answer = None if isinstance(result, Refused) else result.answer
            faults = (
                (f"was refused: {result.detail}",)
                if isinstance(result, Refused)
                else faults_of(line.expect, result.answer)
            )
            judged[n, turn] = Judged(dialogues[n].id, turn + 1, line.customer, line.expect, answer, faults)
            if answer is not None and answer.conversation is not None:
                states[n] = answer.conversation
    return [judged[key] for key in sorted(judged)]


def faults_of(expected: Expected, answer: Answer) -> tuple[str, ...]:
    """What is not as expected, each as wanted and got."""
    faults = [
        f"{name}: wanted {wanted}, got {got}"
        for name, wanted, got in (
            ("way", expected.way, answer.way),
            ("intent", expected.intent, answer.intent),
            ("abstained", expected.abstained, answer.abstained),
        )
        if wanted is not None and wanted != got
    ]
    if expected.instruction is not None and not same_instruction(expected.instruction, answer.instruction):
        faults.append(f"instruction: wanted {expected.instruction}, got {answer.instruction}")
    said = " ".join(answer.text.casefold().split())
    faults += [
        f"says nothing of {each!r}" for each in expected.contains if " ".join(each.casefold().split()) not in said
    ]
    return tuple(faults)


def same_instruction(wanted: str, got: str | None) -> bool:
    """However it is written."""
    if got is None:
        return False
    try:
        return assembly.parse(wanted) == assembly.parse(got)
    except InputError:
        return wanted == got


def figures(judged: Sequence[Judged]) -> dict[str, Any]:
    """Of turns. `right_answers` and `wrong_answers` are of those that were answered by a template, a document or the
    live stream; `should_have_answered`: abstained where an answer was expected; `handed_over_needlessly` among them."""
    answered = [one for one in judged if one.answer and not one.answer.abstained and one.answer.way not in TALK]
    silent = [one for one in judged if one.answer and one.answer.abstained and is_to_answer(one.expected)]
    by_way = {
        way: {"turns": len(of), "right": sum(not one.faults for one in of)}
        for way in get_args(Way)
        if (of := [one for one in judged if one.expected.way == way])
    }
    return {
        "dialogues": len({one.dialogue for one in judged}),
        "dialogues_right": len({one.dialogue for one in judged} - {one.dialogue for one in judged if one.faults}),
        "turns": len(judged),
        "right": sum(not one.faults for one in judged),
        "share_right": round(sum(not one.faults for one in judged) / len(judged), 4) if judged else 0.0,
        "right_answers": sum(not one.faults for one in answered),
        "wrong_answers": sum(bool(one.faults) for one in answered),
        "should_have_answered": len(silent),
        "handovers": sum(one.answer is not None and one.answer.way == "handover" for one in judged),
        "handed_over_needlessly": sum(one.answer is not None and one.answer.way == "handover" for one in silent),
        "by_expected_way": by_way,
        **intent_f1(judged),
    }  # fmt: skip


def is_to_answer(expected: Expected) -> bool:
    return expected.abstained is not True and (
        expected.way in ("template", "documents", "live")
        or expected.intent is not None
        or expected.instruction is not None
    )


def intent_f1(judged: Iterable[Judged]) -> dict[str, float]:
    """Over the turns that name an intent or another way: an intent that is said there is a false one. Macro over the
    intents that are expected; micro over all turns."""
    hit, said, meant = Counter[str](), Counter[str](), Counter[str]()
    for one in judged:
        told = one.answer.intent if one.answer and one.answer.way == "template" else None
        if one.expected.intent is None and one.expected.way in (None, "template"):
            continue  # several would be right
        if one.expected.intent is not None:
            meant[one.expected.intent] += 1
            hit[one.expected.intent] += told == one.expected.intent
        if told is not None:
            said[told] += 1
    scores = [2 * hit[intent] / (said[intent] + n) for intent, n in meant.items()]
    total = said.total() + meant.total()
    return {
        "intents_expected": meant.total(),
        "intent_f1_macro": round(sum(scores) / len(scores), 4) if scores else 0.0,
        "intent_f1_micro": round(2 * hit.total() / total, 4) if total else 0.0,
    }
