"""What the topic holds is known by document, and only what differs is sent."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import msgspec

from streams.chat.passages import passages_of
from streams.documents.catalog import Catalog
from streams.records import Passage

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def cut(document: str, *sections: str) -> list[Passage]:
    text = "\n".join(f"# {n}\n{section}" for n, section in enumerate(sections))
    return passages_of(document, "Title", text, "md", NOON)


def record(id: str, passage: Passage | None) -> Any:
    return SimpleNamespace(key=id.encode(), value=msgspec.json.encode(passage) if passage else None)


def holding(passages: Sequence[Passage]) -> Catalog:
    catalog = Catalog()
    catalog.take([record(passage.id, passage) for passage in passages])
    return catalog


def test_a_new_document_is_sent_whole_and_once() -> None:
    passages = cut("a", "One.", "Two.")
    plan = Catalog().plan(passages)
    assert (plan.passages, plan.gone, plan.new) == (passages, [], True)
    assert holding(passages).plan(passages).unchanged


def test_a_changed_document_takes_away_what_it_no_longer_has() -> None:
    plan = holding(cut("a", "One.", "Two.", "Three.")).plan(cut("a", "One.", "Other."))
    assert [passage.id for passage in plan.passages] == ["a#0", "a#1"]
    assert plan.gone == ["a#2"]
    assert not plan.new


def test_a_document_that_is_there_in_part_only_is_sent_again() -> None:
    passages = cut("a", "One.", "Two.")
    assert holding(passages[:1]).plan(passages).passages == passages


def test_a_document_is_gone_with_its_last_passage() -> None:
    catalog = holding([*cut("a", "One.", "Two."), *cut("b", "Three.")])
    assert {id: len(each.passages) for id, each in catalog.documents.items()} == {"a": 2, "b": 1}
    catalog.take([record("a#0", None), record("b#0", None), record("unknown#1", None)])
    assert list(catalog.documents) == ["a"]


def test_what_is_no_passage_is_passed_over() -> None:
    catalog = holding(cut("a", "One."))
    catalog.take([SimpleNamespace(key=b"a#0", value=b"{}"), SimpleNamespace(key=b"x#0", value=b"\xff")])
    catalog.take([record("another#0", cut("a", "One.")[0]), SimpleNamespace(key=None, value=None)])
    assert list(catalog.documents) == ["a"]
