"""A question as an instruction: linkers find names and times, the model reads the rest. Pure.

question -> linked -> masked -> (model) -> assembled of both -> validated, with the chance that all of it is right
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any

from models.engines import Engine, Prediction, Request
from models.errors import InputError
from streams.chat.live.assembly import validate
from streams.chat.live.grammar import HEADS, NONE, SAME, TAKEN
from streams.chat.live.instruction import STREAMS, Instruction
from streams.chat.live.instructions import OPCODES
from streams.chat.live.linking import Link, Linker
from streams.chat.live.times import PREVIOUS

MOST_CHARS = 400  # of a question; a longer one is no single instruction
PLACEHOLDERS = {"entity": "microsoft", "topic": "inflation", "sector": "airlines", "time": "yesterday", "n": "seven"}
"""Kind of link -> the word that stands for all of its kind: one that the encoder knows as such."""
ONE_SECTOR = "airline"
COMPARED_WITH = {after: now for now, after in PREVIOUS.items()}
"""What is compared where only an earlier window is named: with yesterday today."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """`instruction`: what is asked, None if nothing is or if it is too doubtful. `confidence`: the chance that it is
    right, 0 if it can't be. A `follow_up` leaves something to what was asked before: `complete` puts in what `said`
    lacks, which has no operation where that stays, too.
    """

    instruction: Instruction | None = None
    confidence: float = 0.0
    follow_up: bool = False
    said: Instruction | None = None


class Parser:
    """Thread-safe. `threshold`: the confidence below which nothing should be executed."""

    def __init__(self, engine: Engine, linker: Linker, threshold: float) -> None:
        self.threshold = threshold
        self._engine, self._linker = engine, linker

    def parse(self, texts: Sequence[str], now: datetime, zone: tzinfo) -> list[Parsed]:
        """One for each, in the order given."""
        short = [n for n, text in enumerate(texts) if text.strip() and len(text) <= MOST_CHARS]
        links = {n: self._linker.find(texts[n], now, zone) for n in short}
        requests = [Request(masked(texts[n], links[n])) for n in short]
        parsed = [Parsed()] * len(texts)
        for n, prediction in zip(short, self._engine.infer(self._engine.encode(requests)), strict=True):
            if not self._linker.unread(texts[n], links[n]):
                parsed[n] = self._read(said_by(prediction, self._engine.labels), links[n])
        return parsed

    def _read(self, said: Mapping[str, tuple[str, float]], links: Sequence[Link]) -> Parsed:
        operation = said["operation"][0]
        if operation == NONE or said["unread"][0] == "yes":
            return Parsed()
        instruction = assembled(said, links)
        if instruction is None:
            return Parsed()
        confidence = confidence_of(said, instruction, links)
        if said["follow_up"][0] == "yes" or operation == SAME:
            return Parsed(None, confidence, True, instruction)
        instruction = whole(instruction)
        try:
            validate(instruction, self._linker.names)
        except InputError:
            return Parsed()
        return Parsed(instruction if confidence >= self.threshold else None, confidence, False, instruction)


def masked(text: str, links: Iterable[Link]) -> str:
    """The text with a word of its kind in the place of each link."""
    parts, at = [], 0
    for link in links:
        word = PLACEHOLDERS[link.kind]
        if link.kind == "sector" and not text[link.start : link.end].casefold().endswith("s"):
            word = ONE_SECTOR
        parts += [text[at : link.start], word]
        at = link.end
    return "".join([*parts, text[at:]])


def said_by(prediction: Prediction, labels: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, float]]:
    """Head -> the label it says, and its chance."""
    best = {head: int(prediction[head].argmax()) for head in HEADS}
    return {head: (labels[head][n], float(prediction[head][n])) for head, n in best.items()}


def assembled(said: Mapping[str, tuple[str, float]], links: Sequence[Link]) -> Instruction | None:
    """What the heads and the links say together, as far as it goes; None if they don't fit."""
    operation = said["operation"][0]
    of_kind: dict[str, tuple[str, ...]] = {
        kind: tuple(dict.fromkeys(link.value for link in links if link.kind == kind)) for kind in PLACEHOLDERS
    }
    times, numbers = of_kind["time"], of_kind["n"]
    if len(times) > (2 if operation == "COMPARE" else 1) or len(numbers) > 1:
        return None
    streams: dict[str, Any] = {kind: of_kind[kind] for kind in STREAMS}
    heads: dict[str, Any] = {name: said[name][0] for name in TAKEN[operation] if said[name][0] not in ("none", "no")}
    if any(streams.values()) and operation == "ALERTS":
        heads.pop("of", None)
    n = int(numbers[0]) if numbers else 1 if heads.pop("one", "") else 0
    heads.pop("one", None)
    if operation == SAME and not (links or heads):
        return None
    return Instruction(
        op="" if operation == SAME else operation, **streams, **heads, n=n,
        window=times[0] if times else "", against=times[1] if len(times) == 2 else "",
    )  # fmt: skip


