"""Questions written down with their instruction teach what the parser needs to say, and only where it can say it."""

import json
from collections import Counter
from datetime import UTC
from pathlib import Path

import pytest
from live_market import NOW
from test_linking import linker

from models.errors import InputError
from streams.chat.live import assembly
from streams.chat.live.asked import ASKED, Writer, labels_of, read
from streams.chat.live.grammar import HEADS, NONE, Made, Subjects, rows, split_of
from streams.chat.live.instructions import OPCODES
from streams.chat.live.parse import assembled, masked, whole

SUBJECTS = Subjects(["Nokia", "Boeing"], ["oil", "the Fed"], ["banks"], ["banks"], ["bank"])
EXAMPLES = [example for opcode in OPCODES.values() for example in opcode.examples]


def written(question: str, line: str | None, many: int = 1) -> tuple[list[Made], str]:
    """The texts made of a question, and why it was left out."""
    asked = read(json.dumps({"question": question, "instruction": line}))
    writer = Writer(lambda text: linker().find(text, NOW, UTC), linker().unread, SUBJECTS)
    texts, left = writer.write(asked, 1, many)
    return texts, left[0].reason if left else ""


def mask(text: str) -> tuple[str, Counter[str]]:
    links = linker().find(text, NOW, UTC)
    return masked(text, links), Counter(link.kind for link in links)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_labels_give_the_instruction_again_when_they_are_said(example) -> None:  # type: ignore[no-untyped-def]
    [one], reason = written(example.question, example.assembly)
    said = {head: (one.labels.get(head, names[0]), 1.0) for head, names in HEADS.items()}
    instruction = assembled(said, linker().find(example.question, NOW, UTC))
    assert instruction and assembly.format(whole(instruction)) == example.assembly and not reason


@pytest.mark.parametrize(
    ("line", "labels"),
    [
        ("COUNT entity=Tesla sentiment=negative", {"operation": "COUNT", "sentiment": "negative"}),
        ("TREND window=today", {"operation": "TREND"}),
        ("RANK of=topic by=best n=1", {"operation": "RANK", "of": "topic", "by": "best", "one": "yes"}),
        ("RANK of=topic by=best n=3", {"operation": "RANK", "of": "topic", "by": "best", "one": "no"}),
        ("ALERTS open=yes", {"operation": "ALERTS", "of": "none", "severity": "none", "open": "yes"}),
    ],
)
def test_heads_that_do_not_count_are_not_taught(line: str, labels: dict[str, str]) -> None:
    assert labels_of(assembly.parse(line)) == {**labels, "follow_up": "no", "unread": "no"}


def test_what_asks_for_nothing_teaches_that_alone() -> None:
    [one], _ = written("how do I freeze my card", None)
    assert one.labels == {"operation": NONE}


@pytest.mark.parametrize(
    ("question", "line", "reason"),
    [
        ("mood around Tesla", "SENTIMENT entity=Nokia", "entity is linked as ('Tesla',), wanted ('Nokia',)"),
        ("mood around Zorblax", "SENTIMENT entity=Tesla", "entity is linked as (), wanted"),
        ("bad news on Tesla today", "COUNT entity=Tesla window=yesterday", "window is linked as 'today'"),
        ("give me a headline on Tesla", "HEADLINES entity=Tesla n=1", "n is linked as 0, wanted 1"),
        ("news from today and from yesterday", "HEADLINES window=today", "more times or numbers"),
        ("mood around Tesla before Monday", "SENTIMENT entity=Tesla", "more is said of time"),
    ],
)  # fmt: skip
def test_a_question_in_which_linkers_find_something_else_is_left_out_with_the_reason(
    question: str, line: str, reason: str
) -> None:
    texts, said = written(question, line)
    assert not texts and said.startswith(reason)


def test_texts_like_a_question_keep_its_labels_and_are_on_what_else_can_be_asked_about() -> None:
    texts, _ = written("What's the mood around Tesla today?", "SENTIMENT entity=Tesla window=today", 60)
    assert texts[0].text == "What's the mood around Tesla today?" and len(texts) == 60
    assert all(one.labels == texts[0].labels and one.pattern == texts[0].pattern for one in texts)
    assert {one.links for one in texts} == {("entity", "time"), ("topic", "time")}
    assert any(one.text.startswith("what's the mood around oil today") for one in texts)


def test_a_sector_stays_since_the_words_around_it_are_a_sectors() -> None:
    texts, _ = written("bad news on tech companies", "HEADLINES sector=technology sentiment=negative", 30)
    assert {one.links for one in texts} == {("sector",)}


def test_all_texts_of_a_question_are_in_one_split() -> None:
    texts, _ = written("how is Tesla doing", "SENTIMENT entity=Tesla", 20)
    kept, _ = rows(texts, mask)
    assert len(kept) > 5 and {row.split for row in kept} == {split_of("how is Tesla doing")}


@pytest.mark.parametrize("line", ["COUNT by=worst", "COUNT entity", "SHOUT entity=Tesla"])
def test_an_instruction_that_can_not_be_executed_is_refused_with_its_place(line: str) -> None:
    with pytest.raises(InputError, match="line 1, 'q': "):
        read(json.dumps({"question": "q", "instruction": line}))


def test_the_questions_that_are_shipped_are_each_there_once_and_nearly_all_taught() -> None:
    asked = read(ASKED.read_text(encoding="utf-8"))
    assert len({one.question.casefold() for one in asked}) == len(asked) > 1000
    writer = Writer(lambda text: linker().find(text, NOW, UTC), linker().unread, SUBJECTS)
    _, left = writer.write([one for one in asked if one.instruction], 1, 1)
    assert len(left) <= 10, left


def test_no_question_that_is_shipped_is_one_that_parsers_are_measured_by() -> None:
    sets = Path(__file__).parents[4] / "benchmarks" / "chat"
    measured = {
        json.loads(line)["question"].casefold().strip(" ?.!")
        for name in ("live_dev", "live_questions")
        for line in (sets / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    }
    assert not measured & {one.question.casefold().strip(" ?.!") for one in read(ASKED.read_text(encoding="utf-8"))}
