"""Measure an artifact as it is served: through its engine, text by text in and probabilities out, never the network.

The report a head: n, accuracy, macro F1, per label precision, recall, F1, support, and calibration error. Where the
task abstains: what the threshold does to known and unknown texts.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.data import OUTLIER, Example
from models.engines import Engine, Request
from models.metrics import Floats, Ints, auroc, classification, softmax

CHUNK = 64
WRONG_ANSWER_PRICE = 3.0  # in hand-overs to a person


class Scored(NamedTuple):
    """Probabilities [n, labels] and labels [n] of one head over examples, in their order."""

    probabilities: Floats
    labels: Ints


def score(engine: Engine, examples: Sequence[Example]) -> dict[str, Scored]:
    """Head -> what the engine said for every target of full weight. An unscored span (past the cut) is left out."""
    rows: dict[str, list[npt.NDArray[np.float32]]] = {}
    labels: dict[str, list[int]] = {}
    for start in range(0, len(examples), CHUNK):
        part = examples[start : start + CHUNK]
        requests = [Request(e.text, tuple(t.span for t in e.targets if t.span)) for e in part]
        for example, prediction in zip(part, engine.infer(engine.encode(requests)), strict=True):
            k = -1
            for target in example.targets:
                k += target.span is not None
                if target.weight != 1.0 and target.label != OUTLIER:
                    continue
                said = prediction[target.head]
                rows.setdefault(target.head, []).append(said[k] if target.span else said)
                labels.setdefault(target.head, []).append(target.label)
    return {head: Scored(np.array(rows[head], np.float64), np.array(labels[head])) for head in rows}


def report(scored: Scored, names: tuple[str, ...]) -> dict[str, Any]:
    """The head's full report over the texts whose label is known."""
    known = scored.labels != OUTLIER
    probabilities, labels = scored.probabilities[known], scored.labels[known]
    full = classification(probabilities.argmax(-1), labels, names)
    full["ece"] = round(calibration_error(probabilities, labels), 4)
    return full


def calibration_error(probabilities: Floats, labels: Ints, bins: int = 15) -> float:
    """Expected calibration error: confidence against accuracy in equal bins of confidence (Guo et al. 2017)."""
    confidence, right = probabilities.max(-1), probabilities.argmax(-1) == labels
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[bin_of == n].mean() - right[bin_of == n].mean()) * (bin_of == n).mean()
        for n in range(bins)
        if (bin_of == n).any()
    ]
    return float(np.sum(gaps))


def fit_temperature(scored: Scored) -> float:
    """The temperature under which the known labels are likeliest; probabilities must be those of temperature 1."""
    known = scored.labels != OUTLIER
    logits = np.log(np.maximum(scored.probabilities[known], 1e-30))
    labels = scored.labels[known]

    def loss(temperature: float) -> float:
        return float(-np.log(softmax(logits, temperature)[np.arange(len(labels)), labels] + 1e-30).mean())

    grid = np.exp(np.linspace(np.log(0.3), np.log(4.0), 400))
    return round(float(min(grid, key=loss)), 3)


def choose_threshold(scored: Scored, most_abstained: float = 0.03, price: float = WRONG_ANSWER_PRICE) -> float:
    """The greatest-probability threshold that costs least, a wrong answer costing as much as `price` hand-overs (Chow
    1970), among those that turn away at most this share of the known. To answer an unknown text is a wrong answer.
    """
    costs: dict[float, float] = {}
    for threshold in np.round(np.arange(0.02, 1.0, 0.01), 2):
        told = abstention(scored, float(threshold))
        if told["in_scope_abstained"] <= most_abstained:
            wrong = 1 - told["in_scope_abstained"] - told["right_and_answered"] + 1 - told["out_of_scope_recall"]
            costs[float(threshold)] = price * wrong + told["in_scope_abstained"]
    return min(costs, key=lambda threshold: (round(costs[threshold], 6), threshold), default=0.0)


def abstention(scored: Scored, threshold: float) -> dict[str, Any]:
    """What answering only at or above the threshold does to texts of known and of unknown intent."""
    known = scored.labels != OUTLIER
    confidence = scored.probabilities.max(-1)
    answered = confidence >= threshold
    right = scored.probabilities.argmax(-1) == scored.labels
    return {
        "threshold": threshold,
        "in_scope": int(known.sum()),
        "out_of_scope": int((~known).sum()),
        "out_of_scope_recall": round(float((~answered[~known]).mean()), 4),
        "in_scope_abstained": round(float((~answered[known]).mean()), 4),
        "accuracy_without_abstaining": round(float(right[known].mean()), 4),
        "accuracy_of_answered": round(float(right[known & answered].mean()), 4) if (known & answered).any() else 0.0,
        "right_and_answered": round(float((right & answered)[known].mean()), 4),
        "auroc": round(auroc(confidence, known), 4),
    }


def measure(
    engine: Engine, examples: Mapping[str, Iterable[Example]], threshold: float | None = None
) -> dict[str, dict[str, Any]]:
    """A report for each "SET.head"; with a threshold also "abstention", over all sets, where some are outliers."""
    reports: dict[str, dict[str, Any]] = {}
    parts: dict[str, list[Scored]] = {}
    for name, of_set in examples.items():
        for head, scored in score(engine, list(of_set)).items():
            parts.setdefault(head, []).append(scored)
            if (scored.labels != OUTLIER).any():
                reports[f"{name}.{head}"] = report(scored, engine.labels[head])
    for scored in (joined(part) for part in parts.values()):
        if threshold is not None and (scored.labels == OUTLIER).any():
            reports["abstention"] = abstention(scored, threshold)
    return reports


def by_source(examples: list[Example]) -> dict[str, list[Example]]:
    sets: dict[str, list[Example]] = {}
    for example in examples:
        sets.setdefault(example.source, []).append(example)
    return sets


def joined(parts: Sequence[Scored]) -> Scored:
    return Scored(np.concatenate([p.probabilities for p in parts]), np.concatenate([p.labels for p in parts]))
