"""Finding the passage that a question was written about among all of a set's: recall, and BM25's beside it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.engines.encoder import Encoder
from models.questions import Question, Questions, by_source
from models.reading import interval

DEPTH = 10
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Search = Callable[[Sequence[str], Sequence[str]], Ints]
"""Questions and passages -> the best passages' indices, best first, [questions, DEPTH or more]."""


def nearest(queries: Floats, passages: Floats, count: int = DEPTH) -> Ints:
    """The `count` passages of the greatest dot product, best first, int64 [queries, min(count, passages)]."""
    similar = queries @ passages.T
    count = min(count, similar.shape[1])
    best = np.argpartition(-similar, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(similar, best, 1), axis=1, kind="stable")
    return np.take_along_axis(best, order, 1).astype(np.int64)


def by_vectors(encoder: Encoder) -> Search:
    """What an encoder finds, every question against every passage."""

    def search(questions: Sequence[str], passages: Sequence[str]) -> Ints:
        return nearest(encoder.encode(questions, query=True), encoder.encode(passages))

    return search


def by_words(questions: Sequence[str], passages: Sequence[str]) -> Ints:
    """What BM25 finds."""
    from models.lexical import Lexical

    return Lexical(passages).search(questions, DEPTH)


def report(found: Ints, right: Ints) -> dict[str, Any]:
    """Recall at 1 and 10 with the first one's 95% bootstrap interval, and the mean reciprocal rank within 10."""
    hits = found[:, :DEPTH] == right[:, None]
    first = hits[:, 0]
    ranks = np.where(hits.any(1), hits.argmax(1) + 1, np.inf)
    return {
        "n": len(right),
        "recall@1": round(float(first.mean()), 4),
        "recall@1_interval": interval(first),
        "recall@10": round(float(hits.any(1).mean()), 4),
        "mrr@10": round(float((1 / ranks).mean()), 4),
    }


def measure(
    ways: Mapping[str, Search], asked: Sequence[Question], passages: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """A report of the answerable questions for each "SET.way", over all passages of their set."""
    told: dict[str, dict[str, Any]] = {}
    for name, of_set in by_source(question for question in asked if question.answers).items():
        among = passages[name]
        place = {passage: n for n, passage in enumerate(among)}
        right = np.array([place[question.passage] for question in of_set])
        for way, search in ways.items():
            found = search([question.text for question in of_set], among)
            told[f"{name}.{way}"] = {"passages": len(among)} | report(found, right)
    return told


def near_misses(questions: Questions, count: int) -> list[list[str]]:
    """For each answerable training question, by BM25 over its set's training passages, the `count` nearest that do not
    answer it: not its own, and without the answers' words. Fewer where there are no more.
    """
    from models.lexical import Lexical

    asked = [question for question in questions.examples["train"] if question.answers]
    found: dict[int, list[str]] = {}
    for of_set in by_source(asked).values():
        among = list(dict.fromkeys(question.passage for question in of_set))
        near = Lexical(among).search([question.text for question in of_set], count + DEPTH)
        for question, places in zip(of_set, near, strict=True):
            others = [among[n] for n in places if among[n] != question.passage]
            found[id(question)] = [
                passage for passage in others if not any(text in passage for text in question.answer_texts)
            ][:count]
    return [found[id(question)] for question in asked]
