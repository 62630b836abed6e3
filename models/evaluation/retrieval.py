"""Finding the passage that a question was written about among all of a set's: recall, BM25's beside it, and both's."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.data.questions import Question, Questions, by_source
from models.engines.encoder import Encoder
from models.evaluation.reading import interval

DEPTH = 10
CANDIDATES = 50  # of each way, to be fused
FUSION_RANKS = 60  # Cormack et al. 2009
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Search = Callable[[Sequence[str], Sequence[str]], Ints]
"""Questions and passages -> the best passages' indices, best first, [questions, CANDIDATES or all]."""


def nearest(queries: Floats, passages: Floats, count: int = CANDIDATES) -> Ints:
    """The `count` passages of the greatest dot product, best first, int64 [queries, min(count, passages)]."""
    return best_of(queries @ passages.T, count)


def best_of(scores: Floats, count: int) -> Ints:
    """The columns of the `count` greatest scores of each row, greatest first."""
    count = min(count, scores.shape[1])
    best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
    return np.take_along_axis(best, order, 1).astype(np.int64)


def by_vectors(encoder: Encoder) -> Search:
    """What an encoder finds, every question against every passage."""

    def search(questions: Sequence[str], passages: Sequence[str]) -> Ints:
        return nearest(encoder.encode(questions, query=True), encoder.encode(passages))

    return search


def by_words(questions: Sequence[str], passages: Sequence[str]) -> Ints:
    """What BM25 finds."""
    from models.data.lexical import Lexical

    return Lexical(passages).search(questions, CANDIDATES)


def fused(first: Ints, second: Ints, passages: int) -> Ints:
    """Two ways' finds as one: reciprocal rank fusion (Cormack et al. 2009), which has nothing to tune."""
    scores = np.zeros((len(first), passages), np.float32)
    rows = np.arange(len(first))[:, None]
    for places in (first, second):
        scores[rows, places] += 1 / (FUSION_RANKS + 1 + np.arange(places.shape[1]))
    return best_of(scores, CANDIDATES)


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
    """A report of the answerable questions for each "SET.way", over all passages of their set; of two ways "SET.both"
    too.
    """
    told: dict[str, dict[str, Any]] = {}
    for name, of_set in by_source(question for question in asked if question.answers).items():
        among = passages[name]
        place = {passage: n for n, passage in enumerate(among)}
        right = np.array([place[question.passage] for question in of_set])
        texts = [question.text for question in of_set]
        found = {way: search(texts, among) for way, search in ways.items()}
        if len(found) == 2:
            first, second = found.values()
            found["both"] = fused(first, second, len(among))
        for way, places in found.items():
            told[f"{name}.{way}"] = {"passages": len(among)} | report(places, right)
    return told


def near_misses(questions: Questions, count: int) -> list[list[str]]:
    """For each answerable training question, by BM25 over its set's training passages, the `count` nearest that do not
    answer it: not its own, and without the answers' words. Fewer where there are no more.
    """
    from models.data.lexical import Lexical

    asked = [question for question in questions.examples["train"] if question.answers]
    found: dict[int, list[str]] = {}
    for of_set in by_source(asked).values():
        among = list(dict.fromkeys(question.passage for question in of_set))
        near = Lexical(among).hits([question.text for question in of_set], count + DEPTH)
        for question, places in zip(of_set, near, strict=True):
            others = [among[n] for n in places if among[n] != question.passage]
            found[id(question)] = [
                passage for passage in others if not any(text in passage for text in question.answer_texts)
            ][:count]
    return [found[id(question)] for question in asked]
