"""What the index finds, while it changes too: the newest passages, by words and by meaning, whatever was typed."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pytest

from streams.chat.index import PassageIndex, text_of
from streams.chat.vectors import LEAST_ROWS, Vectors
from streams.records import Passage

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
SHELF = {
    "returns#0": "You can send a product back within thirty days of buying it.",
    "returns#1": "Money for returned goods arrives within five working days.",
    "shops#0": "Our shops are open from nine to five, on Sundays from noon.",
    "café#0": "The café serves Überraschungseier and 寿司は美味しいです every day.",
}


class Colors:
    """An encoder of four meanings, each a handful of words."""

    dimensions = 4
    WORDS = (("back", "refund", "return"), ("money", "cash"), ("open", "hours", "closed"), ("café", "food"))

    def encode(self, texts: Sequence[str], *, query: bool = False) -> npt.NDArray[np.float32]:
        rows = np.array([[sum(w in text.lower() for w in words) for words in self.WORDS] for text in texts], np.float32)
        rows += 1e-3
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def passage(id: str, text: str, heading: Sequence[str] = (), title: str = "") -> Passage:
    document, _, n = id.partition("#")
    return Passage(id=id, document=document, title=title or document, n=int(n), passages=9, heading=list(heading),
                   text=text, start=0, end=len(text), digest="", added_at=NOON)  # fmt: skip


def filled(encoder: Colors | None = None) -> PassageIndex:
    index = PassageIndex(encoder)
    index.apply([passage(id, text) for id, text in SHELF.items()], [])
    return index


def ids(index: PassageIndex, question: str, k: int = 3) -> list[str]:
    return [hit.passage.id for hit in index.search([question], k)[0]]


def test_words_find_a_passage_whatever_their_form_case_and_accents() -> None:
    index = filled()
    assert len(index) == len(SHELF)
    assert ids(index, "SENDING products back?")[0] == "returns#0"
    assert ids(index, "when will my money arrive")[0] == "returns#1"
    assert ids(index, "cafe uberraschungseier") == ["café#0"]
    assert ids(index, "寿司") == ["café#0"]


def test_a_passage_comes_back_as_it_went_in() -> None:
    given = passage("a#0", "Ünïcode “text”.", ["One", "Two"], "Title")
    index = PassageIndex()
    index.apply([given], [])
    assert index.search(["unicode"], 1)[0][0].passage == given


def test_titles_and_headings_are_found_too() -> None:
    index = PassageIndex()
    index.apply([passage("a#0", "Three euros a month.", ["Cards", "Fees"], "Price list"), passage("b#0", "Else.")], [])
    assert ids(index, "fee") == ids(index, "price") == ["a#0"]
    assert text_of(passage("a#0", "Text.", ["Title", "Sub"], "Title")) == "Title\nSub\nText."


@pytest.mark.parametrize(
    "question",
    ["", "   ", "what is it", "😀😀", "qwxyz", "\0", "the " * 50_000, "\ud800"],
    ids=["empty", "blank", "stop words", "emoji", "unknown", "zero", "long", "surrogate"],
)
def test_a_question_that_shares_nothing_finds_nothing(question: str) -> None:
    assert ids(filled(), question) == []


@pytest.mark.parametrize(
    "question",
    [
        'shops" OR id:returns',
        "id:returns#0 shops",
        "shops AND (",
        "+shops -shops",
        "sho* shops~2 [a TO z]",
        "/shops/",
        "shops^99",
    ],
)
def test_signs_in_a_question_are_no_query_language(question: str) -> None:
    assert "shops#0" in ids(filled(), question)


def test_a_question_of_a_megabyte_is_read_as_far_as_it_is_a_question() -> None:
    assert ids(filled(), "shops " + "lorem ipsum " * 100_000) == ["shops#0"]


def test_updates_and_deletions_are_found_at_once() -> None:
    for encoder in (None, Colors()):
        index = filled(encoder)
        index.apply([passage("shops#0", "Closed for good.")], ["returns#0", "unknown#7"])
        assert len(index) == len(SHELF) - 1
        assert "returns#0" not in ids(index, "send a product back", 10)
        assert "shops#0" not in ids(index, "noon sundays", 10) or encoder
        assert index.search(["closed"], 1)[0][0].passage.text == "Closed for good."
        index.apply([], list(SHELF))
        assert len(index) == 0
        assert ids(index, "closed money back café", 10) == []


def test_the_last_of_an_id_holds_and_an_update_beats_a_deletion() -> None:
    index = PassageIndex()
    index.apply([passage("a#0", "first"), passage("a#0", "second")], ["a#0"])
    assert ids(index, "first") == []
    assert ids(index, "second") == ["a#0"]
    assert len(index) == 1


def test_meaning_finds_what_shares_no_word() -> None:
    assert ids(filled(), "refund") == []
    assert ids(filled(Colors()), "refund")[0] == "returns#0"
    assert ids(filled(Colors()), "hours", 1) == ["shops#0"]


def test_words_still_count_beside_meaning() -> None:
    index = PassageIndex(Colors())
    index.apply([passage("a#0", "A refund of type A17."), passage("a#1", "A refund of type B42.")], [])
    assert ids(index, "refund b42", 1) == ["a#1"]


def test_each_question_gets_its_own_hits_at_most_k_best_first() -> None:
    for encoder in (None, Colors()):
        index = filled(encoder)
        money, shops = index.search(["money back days", "open shops"], 2)
        assert {hit.passage.document for hit in money} == {"returns"}
        assert shops[0].passage.id == "shops#0"
        assert [hit.score for hit in money] == sorted((hit.score for hit in money), reverse=True)
        assert index.search([], 3) == []


def test_searches_beside_updates_see_the_old_passage_or_the_new_one() -> None:
    index = PassageIndex(Colors())
    index.apply([passage(f"a#{n}", "open version 0") for n in range(50)], [])
    stop, wrong = threading.Event(), list[object]()

    def search() -> None:
        while not stop.is_set():
            try:
                hits = index.search(["open version"], 60)[0]
            except Exception as error:  # noqa: BLE001 - whatever it is, it shall not be
                wrong.append(error)
                return
            found = [hit.passage.id for hit in hits]
            if len(found) != len(set(found)) or not found:
                wrong.append(found)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for version in range(1, 25):
        index.apply([passage(f"a#{n}", f"open version {version}") for n in range(50)], [])
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert {hit.passage.text for hit in index.search(["open version"], 60)[0]} == {"open version 24"}


def test_vectors_keep_their_cosines_through_growth_and_drops() -> None:
    random = np.random.default_rng(3)
    rows = random.standard_normal((3 * LEAST_ROWS, 16), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    vectors = Vectors(16)
    for start in range(0, len(rows), 100):
        vectors.add(range(start, min(start + 100, len(rows))), rows[start : start + 100])
    gone = [n for n in range(len(rows)) if n % 5]
    vectors.drop(gone)
    left = sorted(set(range(len(rows))) - set(gone))
    assert len(vectors) == len(left)
    cosines = rows[left] @ rows[10]
    (found,) = vectors.nearest(rows[10:11], 20, [[left[0], gone[0]]])
    expected = {left[n] for n in np.argsort(-cosines)[:20]} | {left[0]}
    assert len(expected - found.keys()) <= 1  # int8 may swap the last two
    assert not found.keys() & set(gone)
    assert all(abs(found[n] - float(rows[n] @ rows[10])) < 0.01 for n in found)
