"""Scoring and answering without Kafka, with the fake engine: order, entities given and found, rows refused."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.fake import FakeEngine
from models.errors import ArtifactError
from streams.news.entities import Entity, Gazetteer
from streams.offline import Answerer, in_batches, score_rows
from streams.sources.files import Row, Unusable
from tests.support.talking import Finder, answering, reading

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


SAID = {"freeze": {"freeze_card": 0.9}, "account": {"closing": 0.8}}


def answered(rows: list[dict[str, Any]], documents: Any = None) -> list[dict[str, Any]]:
    answerer = Answerer(answering(SAID, documents), ("question", "id", "conversation"), 200)
    return answerer([Row(n, row) for n, row in enumerate(rows, 1)])


def test_questions_are_answered_in_order_or_nobody_guesses() -> None:
    rows = [{"id": "q1", "question": "freeze"}, {"id": 2, "question": ""}, {"question": "my account"}]
    first, second, third = answered(rows)
    assert (first["id"], first["answer"], first["abstained"]) == ("q1", "Open Cards and tap Freeze.", False)
    assert first["source"] == {"kind": "template", "intent": "freeze_card"} and first["confidence"] == 0.9
    assert second["error"]["reason"] == "text-blank" and second["id"] == 2
    assert (third["id"], third["answer"]) == (None, "Tap Close.")
    (unsure,) = answered([{"id": 1, "question": "where is the moon"}])
    assert unsure["abstained"] and unsure["source"] is None and unsure["way"] == "unsure"


def test_an_answer_out_of_a_document_is_its_very_words_and_tells_where_they_stand() -> None:
    documents = reading(Finder(0.9, {"abroad": "2 percent"}), "Hello. It costs 2 percent there.")
    (told,) = answered([{"id": 1, "question": "what does it cost abroad"}], documents)
    assert told["answer"] == "2 percent" and told["text"] == "“It costs 2 percent there.” (FAQ › Fees)"
    source = told["source"]
    assert (source["kind"], source["document"], source["start"], source["end"]) == ("document", "faq", 16, 25)


def test_rows_are_conversations_of_their_own_unless_a_column_says_otherwise() -> None:
    rows = [{"id": n, "question": "where is the moon"} for n in range(2)]
    assert [told["way"] for told in answered(rows)] == ["unsure", "unsure"]
    assert [told["way"] for told in answered([row | {"conversation": 7} for row in rows])] == ["unsure", "handover"]


def test_a_conversation_goes_on_in_the_next_batch() -> None:
    answerer = Answerer(answering(SAID), ("question", "id", "conversation"), 200)
    ways = [answerer([Row(n, {"question": "moon?", "conversation": "a"})])[0]["way"] for n in (1, 2)]
    assert ways == ["unsure", "handover"]


def test_a_question_that_breaks_the_engine_is_refused_in_its_place() -> None:
    before, told, after = answered([{"question": "freeze"}, {"id": 5, "question": "poison"}, {"question": "freeze"}])
    assert (told["id"], told["error"]["reason"]) == (5, "engine")
    assert before["intent"] == after["intent"] == "freeze_card"


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
