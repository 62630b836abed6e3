"""Intents out of few examples: a linear head on a trunk that stands still, judged on folds that it did not see.

What is none of the intents' is taught as "all alike" (outlier exposure, Hendrycks et al. 2019), as for the shipped
intents, so that the greatest probability tells known from unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.data.corpus import OUTLIER
from models.errors import InputError
from models.evaluation import evaluate
from models.export.classifier import short, write_artifact
from models.few_shot.trunk import Trunk
from models.metrics import Floats, Ints, confusion, softmax

HEAD = "intent"
STRENGTH = 0.1  # inverse of the penalty on weights; docs/experiments.md
OUTLIER_WEIGHT = 1.0
FOLDS = 5
MOST_ABSTAINED = 1.0  # a model that knows too little had better say nothing
ROUNDS = 300


@dataclass(frozen=True, slots=True)
class Shot:
    """A text with its label, an index or OUTLIER. One that is not `tested` is learned from in every fold."""

    text: str
    label: int
    weight: float = 1.0
    tested: bool = True


@dataclass(frozen=True, slots=True)
class Head:
    """Logits = vectors @ weight [dimensions, labels] + bias."""

    weight: Floats
    bias: Floats

    def logits(self, vectors: Floats) -> Floats:
        return np.asarray(vectors @ self.weight + self.bias)


@dataclass(frozen=True, slots=True)
class Learned:
    """`held_out`: evaluate.report over the folds; `abstention`: what the threshold does there; `confused`: (meant,
    said, how often), the most frequent first."""

    labels: tuple[str, ...]
    head: Head
    temperature: float
    threshold: float
    held_out: Mapping[str, Any]
    abstention: Mapping[str, Any]
    confused: Sequence[tuple[str, str, int]]


def learn(vectors: Floats, shots: Sequence[Shot], labels: tuple[str, ...]) -> Learned:
    """`vectors` [shots, dimensions] are those of a trunk. Raises InputError for fewer than two labels with texts."""
    if len({shot.label for shot in shots if shot.label != OUTLIER}) < 2:
        raise InputError(f"{len(labels)} intents with examples; a classifier wants 2 or more: approve more of them")
    of, weights = np.array([shot.label for shot in shots]), np.array([shot.weight for shot in shots])
    folds = folds_of(shots)
    logits, tested = np.zeros((len(shots), len(labels))), folds >= 0
    for fold in range(FOLDS):
        out = folds == fold
        if out.any():
            logits[out] = fit(vectors[~out], of[~out], weights[~out], len(labels)).logits(vectors[out])
    raw = evaluate.Scored(softmax(logits[tested]), of[tested])
    temperature = evaluate.fit_temperature(raw) if (raw.labels != OUTLIER).any() else 1.0
    scored = evaluate.Scored(softmax(logits[tested], temperature), raw.labels)
    threshold = evaluate.choose_threshold(scored, MOST_ABSTAINED)
    return Learned(
        labels, fit(vectors, of, weights, len(labels)), temperature, threshold, evaluate.report(scored, labels),
        evaluate.abstention(scored, threshold), confused(scored.known(), labels),
    )  # fmt: skip


def folds_of(shots: Sequence[Shot]) -> Ints:
    """Each tested shot's fold, those of a label in all folds alike; -1 for what is learned from always."""
    rng = np.random.default_rng(13)
    folds = np.full(len(shots), -1)
    for label in {shot.label for shot in shots}:
        own = np.array([n for n, shot in enumerate(shots) if shot.label == label and shot.tested], int)
        folds[rng.permutation(own)] = np.arange(len(own)) % FOLDS
    return folds


