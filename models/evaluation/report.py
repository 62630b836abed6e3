"""The full report of an artifact as it is served: figures with intervals, calibration, confusion, risk, speed, size.

    sets         "SET.head" -> figures of the texts whose label is known: classified()
    abstention   head -> what the threshold does to known and unknown texts, all sets together: abstained()
    speed, size  of this artifact, on this machine

Dev serves one thing only: the temperature that would fit, beside the one that is served.
"""

import platform
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.artifact import Config
from models.cores import cores
from models.data.corpus import OUTLIER, Example
from models.engines import Engine, Request
from models.evaluation.bootstrap import LEVEL, RESAMPLES, SEED, interval, resample, share_interval
from models.evaluation.evaluate import CHUNK, Scored, abstention, fit_temperature, joined, report, score
from models.metrics import auroc, averages, confusion, reliability, risk_coverage

CURVE_POINTS = 100
SPEED_TEXTS, ALONE_TEXTS = 2000, 200
Sets = Mapping[str, Sequence[Example]]


def full_report(
    engine: Engine, config: Config, sets: Sets, dev: Sets, *, resamples: int = RESAMPLES,
    clock: Callable[[], float] = time.perf_counter, say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:  # fmt: skip
    """Everything but where the artifact lies and how large it is. `dev` may be empty; heads the engine lacks are left
    out, and `left_out` names them.
    """
    tuned = scores(engine, dev, say)
    told: dict[str, Any] = {}
    parts: dict[str, list[Scored]] = {}
    for name, by_head in scored_sets(engine, sets, say).items():
        for head, scored in by_head.items():
            parts.setdefault(head, []).append(scored)
            if (scored.labels != OUTLIER).any():
                served = config.heads[head].temperature
                told[f"{name}.{head}"] = classified(scored, engine.labels[head], served, tuned.get(head), resamples)
    threshold = config.abstain.threshold if config.abstain else None
    unknown = {head: whole for head, whole in ((h, joined(p)) for h, p in parts.items()) if OUTLIER in whole.labels}
    examples = [example for of_set in sets.values() for example in of_set]
    return {
        "sets": told,
        "abstention": {head: abstained(scored, threshold, resamples) for head, scored in unknown.items()},
        "left_out": sorted(heads_of(sets) - set(engine.labels)),
        "bootstrap": {"resamples": resamples, "seed": SEED, "level": LEVEL, "drawn": "examples"},
        "speed": speed(engine, examples, clock),
    }  # fmt: skip


def heads_of(sets: Sets) -> set[str]:
    return {target.head for examples in sets.values() for example in examples for target in example.targets}


def scored_sets(engine: Engine, sets: Sets, say: Callable[[str], None]) -> dict[str, dict[str, Scored]]:
    found = {}
    for name, examples in sets.items():
        say(f"scoring {len(examples)} texts of {name}")
        found[name] = score(engine, examples)
    return found


def scores(engine: Engine, sets: Sets, say: Callable[[str], None]) -> dict[str, Scored]:
    """Head -> its scores over all sets."""
    parts: dict[str, list[Scored]] = {}
    for by_head in scored_sets(engine, sets, say).values():
        for head, scored in by_head.items():
            parts.setdefault(head, []).append(scored)
    return {head: joined(part) for head, part in parts.items()}


def classified(
    scored: Scored, labels: tuple[str, ...], temperature: float, dev: Scored | None, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """One head on one set. `temperature.fits` is None where there is no dev to fit it on."""
    known = scored.known()
    predicted = known.probabilities.argmax(-1)
    told = report(known, labels)
    resampled = resample(known, len(labels), resamples)
    coverage, risk = risk_coverage(known.probabilities, known.labels)
    points = np.unique(np.linspace(0, len(risk) - 1, CURVE_POINTS).astype(int))
    return {
        "n": told["n"],
        "examples": told["n"] if known.examples is None else len(np.unique(known.examples)),
        "accuracy": told["accuracy"],
        "macro_f1": told["macro_f1"],
        "intervals": {metric: interval(values) for metric, values in resampled.items()},
        "averages": averages(told),
        "labels": told["labels"],
        "confusion": confusion(predicted, known.labels, len(labels)).tolist(),
        "ece": told["ece"],
        "temperature": {"served": temperature, "fits": fits(dev, temperature)},
        "reliability": reliability(known.probabilities, known.labels),
        "risk_coverage": {
            "area": round(float(risk.mean()), 4),
            "coverage": [round(float(c), 4) for c in coverage[points]],
            "risk": [round(float(r), 4) for r in risk[points]],
        },
    }


def fits(dev: Scored | None, served: float) -> float | None:
    """The temperature that fits the logits of dev, whose probabilities were served at temperature `served`."""
    if dev is None or not (dev.labels != OUTLIER).any():
        return None
    return round(served * fit_temperature(dev), 3)


def abstained(scored: Scored, threshold: float | None, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Without a threshold only how well known and unknown are told apart."""
    known = scored.labels != OUTLIER
    confidence = scored.probabilities.max(-1)
    told: dict[str, Any] = {"in_scope": int(known.sum()), "out_of_scope": int((~known).sum()), "threshold": threshold,
                            "auroc": round(auroc(confidence, known), 4)}  # fmt: skip
    if threshold is None or not known.any():
        return told
    answered = confidence >= threshold
    right = answered & (scored.probabilities.argmax(-1) == scored.labels)
    at = abstention(scored, threshold)
    return {
        **told,
        "out_of_scope_recall": at["out_of_scope_recall"],
        "in_scope_accuracy": at["right_and_answered"],
        "in_scope_abstained": at["in_scope_abstained"],
        "accuracy_without_abstaining": at["accuracy_without_abstaining"],
        "accuracy_of_answered": at["accuracy_of_answered"],
        "intervals": {
            "out_of_scope_recall": share_interval(~answered[~known], resamples),
            "in_scope_accuracy": share_interval(right[known], resamples),
        },
    }


def speed(
    engine: Engine, examples: Sequence[Example], clock: Callable[[], float] = time.perf_counter
) -> dict[str, Any]:
    """Texts (or pairs) a second, tokenizing included: in chunks as they are scored, and one at a time. Of this machine,
    now; no spans are asked for.
    """
    drawn = random.Random(0).sample(examples, min(SPEED_TEXTS, len(examples)))
    batched = [Request(example.text, second=example.second) for example in drawn]
    alone = batched[:ALONE_TEXTS]
    engine.infer(engine.encode(alone[:8]))  # the first runs allocate
    start = clock()
    tokens = 0
    for n in range(0, len(batched), CHUNK):
        encoded = engine.encode(batched[n : n + CHUNK])
        engine.infer(encoded)
        tokens += sum(len(each.ids) for each in encoded)
    middle = clock()
    for request in alone:
        engine.infer(engine.encode([request]))
    end = clock()
    return {
        "texts": len(batched),
        "mean_tokens": round(tokens / max(len(batched), 1), 1),
        "chunk": CHUNK,
        "texts_per_s": round(len(batched) / max(middle - start, 1e-9), 1),
        "one_at_a_time_texts_per_s": round(len(alone) / max(end - middle, 1e-9), 1),
        "machine": machine(),
    }


def machine() -> str:
    """Processor and cores, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {cores()} cores, {platform.system()}"
