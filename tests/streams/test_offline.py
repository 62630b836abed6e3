"""Scoring and answering without Kafka, with the fake engine: order, entities given and found, rows refused."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.fake import FakeEngine
from models.errors import ArtifactError
from streams.chat.template_text import read_templates
from streams.engines import Intents
from streams.news.entities import Entity, Gazetteer
from streams.offline import answer_rows, in_batches, score_rows
from streams.sources.files import Row, Unusable

COLUMNS = ("text", "id")
GAZETTEER = Gazetteer([Entity("nokia", "Nokia"), Entity("volvo", "Volvo")])


def scored(*rows: dict[str, Any] | Unusable) -> list[dict[str, Any]]:
    made = [row if isinstance(row, Unusable) else Row(n, row) for n, row in enumerate(rows, 1)]
    return score_rows(made, FakeEngine.news(), GAZETTEER, COLUMNS, 200)


def test_a_row_gets_its_verdicts_and_those_of_the_entities_found() -> None:
    (told,) = scored({"id": 7, "text": "Nokia positive, Volvo too, says Nokia"})
    assert told["id"] == 7 and told["sentiment"] == "positive"
    assert sum(told["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert set(told["topic_probabilities"]) == {"Markets", "Macro"}
    assert [(e["name"], e["start"], e["end"]) for e in told["entities"]] == [("Nokia", 0, 5), ("Volvo", 16, 21)]
    assert all(set(e["probabilities"]) == {"negative", "neutral", "positive"} for e in told["entities"])


def test_entities_that_a_row_names_are_judged_instead_of_ours_in_their_order() -> None:
    text = "Nokia beats the Foo Corp"
    (told,) = scored({"text": text, "entities": ["foo corp", "Absent", {"name": "x", "start": 0, "end": 5}]})
    assert [(e["name"], e["start"], e["end"]) for e in told["entities"]] == [
        ("foo corp", 16, 24),
        ("Absent", None, None),
        ("x", 0, 5),
    ]
    assert scored({"text": text, "entities": []})[0]["entities"] == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (Unusable(1, "broken"), "not-json"),
        ({"id": 1}, "schema"),
        ({"text": 5}, "schema"),
        ({"text": "  "}, "text-blank"),
        ({"text": "a\0b"}, "text-control"),
        ({"text": "a" * 201}, "text-too-long"),
        ({"text": "Nokia", "entities": "Nokia"}, "schema"),
        ({"text": "Nokia", "entities": [{"start": 0, "end": 2}]}, "schema"),
        ({"text": "Nokia", "entities": [{"name": "N", "start": 3, "end": 99}]}, "schema"),
    ],
)
def test_a_row_that_cannot_be_taken_keeps_its_place_and_says_why(row: Any, reason: str) -> None:
    before, told, after = scored({"id": "a", "text": "good"}, row, {"id": "b", "text": "negative"})
    assert told["error"]["reason"] == reason and told["line"] in (1, 2)
    assert (before["id"], after["id"], after["sentiment"]) == ("a", "b", "negative")


def test_questions_are_answered_in_order_or_handed_over() -> None:
    intents = Intents(FakeEngine.intents("card", "cash"), 0.5)
    files = {
        "bank.toml": 'card.answer = "Your card …"\ncash.answer = "Cash …"',
        "_phrases.toml": 'handover = "A person takes over."',
    }
    templates = read_templates(files)
    rows = [
        Row(1, {"id": "q1", "question": "my card"}),
        Row(2, {"id": 2, "question": ""}),
        Row(3, {"question": "cash"}),
    ]
    first, second, third = answer_rows(rows, intents, templates, ("question", "id"), 200)
    assert (first["id"], first["answer"], first["abstained"]) == ("q1", "Your card …", False)
    assert first["source"] == {"kind": "template", "intent": "card"}
    assert second["error"]["reason"] == "text-blank" and second["id"] == 2
    assert (third["id"], third["answer"]) == (None, "Cash …")
    unsure = answer_rows(rows[:1], intents._replace(threshold=0.99), templates, ("question", "id"), 200)[0]
    assert unsure["abstained"] and unsure["answer"] == "A person takes over." and unsure["source"] is None


@given(st.lists(st.integers(), max_size=50), st.integers(1, 7))
def test_reading_ahead_changes_nothing(items: list[int], most: int) -> None:
    batches = list(in_batches(iter(items), most))
    assert [item for batch in batches for item in batch] == items
    assert all(1 <= len(batch) <= most for batch in batches)


def test_an_error_of_the_source_comes_after_the_rows_before_it() -> None:
    def rows() -> Iterator[int]:
        yield from (1, 2)
        raise ArtifactError("broken")

    got: list[int] = []
    with pytest.raises(ArtifactError, match="broken"):
        for batch in in_batches(rows()):
            got += batch
    assert got == [1, 2]


def test_a_row_is_given_out_while_the_source_still_waits_for_the_next() -> None:
    go_on = threading.Event()

    def rows() -> Iterator[int]:
        yield 1
        assert go_on.wait(10)
        yield 2

    batches = in_batches(rows())
    assert next(batches) == [1]
    go_on.set()
    assert list(batches) == [[2]]
