"""Passages by words and by meaning: BM25 (tantivy) and, with an encoder, int8 vectors, fused by a weighted sum.

In memory. One writer at a time, any number of searches beside it: they see all of an `apply` soon after it ends, and
never a passage that is half there. docs/documents.md has what it takes, and what it finds.
"""

import re
import threading
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt
from tantivy import (
    Document,
    Filter,
    Index,
    Occur,
    Query,
    Schema,
    SchemaBuilder,
    TextAnalyzer,
    TextAnalyzerBuilder,
    Tokenizer,
)

from streams.chat.turns import Hit
from streams.chat.vectors import Vectors
from streams.records import Passage

CANDIDATES = 50  # of each way, to be fused
MEANING = 0.4  # of a fused score; docs/documents.md has the others tried
QUESTION_CHARS, QUESTION_WORDS = 2000, 64  # read of a question
WORD_CHARS = 60  # a longer one is none
WRITER_BYTES = 32 << 20
ENCODED_AT_ONCE = 64
TRIES = 3  # of a search that updates overtake

IDEOGRAPHS = re.compile(r"([぀-ヿ㐀-鿿가-힯])")
"""Are words of their own: these languages put no blanks between words."""

# what questions are made of beside what they are about; measured with and without, see docs/documents.md
STOP_WORDS = (
    "a about am an and are as at be been being but by can could did do does for from had has have having he her him "
    "his how i if in into is it its me my no not of on or our she should so some such that the their them then there "
    "these they this those to us was we were what when where which who whom whose why will with would you your"
)

Scores = Mapping[int, float]
Floats = npt.NDArray[np.float32]

_passage = msgspec.json.Decoder(Passage)


class Encoder(Protocol):
    """Texts -> vectors of length 1 (models/engines/encoder.py)."""

    dimensions: int

    def encode(self, texts: Sequence[str], *, query: bool = False) -> Floats: ...


class PassageIndex:
    """Finds passages, and takes in new ones while it does. Thread-safe.

    A passage is held compressed, under the number it was taken in by; a number is never given twice, so that a search
    that an update overtakes knows it, and looks again.
    """

    def __init__(self, encoder: Encoder | None = None) -> None:
        self._encoder = encoder
        self._analyzer = analyzer()
        self._index = Index(SCHEMA)
        self._index.register_tokenizer("words", self._analyzer)
        self._writer = self._index.writer(WRITER_BYTES, 1)
        self._searcher = self._index.searcher()
        self._vectors = Vectors(encoder.dimensions) if encoder else None
        self._held: dict[int, bytes] = {}
        self._numbers: dict[str, int] = {}
        self._next = 0
        self._writing = threading.Lock()

    def __len__(self) -> int:
        return len(self._numbers)

    def apply(self, upserts: Iterable[Passage], deletes: Iterable[str]) -> None:
        """Take in passages, in place of those of the same ids, and drop others by id; unknown ids are none.

        What comes last of an id in `upserts` holds. Many at once are far cheaper than one at a time.
        """
        with self._writing:
            latest = {passage.id: passage for passage in upserts}
            gone = [id for id in deletes if id in self._numbers and id not in latest]
            stale = [self._numbers[id] for id in (*gone, *latest) if id in self._numbers]
            self._take_in(list(latest.values()))
            for id in gone:
                self._writer.delete_documents_by_term("id", id)
                del self._numbers[id]
            self._writer.commit()
            self._index.reload()
            self._searcher = self._index.searcher()
            if self._vectors is not None:
                self._vectors.drop(stale)
            for number in stale:
                del self._held[number]

    def _take_in(self, passages: Sequence[Passage]) -> None:
        for start in range(0, len(passages), ENCODED_AT_ONCE):
            part = passages[start : start + ENCODED_AT_ONCE]
            texts = [text_of(passage) for passage in part]
            numbers = range(self._next, self._next + len(part))
            self._next += len(part)
            for number, passage, text in zip(numbers, part, texts, strict=True):
                self._held[number] = zlib.compress(msgspec.json.encode(passage), 1)
                if passage.id in self._numbers:
                    self._writer.delete_documents_by_term("id", passage.id)
                self._numbers[passage.id] = number
                document = Document(id=passage.id, text=apart(text))
                document.add_unsigned("number", number)
                self._writer.add_document(document)
            if self._encoder is not None and self._vectors is not None:
                self._vectors.add(numbers, self._encoder.encode(texts))

    def search(self, questions: Sequence[str], k: int) -> list[list[Hit]]:
        """For each question the k best passages, best first; fewer where no more share anything with it.

        A question is words, whatever signs stand between them: it is no query language.
        """
        asked = [question[:QUESTION_CHARS].encode(errors="replace").decode() for question in questions]
        vectors = self._encoder.encode(asked, query=True) if self._encoder and asked else None
        for _ in range(TRIES):
            ranked = self._ranked(asked, vectors, max(k, CANDIDATES))
            found = [[(self._held.get(number), score) for number, score in of_one] for of_one in ranked]
            if all(held for of_one in found for held, _ in of_one):
                break  # else an update went by, and what was found is not held any more
        return [hits(((held, score) for held, score in of_one if held), k) for of_one in found]

    def _ranked(self, asked: Sequence[str], vectors: Floats | None, count: int) -> list[list[tuple[int, float]]]:
        by_words = [self._by_words(question, count) for question in asked]
        if vectors is None or self._vectors is None:
            return [best_first(found) for found in by_words]
        by_meaning = self._vectors.nearest(vectors, count, by_words)
        return [best_first(fused(*both)) for both in zip(by_words, by_meaning, strict=True)]

    def _by_words(self, question: str, count: int) -> Scores:
        words = list(dict.fromkeys(self._analyzer.analyze(apart(question))))[:QUESTION_WORDS]
        if not words:
            return {}
        query = Query.boolean_query([(Occur.Should, Query.term_query(SCHEMA, "text", word, "freq")) for word in words])
        searcher = self._searcher
        hits = searcher.search(query, count, count=False).hits
        numbers = searcher.fast_field_values("number", [place for _, place in hits])
        return {
            int(number): float(score) for number, (score, _) in zip(numbers, hits, strict=True) if number is not None
        }


