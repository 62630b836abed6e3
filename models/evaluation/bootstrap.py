"""How far a figure would move with other texts of the same kind: the bootstrap (Efron 1979), resampling examples.

What is drawn is the example, with all its rows: the entities of one headline are right or wrong together, and counted
apart they would make the intervals too narrow. The same seed draws the same examples, so two models are compared on
the same resamples (paired).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.evaluation.evaluate import Scored
from models.metrics import Floats, Ints

RESAMPLES, SEED, LEVEL = 1000, 13, 0.95
MOST_CELLS = 4_000_000  # of one block of draws: 32 MB
METRICS = ("accuracy", "macro_f1")


class Difference(NamedTuple):
    """B minus A of one metric on the same examples; `p` is two-sided."""

    difference: float
    low: float
    high: float
    p: float

    def is_more_than_noise(self, comparisons: int = 1) -> bool:
        """At the 5% level, shared among the comparisons made (Bonferroni)."""
        return self.p < (1 - LEVEL) / comparisons


def resample(scored: Scored, labels: int, resamples: int = RESAMPLES, seed: int = SEED) -> dict[str, Floats]:
    """Metric -> its values [resamples]. Rows of unknown label have no say but are drawn: the draws stay those of the
    examples, whatever the model.
    """
    counts, occurring = tallies(scored, labels)
    parts = [figures((weights @ counts.reshape(len(counts), -1)).reshape(-1, 3, labels), occurring)
             for weights in draws(len(counts), resamples, seed)]  # fmt: skip
    return {metric: np.concatenate([part[metric] for part in parts]) for metric in METRICS}


def draws(count: int, resamples: int, seed: int) -> Iterator[npt.NDArray[np.float64]]:
    """How often each of `count` examples is drawn, in blocks [.., count]."""
    rng = np.random.default_rng(seed)
    block = max(1, MOST_CELLS // max(count, 1))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = rng.integers(0, count, (rows, count)) + np.arange(rows)[:, None] * count
        yield np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)


def tallies(scored: Scored, labels: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """[examples, (right, said, are), labels] counts, and which labels occur at all."""
    of = (
        np.arange(len(scored.labels)) if scored.examples is None else np.unique(scored.examples, return_inverse=True)[1]
    )
    examples = int(of.max(initial=-1)) + 1
    known = scored.labels >= 0
    predicted = scored.probabilities.argmax(-1)

    def count(label: Ints, rows: npt.NDArray[np.bool_]) -> Ints:
        return np.bincount((of * labels + label)[rows], minlength=examples * labels).reshape(examples, labels)

    right, said, are = (
        count(predicted, known & (predicted == scored.labels)),
        count(predicted, known),
        count(scored.labels, known),
    )
    return np.stack([right, said, are], 1).astype(np.float64), are.sum(0) > 0


def figures(sums: Floats, occurring: npt.NDArray[np.bool_]) -> dict[str, Floats]:
    """Accuracy and macro F1 of tallies [.., (right, said, are), labels]; a label that a resample missed is left out of
    its mean.
    """
    right, said, are = sums[..., 0, :], sums[..., 1, :], sums[..., 2, :]
    total = np.maximum(are.sum(-1), 1)
    f1 = 2 * right / np.maximum(said + are, 1)
    there = occurring & (are > 0)
    return {
        "accuracy": right.sum(-1) / total,
        "macro_f1": (f1 * there).sum(-1) / np.maximum(there.sum(-1), 1),
    }


def interval(values: Floats) -> tuple[float, float]:
    """Between these lies LEVEL of the resamples (percentiles)."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return round(float(low), 4), round(float(high), 4)


def share_interval(hits: npt.NDArray[np.bool_], resamples: int = RESAMPLES, seed: int = SEED) -> tuple[float, float]:
    """Of the share of hits."""
    shares = np.random.default_rng(seed).binomial(len(hits), hits.mean(), resamples) / len(
        hits
    )  # what resampling gives
    return interval(shares)


def differences(
    first: Scored, other: Scored, labels: int, resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, Difference]:
    """Metric -> other minus first, on the same resamples of the examples that both judged."""
    a, b = (resample(scored, labels, resamples, seed) for scored in (first, other))
    exact_a, exact_b = (
        figures(counts.sum(0), occurring) for counts, occurring in (tallies(first, labels), tallies(other, labels))
    )
    return {m: difference(float(exact_b[m] - exact_a[m]), b[m] - a[m]) for m in METRICS}


def difference(exact: float, resampled: Floats) -> Difference:
    """p: twice the smaller share of resamples on either side of zero, zero itself on both; never below 1 in all."""
    sides: Sequence[float] = [float((resampled <= 0).sum()), float((resampled >= 0).sum())]
    p = min(1.0, 2 * (min(sides) + 1) / (len(resampled) + 1))
    return Difference(round(exact, 4), *interval(resampled), round(p, 4))
