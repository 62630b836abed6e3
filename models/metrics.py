"""Precision, recall, F1 per label, calibration, abstention: plain numpy, from probabilities and labels."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from models.data import OUTLIER
from models.tasks import Head

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


def scores_of(heads: Mapping[str, Head], predictions: Mapping[str, tuple[Floats, Ints]]) -> dict[str, dict[str, float]]:
    """The short form for a log: accuracy and macro F1 a head; with outliers, how well they are told apart (AUROC)."""
    report = {}
    for name, (logits, labels) in predictions.items():
        known = labels != OUTLIER
        full = classification(logits[known].argmax(-1), labels[known], heads[name].labels)
        report[name] = {key: full[key] for key in ("n", "accuracy", "macro_f1")}
        if not known.all():
            report[name]["auroc"] = round(auroc(softmax(logits).max(-1), known), 4)
    return report


def dev_score(heads: Mapping[str, Head], report: Mapping[str, Mapping[str, float]]) -> float:
    """One number to choose an epoch by: the mean over the heads of the metric that each declares."""
    return round(float(np.mean([report[name][head.metric] for name, head in heads.items() if name in report])), 5)


def auroc(scores: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """The chance that a positive scores higher than a negative, ties half (Mann-Whitney)."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n, m = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m)) if n and m else 0.5