def hits(found: Iterable[tuple[bytes, float]], k: int) -> list[Hit]:
    """The first k passages; of one that was found in two versions the better."""
    taken: dict[str, Hit] = {}
    for held, score in found:
        if len(taken) == k:
            break
        passage = _passage.decode(zlib.decompress(held))
        taken.setdefault(passage.id, Hit(passage, score))
    return list(taken.values())


def text_of(passage: Passage) -> str:
    """What a passage is found by: its title, its headings, its text."""
    return "\n".join(dict.fromkeys((passage.title, *passage.heading, passage.text)))


def apart(text: str) -> str:
    """With blanks around each ideograph."""
    return IDEOGRAPHS.sub(r" \1 ", text)


def analyzer() -> TextAnalyzer:
    """Text -> words: lower case, accents and stop words off, English stems."""
    built = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(WORD_CHARS)).filter(Filter.lowercase())
    built = built.filter(Filter.ascii_fold()).filter(Filter.custom_stopword(STOP_WORDS.split()))
    return built.filter(Filter.stemmer("english")).build()


def schema() -> Schema:
    built = SchemaBuilder()
    built.add_text_field("id", tokenizer_name="raw", index_option="basic")
    built.add_text_field("text", tokenizer_name="words", index_option="freq")
    built.add_unsigned_field("number", fast=True)
    return built.build()


SCHEMA = schema()


def fused(by_words: Scores, by_meaning: Scores) -> Scores:
    """A weighted sum of BM25, as a share of its best, and the cosine (Bruch et al. 2022): found better than ranks."""
    most = max(by_words.values(), default=1.0)
    return {
        number: (1 - MEANING) * by_words.get(number, 0.0) / most + MEANING * by_meaning.get(number, 0.0)
        for number in {*by_words, *by_meaning}
    }


def best_first(scores: Scores) -> list[tuple[int, float]]:
    return sorted(scores.items(), key=lambda item: -item[1])
