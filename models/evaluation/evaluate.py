"""Measure an artifact as it is served: through its engine, text by text in and probabilities out, never the network.

The report a head: n, accuracy, macro F1, per label precision, recall, F1, support, and calibration error. Where the
task abstains: what the threshold does to known and unknown texts.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.data.corpus import OUTLIER, Example
from models.engines import Encoded, Engine, Prediction, Request
from models.errors import ArtifactError
from models.metrics import Floats, Ints, auroc, classification, reliability, softmax
from models.tasks.task import Head

CHUNK = 64
WRONG_ANSWER_PRICE = 3.0  # in hand-overs to a person


class Scored(NamedTuple):
    """Probabilities [n, labels] and labels [n] of one head over examples, in their order.

    `examples` [n] numbers the example that a row is of: entities of one text share a number. None: each row its own.
    """

    probabilities: Floats
    labels: Ints
    examples: Ints | None = None

    def known(self) -> "Scored":
        """Without the outliers."""
        kept = self.labels != OUTLIER
        of = None if self.examples is None else self.examples[kept]
        return Scored(self.probabilities[kept], self.labels[kept], of)


def score(engine: Engine, examples: Sequence[Example]) -> dict[str, Scored]:
    """Head -> what the engine said for every target of full weight. A head that the engine lacks is left out."""
    rows: dict[str, list[npt.NDArray[np.float32]]] = {}
    labels: dict[str, list[tuple[int, int]]] = {}
    for start in range(0, len(examples), CHUNK):
        part = examples[start : start + CHUNK]
        requests = [Request(e.text, tuple(t.span for t in e.targets if t.span), e.second) for e in part]
        for n, (example, prediction) in enumerate(zip(part, engine.infer(engine.encode(requests)), strict=True), start):
            k = -1
            for target in example.targets:
                k += target.span is not None
                if target.head not in prediction or (target.weight != 1.0 and target.label != OUTLIER):
                    continue
                said = prediction[target.head]
                rows.setdefault(target.head, []).append(said[k] if target.span else said)
                labels.setdefault(target.head, []).append((target.label, n))
    return {head: Scored(np.array(rows[head], np.float64), *np.array(labels[head]).T) for head in rows}


class Aligned:
    """An engine that says its labels in the order of the data's: an artifact of other make may have another."""

    def __init__(self, engine: Engine, heads: Mapping[str, Head]) -> None:
        self.labels = {head: heads[head].labels for head in engine.labels if head in heads}
        self.version, self.max_tokens, self.encode = engine.version, engine.max_tokens, engine.encode
        self._infer = engine.infer
        self._order = {head: [engine.labels[head].index(label) for label in own] for head, own in self.labels.items()}

    def infer(self, encoded: Sequence[Encoded]) -> list[Prediction]:
        return [{head: said[head][..., order] for head, order in self._order.items()} for said in self._infer(encoded)]


def aligned(engine: Engine, heads: Mapping[str, Head], whose: str) -> Aligned:
    """The engine's heads that the data has labels for. Raises ArtifactError where `whose` labels are others."""
    shared = engine.labels.keys() & heads.keys()
    if not shared:
        raise ArtifactError(
            f"{whose} has the heads {', '.join(engine.labels)}, the data has labels for {', '.join(heads)};"
            " give the --task or the --head that it is of"
        )
    for head in sorted(shared):
        own, wanted = engine.labels[head], heads[head].labels
        if differing := sorted(set(own) ^ set(wanted)):
            lacking = [label for label in wanted if label in differing]
            odd = [label for label in own if label in differing]
            raise ArtifactError(
                f"{whose}: head {head} has other labels: it lacks {listed(lacking)} and has {listed(odd)};"
                " give the --task that it is of, or import it again with --labels THEIRS=OURS"
            )
    return Aligned(engine, heads)


def listed(labels: Sequence[str]) -> str:
    return ", ".join(map(repr, labels[:5])) + (f" and {len(labels) - 5} more" if len(labels) > 5 else "") or "none"


def report(scored: Scored, names: tuple[str, ...]) -> dict[str, Any]:
    """The head's full report over the texts whose label is known."""
    probabilities, labels, _ = scored.known()
    full = classification(probabilities.argmax(-1), labels, names)
    full["ece"] = round(calibration_error(probabilities, labels), 4)
    return full


def calibration_error(probabilities: Floats, labels: Ints, bins: int = 15) -> float:
    """Expected calibration error: confidence against accuracy in equal bins of confidence (Guo et al. 2017)."""
    told = reliability(probabilities, labels, bins)
    return float(sum(abs(one["confidence"] - one["accuracy"]) * one["n"] for one in told) / max(len(labels), 1))


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
        "out_of_scope_recall": share(~answered[~known]),
        "in_scope_abstained": share(~answered[known]),
        "accuracy_without_abstaining": share(right[known]),
        "accuracy_of_answered": share(right[known & answered]),
        "right_and_answered": share((right & answered)[known]),
        "auroc": round(auroc(confidence, known), 4),
    }


def share(hits: npt.NDArray[np.bool_]) -> float:
    """0 of none."""
    return round(float(hits.mean()), 4) if len(hits) else 0.0


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
    """As of one list of examples: their numbers go on from part to part."""
    numbers: list[Ints] = []
    start = 0
    for part in parts:
        own = np.arange(len(part.labels)) if part.examples is None else part.examples
        numbers.append(own + start)
        start += int(own.max(initial=-1)) + 1
    return Scored(
        np.concatenate([p.probabilities for p in parts]),
        np.concatenate([p.labels for p in parts]),
        np.concatenate(numbers),
    )
