"""Static int8: what range each activation has, and the gate that an int8 model must pass before it is written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort

from models import graph
from models.batches import Item, collate
from models.errors import GateRefused

METRIC_DROP = 0.005
RECALL_DROP = 0.02
FEWEST_TEXTS = 3


def measure_ranges(
    weights: Mapping[str, graph.Floats], config: Mapping[str, Any], heads: Mapping[str, int], items: Iterable[Item]
) -> dict[str, tuple[float, float]]:
    """The least and greatest value at the input of each matmul over the items, one at a time: padding is not measured.

    Min-max, not percentiles: clipping the few large activations of a transformer costs more than coarse steps.
    """
    model, observed = graph.build_observed(weights, config, heads)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = list(dict.fromkeys(observed.values()))
    low = dict.fromkeys(names, 0.0)
    high = dict.fromkeys(names, 0.0)
    for item in items:
        batch = collate([item], 0, "mean")
        feed = {"input_ids": batch.input_ids, "lengths": batch.lengths, "spans": batch.spans}
        for name, values in zip(names, session.run(names, feed), strict=True):
            low[name] = min(low[name], float(np.min(values)))
            high[name] = max(high[name], float(np.max(values)))
    return {matmul: (low[name], high[name]) for matmul, name in observed.items()}


@dataclass(frozen=True, slots=True)
class Loss:
    """What one head lost by quantization: the deciding metric, and each label whose recall fell, in points of 1."""

    head: str
    metric: str
    before: float
    after: float
    recall_drops: Mapping[str, float]

    def faults(self) -> list[str]:
        found = []
        if self.before - self.after > METRIC_DROP:
            found.append(f"{self.head} {self.metric} {self.before:.4f} -> {self.after:.4f}")
        return found + [f"{self.head} recall of {label!r} -{drop:.3f}" for label, drop in self.recall_drops.items()]


def compare(head: str, metric: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Loss:
    """The loss between two reports on the same texts.

    A label's recall has fallen if it is down by more than 2 points and by 3 or more texts: of a label with 10 texts
    one flipped text alone is 10 points, and as many flip to the good.
    """
    drops = {}
    for label, scores in before["labels"].items():
        drop = scores["recall"] - after["labels"][label]["recall"]
        if drop > RECALL_DROP and round(drop * scores["support"]) >= FEWEST_TEXTS:
            drops[label] = round(drop, 4)
    return Loss(head, metric, before[metric], after[metric], drops)


def check_gate(losses: Iterable[Loss], *, force: bool) -> list[str]:
    """The faults, if any and if forced (they go into the manifest); raises GateRefused otherwise."""
    faults = [fault for loss in losses for fault in loss.faults()]
    if faults and not force:
        raise GateRefused(
            f"int8 lost too much on dev: {'; '.join(faults)}; allowed are {METRIC_DROP} of the metric and {RECALL_DROP}"
            " of any label's recall; calibrate on more text, or write it nevertheless with --force"
        )
    return faults
