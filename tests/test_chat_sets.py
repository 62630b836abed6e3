"""The chat's test sets say what they may: instructions that can be executed, answers that stand in the documents."""

import json
import re
import unicodedata
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import pytest

import streams
from models.errors import InputError
from streams.chat.live import assembly
from streams.chat.live.instructions import OPCODES
from streams.chat.live.names import Names
from streams.chat.templates import load_templates
from streams.news.entities import load_watchlist
from streams.records import Way

ROOT = Path(streams.__file__).parent
SETS = ROOT.parent / "benchmarks" / "chat"
SAMPLE = ROOT / "sample"
ZOO = ROOT.parent / "models" / "zoo"


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def squeezed(text: str) -> str:
    """Letters and digits only: two texts that differ in case and punctuation are alike."""
    return re.sub(r"\W", "", unicodedata.normalize("NFKC", text)).casefold()


def labels(model: str, head: str) -> list[str]:
    return list(json.loads((ZOO / model / "config.json").read_text(encoding="utf-8"))["heads"][head]["labels"])


DEV = read(SETS / "live_dev.jsonl")
BLIND = [*read(SETS / "live_questions.jsonl"), *read(SETS / "live_questions_2.jsonl")]
DIALOGUES = read(SETS / "dialogues.jsonl")
TURNS = [turn for dialogue in DIALOGUES for turn in dialogue["turns"]]
ON_DOCUMENTS, UNANSWERABLE = read(SETS / "document_questions.jsonl"), read(SETS / "unanswerable.jsonl")
PAST = read(SAMPLE / "conversations.jsonl")
DOCUMENTS = {path.name: path.read_text(encoding="utf-8") for path in (SAMPLE / "documents").iterdir()}
WRITTEN = load_templates()
TEMPLATES = {intent: WRITTEN.answer(intent).text for intent in WRITTEN.answers}
NAMES = Names.of(load_watchlist(ROOT / "news" / "watchlist.csv"), labels("news", "topic"))
INSTRUCTIONS = [
    instruction
    for instruction in [
        *(row["instruction"] for row in (*DEV, *BLIND)),
        *(turn["expect"].get("instruction") for turn in TURNS),
    ]
    if instruction is not None
]


@pytest.mark.parametrize(
    ("rows", "count"), [(DEV, 120), (BLIND, 954), (DIALOGUES, 40), (ON_DOCUMENTS, 80), (UNANSWERABLE, 120)]
)
def test_a_set_has_its_size_and_each_id_once(rows: list[dict[str, Any]], count: int) -> None:
    assert len(rows) == len({row["id"] for row in rows}) == count


def test_no_question_is_asked_twice_in_any_of_the_sets() -> None:
    asked = Counter(squeezed(row["question"]) for row in (*DEV, *BLIND, *ON_DOCUMENTS, *UNANSWERABLE))
    assert [text for text, times in asked.items() if times > 1] == []


def test_no_question_to_test_with_is_an_example_of_an_opcode() -> None:
    examples = {squeezed(example.question) for opcode in OPCODES.values() for example in opcode.examples}
    assert [row["question"] for row in (*DEV, *BLIND) if squeezed(row["question"]) in examples] == []


def test_every_instruction_is_canonical_and_can_be_executed() -> None:
    assert {line: fault for line in INSTRUCTIONS if (fault := fault_of(line))} == {}


def fault_of(line: str) -> str:
    """What is wrong with an instruction, if anything is."""
    try:
        instruction = assembly.parse(line)
        assembly.validate(instruction, NAMES)
    except InputError as error:
        return str(error)
    written = assembly.format(instruction)
    return "" if written == line else f"canonical is {written}"


def test_the_blind_set_asks_for_every_operation_and_a_fifth_of_it_for_none() -> None:
    operations = Counter(None if row["instruction"] is None else row["instruction"].split()[0] for row in BLIND)
    assert operations[None] / len(BLIND) == pytest.approx(0.2, abs=0.02)
    assert {op: count for op, count in operations.items() if op is not None and count < 40} == {}
    assert set(operations) == {None, *OPCODES}


def test_a_dialogue_has_four_turns_and_expects_something_of_each() -> None:
    assert [dialogue["id"] for dialogue in DIALOGUES if len(dialogue["turns"]) < 4] == []
    known = {"way", "intent", "instruction", "contains", "abstained"}
    assert [
        turn
        for turn in TURNS
        if not turn["customer"] or not 0 < len(turn["expect"]) == len(turn["expect"].keys() & known)
    ] == []
    assert {turn["expect"]["way"] for turn in TURNS if "way" in turn["expect"]} <= set(get_args(Way))
    assert {turn["expect"]["intent"] for turn in TURNS if "intent" in turn["expect"]} <= set(
        labels("intents", "intent")
    )


def test_what_an_answer_should_contain_stands_where_it_is_taken_from() -> None:
    wrong = []
    for expect in (turn["expect"] for turn in TURNS):
        if expect.get("way") == "documents":
            texts = [*DOCUMENTS.values()]
        elif expect.get("way") == "template":
            texts = [TEMPLATES[expect["intent"]]] if "intent" in expect else [*TEMPLATES.values()]
        else:
            continue
        wrong += [words for words in expect.get("contains", ()) if not any(words in text for text in texts)]
    assert wrong == []


def test_every_answer_to_a_question_on_a_document_stands_in_it() -> None:
    assert [row for row in ON_DOCUMENTS for answer in row["answers"] if answer not in DOCUMENTS[row["document"]]] == []
    assert [row for row in ON_DOCUMENTS if not row["answers"]] == []
    assert {row["document"] for row in ON_DOCUMENTS} == set(DOCUMENTS)


def test_past_conversations_are_turns_in_their_order_begun_by_customers() -> None:
    turns: dict[str, list[dict[str, Any]]] = {}
    for turn in PAST:
        turns.setdefault(turn["conversation"], []).append(turn)
    assert len(turns) >= 35
    for said in turns.values():
        times = [datetime.fromisoformat(turn["at"]) for turn in said]
        assert times == sorted(set(times))
        assert said[0]["role"] == "customer"
    assert {turn["role"] for turn in PAST} == {"customer", "agent"}


def test_made_up_cards_and_accounts_pass_the_checks_of_real_ones() -> None:
    said = " ".join(turn["text"] for turn in PAST)
    cards, ibans = re.findall(r"\b\d{16}\b", said), re.findall(r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b", said)
    assert len(cards) >= 3
    assert len(ibans) >= 3
    assert [card for card in cards if sum(map(luhn, range(16), reversed(card))) % 10] == []
    assert [iban for iban in ibans if int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 != 1] == []


def luhn(place: int, digit: str) -> int:
    """A digit's part in the sum; `place` is counted from the right."""
    return sum(divmod(int(digit) * (1 + place % 2), 10))
