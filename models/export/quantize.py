"""Static int8: what range each activation has, and the gate that an int8 model must pass before it is written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnxruntime as ort

from models import graph
from models.engines.batches import Item, collate
from models.errors import GateRefused

METRIC_DROP = 0.005
RECALL_DROP = 0.02
FEWEST_TEXTS = 3
MOST_APART, OUTLIER_SIZE = 8, 1.25
APART = "up to 8 outlying channels of a product in float32"


def measure_ranges(
    weights: Mapping[str, graph.Floats],
    config: Mapping[str, Any],
    heads: Mapping[str, int],
    items: Iterable[Item],
    pair: bool = False,
) -> dict[str, graph.Range]:
    """`ranges_over` the items of a classifier, of pairs or not, one at a time: padding is not measured."""
    batches = (collate([item], 0, "mean") for item in items)
    feeds = (
        {"input_ids": b.input_ids, "lengths": b.lengths, "spans": b.spans}
        | ({"token_types": b.token_types} if pair else {})
        for b in batches
    )
    return ranges_over(feeds, graph.classifier(heads, pair=pair), weights, config)


def ranges_over(
    feeds: Iterable[Mapping[str, Any]],
    make: graph.Build,
    weights: Mapping[str, graph.Floats],
    config: Mapping[str, Any],
    *,
    apart: bool = False,
) -> dict[str, graph.Range]:
    """The least and greatest value at the input of each matmul over the feeds, which should hold no padding.

    Min-max, not percentiles: clipping the few large activations of a transformer costs more than coarse steps. Where
    those few lie in the same channels for every text (before the feed-forward's first matmul), their size is moved into
    the weights. `apart`: channels far larger than all others stay float32 (Dettmers et al. 2022, LLM.int8), so that
    they do not set the steps of the rest.
    """
    model, observed = graph.observed_of(make, weights, config)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = list(dict.fromkeys(observed.values()))
    low: dict[str, graph.Floats] = {}
    high: dict[str, graph.Floats] = {}
    for feed in feeds:
        for name, values in zip(names, session.run(names, feed), strict=True):
            channels = values.reshape(-1, values.shape[-1])
            low[name] = np.minimum(low.get(name, 0), channels.min(0))
            high[name] = np.maximum(high.get(name, 0), channels.max(0))
    return {
        matmul: range_of(matmul, low[name], high[name], weights, outliers(low[name], high[name]) if apart else ())
        for matmul, name in observed.items()
    }


def outliers(low: graph.Floats, high: graph.Floats) -> tuple[int, ...]:
    """The few channels that are by OUTLIER_SIZE larger than the largest of the others, at most MOST_APART."""
    sizes = np.maximum(-low, high)
    largest = np.argsort(-sizes)[: MOST_APART + 1]
    return tuple(sorted(int(n) for n in largest[:-1] if sizes[n] > OUTLIER_SIZE * sizes[largest[-1]]))


def range_of(
    matmul: str,
    low: graph.Floats,
    high: graph.Floats,
    weights: Mapping[str, graph.Floats],
    apart: tuple[int, ...] = (),
) -> graph.Range:
    """Of an input whose channels lie between `low` and `high`, float32 [channels] each; those `apart` are left out.

    Smoothing s = sqrt(|x| / |w|) a channel, of geometric mean 1 (Xiao et al. 2023, SmoothQuant, alpha 0.5).
    """
    layer, kind = matmul.split(".")
    if apart:
        low, high = low.copy(), high.copy()
        low[list(apart)] = high[list(apart)] = 0
    if kind != "up":
        return graph.Range(float(low.min()), float(high.max()), None, apart)
    least = np.float32(1e-5)
    size = np.maximum(np.maximum(-low, high), least)
    columns = np.maximum(np.abs(weights[f"encoder.encoder.layer.{layer}.intermediate.dense.weight"]).max(0), least)
    smoothing = np.sqrt(size / columns)
    smoothing = (smoothing / np.exp(np.log(smoothing).mean())).astype(np.float32)
    return graph.Range(float((low / smoothing).min()), float((high / smoothing).max()), smoothing, apart)


@dataclass(frozen=True, slots=True)
class Loss:
    """What one head lost by quantization: the deciding metric, and each label whose recall fell, in points of 1.

    Of an encoder the labels are the sets of questions.
    """

    head: str
    metric: str
    before: float
    after: float
    recall_drops: Mapping[str, float] = field(default_factory=dict)

    def faults(self) -> list[str]:
        found = []
        if self.before - self.after > METRIC_DROP + 1e-9:
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
        if fell(drop, scores["support"]):
            drops[label] = round(drop, 4)
    return Loss(head, metric, before[metric], after[metric], drops)


def fell(drop: float, texts: int) -> bool:
    return drop > RECALL_DROP and round(drop * texts) >= FEWEST_TEXTS


def check_gate(losses: Iterable[Loss], *, force: bool) -> list[str]:
    """The faults, if any and if forced (they go into the manifest); raises GateRefused otherwise."""
    faults = [fault for loss in losses for fault in loss.faults()]
    if faults and not force:
        raise GateRefused(
            f"int8 lost too much on dev: {'; '.join(faults)}; allowed are {METRIC_DROP} of the metric and {RECALL_DROP}"
            " of any label's recall; calibrate on more text, or write it nevertheless with --force"
        )
    return faults
