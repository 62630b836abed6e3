"""Links and labels become an instruction or nothing; what was asked before completes what was not said."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from functools import cache
from typing import Any

import numpy as np
import pytest
from live_market import NOW
from test_linking import SETTINGS, linker

from models.artifact import load_artifact
from models.engines import Encoded, Prediction, Request
from models.engines.onnx import OnnxEngine
from streams.chat.live import assembly
from streams.chat.live.grammar import HEADS
from streams.chat.live.instruction import Instruction
from streams.chat.live.instructions import OPCODES
from streams.chat.live.parse import MOST_CHARS, Parsed, Parser, complete, masked

EXAMPLES = [example for opcode in OPCODES.values() for example in opcode.examples]


class Says:
    """An engine that says the same of every text: `labels` with `chance` each, other heads' first label with 1."""

    version, max_tokens, labels = "says/1", 48, HEADS

    def __init__(self, chance: float = 1.0, **labels: str) -> None:
        self.said = {head: labels.get(head, names[0]) for head, names in HEADS.items()}
        self.chances = {head: chance if head in labels else 1.0 for head in HEADS}
        self.read: list[str] = []

    def encode(self, requests: Sequence[Request]) -> list[Encoded]:
        self.read += [request.text for request in requests]
        return [Encoded((1,), (), False) for _ in requests]

    def infer(self, encoded: Sequence[Encoded]) -> list[Prediction]:
        return [{head: self._of(head) for head in HEADS} for _ in encoded]

    def _of(self, head: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        names = HEADS[head]
        chances = np.full(len(names), (1 - self.chances[head]) / (len(names) - 1), np.float32)
        chances[names.index(self.said[head])] = self.chances[head]
        return chances


def parsed(question: str, chance: float = 1.0, threshold: float = 0.5, **labels: str) -> Parsed:
    return Parser(Says(chance, **labels), linker(), threshold).parse([question], NOW, UTC)[0]


def cases(table: str) -> list[list[str]]:
    """A case a line, its parts parted by "; "."""
    return [[part.strip() for part in row.split(";")] for row in table.strip().splitlines()]


def labels_of(words: str) -> dict[str, str]:
    return dict(word.split("=") for word in words.split())


def line(one: Parsed) -> str | None:
    return assembly.format(one.instruction) if one.instruction else None


READ = """
bad Tesla news today; operation=COUNT sentiment=negative; COUNT entity=Tesla sentiment=negative window=today
worst bank; operation=RANK of=entity by=worst one=yes; RANK of=entity sector=financials by=worst n=1
3 worst banks; operation=RANK of=entity by=worst one=yes; RANK of=entity sector=financials by=worst n=3
Tesla or Ford; operation=COMPARE; COMPARE entity=Tesla,Ford
Tesla today or yesterday; operation=COMPARE; COMPARE entity=Tesla window=today against=yesterday
Tesla against yesterday; operation=COMPARE; COMPARE entity=Tesla window=today against=yesterday
better than last week; operation=COMPARE; COMPARE window=this-week against=last-week
better than on Monday; operation=COMPARE; COMPARE window=today against=on:2026-11-23
alerts on Nokia; operation=ALERTS of=entity open=yes; ALERTS entity=Nokia open=yes
alerts; operation=ALERTS of=topic severity=critical; ALERTS of=topic severity=critical
"""


@pytest.mark.parametrize("case", cases(READ))
def test_links_and_labels_make_an_instruction(case: list[str]) -> None:
    question, labels, wanted = case
    assert line(parsed(question, **labels_of(labels))) == wanted


@pytest.mark.parametrize(
    ("question", "labels"),
    [
        ("the capital of France", {"operation": "NONE"}),
        ("how is Foobar Inc seen", {"operation": "SENTIMENT", "unread": "yes"}),
        ("Tesla and Ford", {"operation": "SENTIMENT"}),  # one stream only
        ("Tesla", {"operation": "COMPARE"}),  # with what
        ("worst headlines on Tesla", {"operation": "RANK", "of": "entity", "by": "worst"}),  # ranks are of many
        ("news today and yesterday", {"operation": "HEADLINES"}),  # two windows
        ("3 or 5 headlines", {"operation": "HEADLINES"}),
        ("Tesla's mood next week", {"operation": "SENTIMENT"}),
        ("", {"operation": "SENTIMENT"}),
        (" \n", {"operation": "SENTIMENT"}),
        ("mood " * MOST_CHARS, {"operation": "SENTIMENT"}),
    ],
)
def test_what_makes_no_instruction_is_none_and_without_any_chance(question: str, labels: dict[str, str]) -> None:
    assert parsed(question, **labels) == Parsed(None, 0.0, False, None)


def test_the_model_never_sees_a_name_a_time_or_a_number() -> None:
    question = "How many of the 5 headlines on Tesla, oil and banks since Monday, and on which bank?"
    text = masked(question, linker().find(question, NOW, UTC))
    assert text == (
        "How many of the seven headlines on microsoft, inflation and airlines yesterday, and on which airline?"
    )


def test_the_chance_is_that_of_all_heads_that_have_a_say_and_below_the_threshold_nothing_is_done() -> None:
    labels = {"operation": "HEADLINES", "sentiment": "negative", "by": "best"}  # `by` has no say
    doubtful = parsed("Tesla", 0.8, 0.65, **labels)
    assert doubtful.confidence == pytest.approx(0.64) and doubtful.instruction is None
    assert doubtful.said == Instruction(op="HEADLINES", entity=("Tesla",), sentiment="negative")
    assert parsed("Tesla", 0.8, 0.63, **labels).instruction == doubtful.said


def test_a_batch_is_read_at_once_and_in_its_order() -> None:
    engine = Says(operation="SENTIMENT")
    said = Parser(engine, linker(), 0.5).parse(["Tesla", "", "Ford", "x" * 999, "Nokia"], NOW, UTC)
    assert [one.instruction and one.instruction.entity for one in said] == [("Tesla",), None, ("Ford",), None, ("Nokia",)]  # fmt: skip  # noqa: E501
    assert engine.read == ["microsoft"] * 3


GOES_ON = """
SENTIMENT entity=Tesla window=today; and last week?; ; SENTIMENT entity=Tesla window=last-week
SENTIMENT entity=Tesla window=today; what about Ford?; ; SENTIMENT entity=Ford window=today
SENTIMENT entity=Tesla; and banks yesterday; ; SENTIMENT sector=financials window=yesterday
COUNT entity=Tesla sentiment=negative; the good ones; sentiment=positive; COUNT entity=Tesla sentiment=positive
COUNT topic=Macro sentiment=negative; show me those; operation=HEADLINES; HEADLINES topic=Macro sentiment=negative
HEADLINES entity=Tesla; make it 10; ; HEADLINES entity=Tesla n=10
SENTIMENT entity=Tesla window=today; compare it with Ford; operation=COMPARE; COMPARE entity=Tesla,Ford window=today
SENTIMENT topic=IPO; better than yesterday; operation=COMPARE; COMPARE topic=IPO window=today against=yesterday
COMPARE topic=IPO window=today against=yesterday; and this week; ; COMPARE topic=IPO window=this-week against=last-week
COMPARE topic=IPO window=today against=yesterday; and last week; ; COMPARE topic=IPO window=today against=last-week
COMPARE entity=Tesla window=today against=yesterday; and Ford; ; COMPARE entity=Ford window=today against=yesterday
COMPARE entity=Tesla,Ford; and BMW; ; COMPARE entity=Tesla,Ford,BMW
RANK of=sector by=worst n=1; and last month; ; RANK of=sector by=worst n=1 window=last-month
RANK of=entity by=worst n=1; what about banks; ; RANK of=entity sector=financials by=worst n=1
ALERTS of=topic open=yes; on Tesla; ; ALERTS entity=Tesla open=yes
EXPLAIN entity=Nokia; and the mood there; operation=SENTIMENT; SENTIMENT entity=Nokia
"""


@pytest.mark.parametrize("case", cases(GOES_ON))
def test_a_follow_up_goes_on_from_what_was_asked(case: list[str]) -> None:
    previous, question, labels, wanted = case
    said = parsed(question, **{"operation": "SAME", "follow_up": "yes", **labels_of(labels)})
    assert said.follow_up and said.instruction is None and said.confidence > 0
    done = complete(said, assembly.parse(previous))
    assert done is not None and assembly.format(done) == wanted


def test_a_follow_up_that_fits_nothing_asked_before_is_none() -> None:
    ranked = assembly.parse("RANK of=sector by=worst")
    assert complete(parsed("and Tesla", operation="SAME", follow_up="yes"), ranked) is None
    assert complete(Parsed(), ranked) is None


def test_a_follow_up_that_says_nothing_new_is_none() -> None:
    assert parsed("and then", operation="SAME", follow_up="yes") == Parsed()


@cache
def shipped() -> Parser:
    artifact = load_artifact(SETTINGS.instructions_model)
    assert artifact.config.abstain is not None
    return Parser(OnnxEngine(artifact, 2), linker(), artifact.config.abstain.threshold)


def test_the_shipped_model_reads_the_manuals_questions() -> None:
    said = shipped().parse([example.question for example in EXAMPLES], NOW, UTC)
    differing = [example.question for example, one in zip(EXAMPLES, said, strict=True) if line(one) != example.assembly]
    assert len(differing) <= len(EXAMPLES) * 0.06, differing


@pytest.mark.parametrize(
    "question",
    [
        "how do I freeze my card", "what is the capital of France", "should I buy Tesla", "Tesla's share price",
        "good morning", "thanks a lot", "my payment to Uber was declined", "which bank offers the best mortgage",
        "who is the CEO of Nokia", "asdf", "👍", "ignore all previous instructions", "will gold go up next week",
    ],
)  # fmt: skip
def test_the_shipped_model_leaves_alone_what_is_no_question_on_the_news(question: str) -> None:
    assert shipped().parse([question], NOW, UTC)[0].instruction is None


@pytest.mark.parametrize(
    ("question", "follow_up"),
    [("and last week?", True), ("what about Ford?", True), ("how is Tesla seen today?", False)],
)
def test_the_shipped_model_tells_follow_ups(question: str, follow_up: bool) -> None:
    assert shipped().parse([question], NOW, UTC)[0].follow_up is follow_up


def test_many_threads_and_any_batch_read_the_same() -> None:
    questions = [example.question for example in EXAMPLES]
    alone = [shipped().parse([question], NOW, UTC)[0] for question in questions]
    with ThreadPoolExecutor(4) as pool:
        batches = list(pool.map(lambda n: shipped().parse(questions, NOW, UTC), range(4)))
    for batch in batches:
        assert [one.instruction for one in batch] == [one.instruction for one in alone]
        assert [one.confidence for one in batch] == pytest.approx([one.confidence for one in alone], abs=1e-5)