def fit(vectors: Floats, of: Ints, weights: Floats, labels: int) -> Head:
    """Logistic regression with a flat answer for outliers, by L-BFGS; scaled a dimension. Needs scipy."""
    from scipy.optimize import minimize

    mean, scale = vectors.mean(0), vectors.std(0) + 1e-6
    x = (vectors - mean) / scale
    targets = np.full((len(x), labels), 1 / labels)
    known = of != OUTLIER
    targets[known] = np.eye(labels)[of[known]]
    weighted = np.where(known, weights, weights * OUTLIER_WEIGHT)[:, None]

    def loss(flat: Floats) -> tuple[float, Floats]:
        weight, bias = flat[labels:].reshape(x.shape[1], labels), flat[:labels]
        logits = x @ weight + bias
        likely = logits - logits.max(1, keepdims=True)
        likely = likely - np.log(np.exp(likely).sum(1, keepdims=True))
        wrong = weighted * (np.exp(likely) - targets)
        value = -(weighted * targets * likely).sum() + (weight**2).sum() / (2 * STRENGTH)
        return float(value), np.concatenate([wrong.sum(0), (x.T @ wrong + weight / STRENGTH).ravel()])

    found = minimize(
        loss, np.zeros((x.shape[1] + 1) * labels), jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS}
    )
    weight = found.x[labels:].reshape(x.shape[1], labels) / scale[:, None]
    return Head(weight, found.x[:labels] - mean @ weight)


def confused(scored: evaluate.Scored, labels: tuple[str, ...]) -> list[tuple[str, str, int]]:
    counts: npt.NDArray[Any] = confusion(scored.probabilities.argmax(-1), scored.labels, len(labels))
    found = [(labels[a], labels[b], int(n)) for (a, b), n in np.ndenumerate(counts) if a != b and n]
    return sorted(found, key=lambda each: (-each[2], each))


def export(
    trunk: Trunk, learned: Learned, shots: Sequence[Shot], out: Path, *, name: str, version: str, commands: list[str]
) -> dict[str, Any]:
    """Write a classifier's artifact, like any other, and return its manifest."""
    config = {
        "format": 1, "task": "intents", **trunk.config,
        "heads": {HEAD: {"on": "text", "labels": list(learned.labels), "temperature": learned.temperature}},
        "abstain": {"threshold": learned.threshold, "score": "max_probability"},
    }  # fmt: skip
    outliers = sum(shot.label == OUTLIER for shot in shots)
    told = {f"held out.{HEAD}": dict(learned.held_out), "abstention": dict(learned.abstention)}
    manifest = {
        "name": name, "version": version, "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "base": dict(trunk.base),
        "data": [{"name": "approved examples", "license": "the team's own", "use": "train", "cite": "",
                  "rows": f"train {len(shots) - outliers}, and {outliers} that are none of these intents"}],
        "skipped": {},
        "quantization": {"scheme": trunk.scheme, "calibration_texts": 0, "faults": [], "forced": False, "losses": []},
        "recipe": {"commands": commands, "training": {"method": "head", "strength": STRENGTH, "folds": FOLDS},
                   "packages": {each: version_of(each) for each in ("numpy", "onnx", "onnxruntime", "scipy")}},
        "metrics": {"dev": short(told), "test": told},
    }  # fmt: skip
    model = trunk.with_head(HEAD, learned.head.weight, learned.head.bias)
    files = {"tokenizer.json": trunk.tokenizer, "model.onnx": model.SerializeToString()}
    write_artifact(out, config, files, manifest, readme=card(manifest, learned))
    return manifest


def card(manifest: Mapping[str, Any], learned: Learned) -> str:
    """README.md."""
    rows = [f"| {label} | {of['support']} | {of['f1']:.2f} |" for label, of in learned.held_out["labels"].items()]
    told = learned.abstention
    return "\n".join((
        f"# {manifest['name']} {manifest['version']}", "",
        f"{len(learned.labels)} intents: a linear head on {manifest['base']['name']}"
        f" ({manifest['base']['license']}), which stands still. By 'gretchen chat train'.", "",
        f"Learned from: {manifest['data'][0]['rows']}.", "",
        f"## Held out ({FOLDS} folds)", "",
        f"Accuracy {learned.held_out['accuracy']:.3f}, macro F1 {learned.held_out['macro_f1']:.3f}. Below a probability"
        f" of {learned.threshold:.2f} nobody should guess: that turns away {told['out_of_scope_recall']:.1%} of"
        f" {told['out_of_scope']} texts on other matters and {told['in_scope_abstained']:.1%} of the known questions.",
        "", "| intent | tested | F1 |", "|---|---|---|", *rows, "",
        "The threshold was chosen on these folds, so the figures flatter a little; of few examples they are rough.",
    )) + "\n"  # fmt: skip
