"""Artifacts side by side on the same texts: figures with intervals, and whether a difference is more than noise.

Each is compared with the first, on the same resamples of the examples (paired bootstrap); the 5% are shared among the
comparisons made.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from models.data.corpus import OUTLIER
from models.engines import Engine
from models.evaluation.bootstrap import RESAMPLES, SEED, differences, interval, resample
from models.evaluation.evaluate import Scored, joined, report
from models.evaluation.report import Sets, abstained, scored_sets, speed


class Contender(NamedTuple):
    """An artifact's engine, its labels in the order of the data's, and the threshold it abstains below."""

    name: str
    engine: Engine
    size_bytes: int
    threshold: float | None = None


def compare(
    contenders: Sequence[Contender], sets: Sets, *, resamples: int = RESAMPLES,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:  # fmt: skip
    """Every "SET.head" that all contenders have: figures of each, and of all but the first their differences to it."""
    by_name = {}
    for one in contenders:
        say(one.name)
        by_name[one.name] = scored_sets(one.engine, sets, say)
    first = by_name[contenders[0].name]
    examples = [example for of_set in sets.values() for example in of_set]
    told: dict[str, Any] = {}
    for name, by_head in first.items():
        for head, scored in by_head.items():
            labels = contenders[0].engine.labels[head]
            if all(head in scores[name] for scores in by_name.values()) and (scored.labels != OUTLIER).any():
                whole = {one: scores[name][head].known() for one, scores in by_name.items()}
                told[f"{name}.{head}"] = compared(whole, labels, resamples)
    return {
        "artifacts": {one.name: {"bytes": one.size_bytes, "speed": speed(one.engine, examples)} for one in contenders},
        "bootstrap": {"resamples": resamples, "seed": SEED, "comparisons": len(contenders) - 1},
        "sets": told,
        "abstention": {
            one.name: found
            for one in contenders
            if (found := unknown_told(by_name[one.name], one.threshold, resamples))
        },
    }


def unknown_told(
    by_set: Mapping[str, Mapping[str, Scored]], threshold: float | None, resamples: int
) -> dict[str, dict[str, Any]]:
    """Head -> what the contender's own threshold does to known and unknown texts, where there are unknown ones."""
    told = {}
    for head in {head for by_head in by_set.values() for head in by_head}:
        whole = joined([by_head[head] for by_head in by_set.values() if head in by_head])
        if (whole.labels == OUTLIER).any():
            told[head] = abstained(whole, threshold, resamples)
    return told


def compared(whole: Mapping[str, Scored], labels: tuple[str, ...], resamples: int) -> dict[str, Any]:
    """Name -> figures, their intervals and, but for the first, "against_first"."""
    told: dict[str, Any] = {}
    (first_name, first), *others = whole.items()
    for name, scored in whole.items():
        full = report(scored, labels)
        told[name] = {
            **{key: full[key] for key in ("n", "accuracy", "macro_f1", "ece")},
            "intervals": {
                metric: interval(values) for metric, values in resample(scored, len(labels), resamples).items()
            },
        }
    for name, scored in others:
        told[name]["against_first"] = {
            metric: {**found._asdict(), "more_than_noise": found.is_more_than_noise(len(others)),
                     "words": words(name, first_name, metric, found.difference, found.is_more_than_noise(len(others)))}
            for metric, found in differences(first, scored, len(labels), resamples).items()
        }  # fmt: skip
    return told


def words(name: str, first: str, metric: str, difference: float, more: bool) -> str:
    """The verdict as a sentence."""
    metric = metric.replace("macro_f1", "macro F1")
    if not more:
        return f"{name} and {first} differ by {abs(difference):.4f} in {metric}: no more than noise"
    better = "better" if difference > 0 else "worse"
    return f"{name} is {better} than {first} by {abs(difference):.4f} in {metric}: more than noise"
