"""Questions written down with the instruction each asks for, as texts for the text -> instruction model. Pure.

line -> Asked -> linked -> labels, which with the links must give the instruction again -> that text, and some like it
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from models.errors import InputError
from streams.chat.live import assembly
from streams.chat.live.grammar import HEADS, NONE, TAKEN, Made, Phrasings, Subjects, Wording, shipped
from streams.chat.live.instruction import ARGUMENTS, STREAMS, Instruction
from streams.chat.live.linking import Link
from streams.chat.live.parse import assembled, whole

ASKED = Path(__file__).with_name("asked.jsonl")
EXCHANGED_SHARE = 0.5  # of the texts like a question: those on another kind of stream
CLOSING = " ?!."


class Asked(NamedTuple):
    """`instruction` is None where nothing is asked of the news stream that an instruction can hold."""

    question: str
    instruction: Instruction | None


class Left(NamedTuple):
    """A question that can't be taught, since what is linked in it and what it asks for don't fit."""

    question: str
    reason: str


def read(lines: str) -> list[Asked]:
    """Lines {"question", "instruction"}, null for none. Raises InputError."""
    found = []
    for n, line in enumerate(lines.splitlines(), 1):
        row = json.loads(line)
        try:
            instruction = assembly.parse(row["instruction"]) if row["instruction"] else None
            if instruction:
                assembly.validate(instruction)
        except InputError as error:
            raise InputError(f"line {n}, {row['question']!r}: {error}") from None
        found.append(Asked(row["question"], instruction))
    return found


def labels_of(instruction: Instruction | None) -> dict[str, str]:
    """What the heads that count have to say for it."""
    if instruction is None:
        return {"operation": NONE}
    said = {"one": "yes" if instruction.n == 1 else "no", "follow_up": "no", "unread": "no"}
    for head in TAKEN[instruction.op]:
        said[head] = said.get(head) or getattr(instruction, head) or HEADS[head][0]
    return {"operation": instruction.op} | {
        head: said[head] for head in (*TAKEN[instruction.op], "follow_up", "unread")
    }


def complaint(wanted: Instruction, links: Sequence[Link]) -> str:
    """Where heads that say what they have to, and these links, give another instruction; empty if nowhere."""
    labels = labels_of(wanted)
    got = assembled({head: (labels.get(head, names[0]), 1.0) for head, names in HEADS.items()}, links)
    if got is None:
        return f"more times or numbers are linked than {wanted.op} holds"
    got = whole(got)
    for name in ARGUMENTS:
        if getattr(got, name) != getattr(wanted, name):
            return f"{name} is linked as {getattr(got, name)!r}, wanted {getattr(wanted, name)!r}"
    return ""


class Writer:
    """`find` links a question, `unread` says whether it says more of time than was linked."""

    def __init__(
        self,
        find: Callable[[str], list[Link]],
        unread: Callable[[str, Iterable[Link]], bool],
        subjects: Subjects,
        phrasings: Phrasings | None = None,
    ) -> None:
        self._find, self._unread = find, unread
        self._subjects, self._phrasings = subjects, phrasings or shipped()

    def write(self, questions: Iterable[Asked], seed: int, per_question: int) -> tuple[list[Made], list[Left]]:
        """Each question and so many texts in all; the same for the same seed."""
        texts, left = [], []
        for asked in questions:
            links = self._find(asked.question)
            if reason := self._complaint(asked, links):
                left.append(Left(asked.question, reason))
            else:
                texts += list(self._texts(asked, links, random.Random(f"{seed} {asked.question}"), per_question))
        return texts, left

    def _complaint(self, asked: Asked, links: Sequence[Link]) -> str:
        if self._unread(asked.question, links):
            return "more is said of time than is linked, so that the model is never asked"
        return complaint(asked.instruction, links) if asked.instruction else ""

    def _texts(self, asked: Asked, links: Sequence[Link], rng: random.Random, many: int) -> Iterator[Made]:
        labels = labels_of(asked.instruction)
        yield Made(asked.question, labels, tuple(link.kind for link in links), asked.question)
        wording = Wording(self._phrasings, self._subjects, rng)
        for _ in range(many - 1):
            spans = [self._exchanged(asked, link, rng) for link in links]
            text = wording.dressed(slotted(asked.question, links, [span for _, span in spans]), labels["operation"])
            yield Made(text, labels, tuple(kind for kind, _ in spans), asked.question)

    def _exchanged(self, asked: Asked, link: Link, rng: random.Random) -> tuple[str, str]:
        """A kind and words of it for a link: perhaps a topic for an entity, or the other way round. Other names of the
        same kind would be the same to the model, and words around a sector ("companies") fit nothing else."""
        own = asked.question[link.start : link.end]
        if link.kind not in STREAMS or link.kind == "sector" or rng.random() >= EXCHANGED_SHARE:
            return link.kind, own
        if link.kind == "entity":
            return "topic", rng.choice(self._subjects.topics)
        return "entity", rng.choice(self._subjects.entities)


def slotted(question: str, links: Sequence[Link], words: Sequence[str]) -> str:
    """The question with these words in the places of the links, marked as names are, to be put after an opening."""
    parts, at = [], 0
    for link, word in zip(links, words, strict=True):
        parts += [question[at : link.start], f"\x01{word}\x02"]
        at = link.end
    text = "".join([*parts, question[at:]]).rstrip(CLOSING)
    return text[:1].lower() + text[1:]