def confidence_of(said: Mapping[str, tuple[str, float]], instruction: Instruction, links: Sequence[Link]) -> float:
    """The product of the chances of all heads that had a say."""
    kinds: Counter[str] = Counter(link.kind for link in links)
    heads = ["operation", "follow_up", "unread", *TAKEN[said["operation"][0]]]
    if kinds["n"] and "one" in heads:
        heads.remove("one")
    if instruction.op == "ALERTS" and any(kinds[kind] for kind in STREAMS):
        heads.remove("of")
    chance = 1.0
    for head in heads:
        chance *= said[head][1]
    return chance


def streams_of(instruction: Instruction) -> int:
    return sum(len(getattr(instruction, kind)) for kind in STREAMS)


def whole(instruction: Instruction) -> Instruction:
    """A comparison of one stream with one window says what that is compared with: with yesterday, today."""
    if instruction.op != "COMPARE" or streams_of(instruction) > 1 or instruction.against or not instruction.window:
        return instruction
    now = COMPARED_WITH.get(instruction.window, "today")
    return replace(instruction, window=now, against=instruction.window)


def complete(parsed: Parsed, previous: Instruction) -> Instruction | None:
    """What a follow-up asks for after `previous`; None where that makes no instruction."""
    said = parsed.said
    if said is None:
        return None
    op = said.op or previous.op
    allowed = {*OPCODES[op].takes, *OPCODES[op].needs}
    kept = {name: value for name, value in previous.given().items() if name in allowed and is_kept(name, op, previous)}
    if streams_of(said):
        compared = op == "COMPARE" and (said.op == "COMPARE" or streams_of(previous) > 1)
        for kind in STREAMS:
            before = getattr(previous, kind) if compared else ()
            kept[kind] = tuple(dict.fromkeys((*before, *getattr(said, kind))))
        if op == "RANK":
            kept["of"] = "entity"
        elif op == "ALERTS":
            kept.pop("of", None)
        if streams_of(said) and compared:
            kept.pop("against", None)
    for name, value in said.given().items():
        if name not in STREAMS:
            kept[name] = value
    made = Instruction(op=op, **kept)  # type: ignore[arg-type]
    if said.window and op == "COMPARE" and streams_of(made) < 2:
        made = against_before(made, previous)
    try:
        validate(made)
    except InputError:
        return None
    return made


def is_kept(name: str, op: str, previous: Instruction) -> bool:
    """Whom and when is kept whatever is asked; how, only if the same is."""
    return op == previous.op or name in (*STREAMS, "window", "sentiment")


def against_before(made: Instruction, previous: Instruction) -> Instruction:
    """One stream, and one window said of it: that against the one before it, or the last one against that."""
    if made.window in PREVIOUS:
        return replace(made, against=PREVIOUS[made.window])
    now = previous.window or COMPARED_WITH.get(made.window, "today")
    return replace(made, window=now, against=made.window)
