"""Exact match and F1 as SQuAD counts them (Rajpurkar et al. 2016), and how well "no answer" is told apart."""

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.data.questions import Question
from models.engines.reader import Reader
from models.metrics import auroc

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)
RESAMPLES = 1000
CHUNK = 64


class Read(NamedTuple):
    """What a reader said: the best span's text, and a number that grows with the chance that it answers."""

    text: str
    score: float


def normalize_answer(text: str) -> str:
    """Lower case, no punctuation, no articles, single blanks: SQuAD's normalization."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def exact_match(said: str, answers: Sequence[str]) -> float:
    return float(normalize_answer(said) in map(normalize_answer, answers))


def f1(said: str, answers: Sequence[str]) -> float:
    """The best overlap of words with one of the answers."""
    return max(_overlap(normalize_answer(said).split(), normalize_answer(answer).split()) for answer in answers)


def _overlap(said: Sequence[str], answer: Sequence[str]) -> float:
    if not said or not answer:
        return float(said == answer)
    same = sum((Counter(said) & Counter(answer)).values())
    return 2 * same / (len(said) + len(answer))


def report(questions: Sequence[Question], reads: Sequence[Read], threshold: float | None = None) -> dict[str, Any]:
    """EM and F1 over the answerable, in points of 1, with 95% bootstrap intervals, whether or not a span was withheld.

    With unanswerable questions also `no_answer_auroc`; with a `threshold` what answering only at that score or above
    does: `answered` and `answered_f1` of the answerable, `withheld` of the unanswerable.
    """
    asked = [(q.answer_texts, read) for q, read in zip(questions, reads, strict=True) if q.answers]
    exact, overlap = (np.array([of(read.text, answers) for answers, read in asked]) for of in (exact_match, f1))
    scores = np.array([read.score for read in reads])
    answerable = np.array([bool(q.answers) for q in questions])
    told: dict[str, Any] = {"n": len(asked), "unanswerable": int((~answerable).sum())}
    if asked:
        told |= {"f1": _rounded(overlap), "f1_interval": interval(overlap),
                 "em": _rounded(exact), "em_interval": interval(exact)}  # fmt: skip
    if asked and not answerable.all():
        told["no_answer_auroc"] = round(auroc(scores, answerable), 4)
    if threshold is not None and len(reads):
        answered = scores >= threshold
        told["answered"] = _rounded(answered[answerable])
        told["answered_f1"] = _rounded(overlap[answered[answerable]])
        told["withheld"] = _rounded(~answered[~answerable])
    return told


def reports(questions: Sequence[Question], reads: Sequence[Read], threshold: float | None = None) -> dict[str, Any]:
    """A report a set."""
    sets: dict[str, tuple[list[Question], list[Read]]] = {}
    for question, read in zip(questions, reads, strict=True):
        asked, said = sets.setdefault(question.source, ([], []))
        asked.append(question)
        said.append(read)
    return {name: report(asked, said, threshold) for name, (asked, said) in sets.items()}


def read_all(reader: Reader, questions: Sequence[Question]) -> list[Read]:
    """What the engine says about each question, by the margin of its best span."""
    reads = []
    for start in range(0, len(questions), CHUNK):
        part = questions[start : start + CHUNK]
        for told in reader.read_many([(question.text, [question.passage]) for question in part], n_best=1):
            best = told.answers[0] if told.answers else None
            reads.append(Read(best.text, best.margin) if best else Read("", float("-inf")))
    return reads


def measure(reader: Reader, questions: Sequence[Question]) -> dict[str, Any]:
    """A report a set, answering as the artifact's threshold has it."""
    return reports(questions, read_all(reader, questions), reader.least_margin)


def interval(values: npt.NDArray[Any], seed: int = 0) -> tuple[float, float]:
    """The 95% bootstrap interval of the mean over questions."""
    rng = np.random.default_rng(seed)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


def _rounded(values: npt.NDArray[Any]) -> float | None:
    return round(float(values.mean()), 4) if len(values) else None


def mean_f1(reports: Mapping[str, Mapping[str, Any]]) -> float:
    """One number to choose an epoch by: the mean over the sets."""
    return round(float(np.mean([told["f1"] for told in reports.values() if "f1" in told])), 5)
