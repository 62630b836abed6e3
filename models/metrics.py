"""Precision, recall, F1, confusion, calibration, risk against coverage: plain numpy, from probabilities and labels."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from models.tasks.task import Head

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Rows of probabilities of logits [..., labels]."""
    scaled = np.asarray(logits, np.float64) / temperature
    exp = np.exp(scaled - scaled.max(-1, keepdims=True))
    return np.asarray(exp / exp.sum(-1, keepdims=True))


def classification(predicted: Ints, labels: Ints, names: tuple[str, ...]) -> dict[str, Any]:
    """Accuracy, macro F1 (over the labels that occur) and per label precision, recall, F1, support."""
    per_label = {}
    for n, name in enumerate(names):
        hit = int(((predicted == n) & (labels == n)).sum())
        said, are = int((predicted == n).sum()), int((labels == n).sum())
        per_label[name] = {
            "precision": round(hit / said, 4) if said else 0.0,
            "recall": round(hit / are, 4) if are else 0.0,
            "f1": round(2 * hit / (said + are), 4) if said + are else 0.0,
            "support": are,
        }
    f1 = [scores["f1"] for scores in per_label.values() if scores["support"]]
    return {
        "n": len(labels),
        "accuracy": round(float((predicted == labels).mean()), 4) if len(labels) else 0.0,
        "macro_f1": round(float(np.mean(f1)), 4) if f1 else 0.0,
        "labels": per_label,
    }


def averages(full: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of a `classification`: micro, macro (over the labels that occur), weighted by support.

    One label a text: the micro three are all the accuracy.
    """
    rows = [scores for scores in full["labels"].values() if scores["support"]]
    kinds = ("precision", "recall", "f1")
    table = np.array([[scores[kind] for kind in kinds] for scores in rows]).reshape(-1, 3)
    support = np.array([scores["support"] for scores in rows], float)
    macro = table.mean(0) if rows else np.zeros(3)
    weighted = support @ table / support.sum() if rows else np.zeros(3)
    told = {"micro": np.full(3, full["accuracy"]), "macro": macro, "weighted": weighted}
    return {name: {k: round(float(v), 4) for k, v in zip(kinds, three, strict=True)} for name, three in told.items()}


def confusion(predicted: Ints, labels: Ints, count: int) -> Ints:
    """Texts of true label (row) by predicted label (column), int [count, count]."""
    return np.bincount(labels * count + predicted, minlength=count * count).reshape(count, count)


def reliability(probabilities: Floats, labels: Ints, bins: int = 15) -> list[dict[str, float]]:
    """Mean confidence, accuracy and count a bin of confidence, the empty left out: equal bins (Guo et al. 2017)."""
    confidence, right = probabilities.max(-1), probabilities.argmax(-1) == labels
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        {
            "confidence": float(confidence[inside].mean()),
            "accuracy": float(right[inside].mean()),
            "n": int(inside.sum()),
        }
        for inside in (bin_of == n for n in range(bins))
        if inside.any()
    ]


def risk_coverage(probabilities: Floats, labels: Ints) -> tuple[Floats, Floats]:
    """Coverage 1/n .. 1 and, of as many texts, those answered with the greatest confidence, the share answered wrong.

    Equal confidences are answered together (each gets the mean risk of its group), so the order given is no matter.
    """
    confidence, wrong = probabilities.max(-1), (probabilities.argmax(-1) != labels).astype(float)
    _, group = np.unique(-confidence, return_inverse=True)
    shared = np.bincount(group, wrong) / np.bincount(group)
    counts = np.arange(1, len(labels) + 1)
    return counts / max(len(labels), 1), np.cumsum(shared[np.sort(group)]) / counts


def scores_of(
    heads: "Mapping[str, Head]", predictions: Mapping[str, tuple[Floats, Ints]]
) -> dict[str, dict[str, float]]:
    """The short form for a log: accuracy and macro F1 a head; with outliers, how well they are told apart (AUROC)."""
    from models.data.corpus import OUTLIER  # serving wants `softmax` of here, and reads no data

    report = {}
    for name, (logits, labels) in predictions.items():
        known = labels != OUTLIER
        full = classification(logits[known].argmax(-1), labels[known], heads[name].labels)
        report[name] = {key: full[key] for key in ("n", "accuracy", "macro_f1")}
        if not known.all():
            report[name]["auroc"] = round(auroc(softmax(logits).max(-1), known), 4)
    return report


def dev_score(heads: "Mapping[str, Head]", report: Mapping[str, Mapping[str, float]]) -> float:
    """One number to choose an epoch by: the mean over the heads of the metric that each declares."""
    return round(float(np.mean([report[name][head.metric] for name, head in heads.items() if name in report])), 5)


def auroc(scores: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """The chance that a positive scores higher than a negative, ties half (Mann-Whitney)."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n, m = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m)) if n and m else 0.5
