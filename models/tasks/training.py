"""How to fine-tune: the task's [training] table, each key of which can be overridden on the command line."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from models.errors import InputError

METHODS = ("full", "lora", "adalora", "prefix", "adapter")
MERGED = ("full", "lora", "adalora")  # what these learn ends in the weights that the graph knows
PRECISIONS = ("float32", "bf16")
CLASS_WEIGHTS = ("none", "balanced")
ADDED = ".added."  # stands in the name of every weight that is no part of the encoder as it was


@dataclass(frozen=True, slots=True)
class Training:
    """`warmup` is a share of all steps. `batch_size` texts go through the network at once, `accumulate` times a step.

    `method` is full, or a small part is added to an encoder that stays as it is (training/methods.py) and learns at
    `added_learning_rate` (0: the method's own): `rank` and `alpha` are LoRA's and AdaLoRA's, `prefix_length` and
    `bottleneck` their namesakes'. `patience` is how many epochs without a better dev score end the run, 0 none.

    `class_weights` is "none", "balanced" (each label of a head weighs alike in all) or head -> label -> weight, 1 where
    nothing is said. `focal_gamma` above 0 makes what is already right count less (Lin et al. 2017). `precision` "bf16"
    is for a GPU, or a CPU that has instructions for it.
    """

    epochs: float = 4
    batch_size: int = 32
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.06
    dropout: float = 0.1
    seed: int = 13
    accumulate: int = 1
    patience: int = 0
    method: str = "full"
    added_learning_rate: float = 0.0
    rank: int = 8
    alpha: float = 16.0
    prefix_length: int = 16
    bottleneck: int = 64
    class_weights: str | Mapping[str, Mapping[str, float]] = "none"
    focal_gamma: float = 0.0
    precision: str = "float32"


def added_to(names: Iterable[str]) -> str:
    """The method whose parts are still among weights of these names: "prefix", "adapter", or "" if none is."""
    added = [name for name in names if ADDED in f".{name}"]
    return "" if not added else "prefix" if any("added.embedding." in name for name in added) else "adapter"


def check_training(training: Training, labels: Mapping[str, tuple[str, ...]], where: str) -> None:
    """Raise InputError, naming the key at fault, unless one can train by the options; `labels` are each head's."""
    for key, allowed in (("method", METHODS), ("precision", PRECISIONS)):
        if getattr(training, key) not in allowed:
            raise InputError(f"{where}: {key} is {getattr(training, key)!r}; wanted one of {', '.join(allowed)}")
    for key in ("batch_size", "accumulate", "rank", "prefix_length", "bottleneck"):
        if getattr(training, key) < 1:
            raise InputError(f"{where}: {key} is {getattr(training, key)}; wanted 1 or more")
    for key in ("patience", "focal_gamma", "added_learning_rate"):
        if getattr(training, key) < 0:
            raise InputError(f"{where}: {key} is {getattr(training, key)}; wanted 0 or more")
    weights = training.class_weights
    if not labels and (weights != "none" or training.focal_gamma):
        raise InputError(f"{where}: class_weights and focal_gamma are for a classifier's labels; this task has none")
    if isinstance(weights, str):
        if weights not in CLASS_WEIGHTS:
            raise InputError(
                f"{where}: class_weights is {weights!r}; wanted {', '.join(CLASS_WEIGHTS)}, or a table of"
                " head -> label -> weight"
            )
        return
    for head, table in weights.items():
        if head not in labels or set(table) - set(labels[head]) or min(table.values(), default=1) <= 0:
            known = ", ".join(labels.get(head, ())[:8]) or "none"
            raise InputError(
                f"{where}: class_weights of head {head} are {dict(table)}; wanted weights above 0 for heads"
                f" {', '.join(labels)} and its labels ({known})"
            )


def check_unlabelled(training: Training, kind: str) -> None:
    """Raise InputError for what a kind of task without labels (reader, encoder) has no use or no graph for."""
    if training.method not in MERGED:
        raise InputError(f"method is {training.method!r}, which no {kind}'s graph knows; use {', '.join(MERGED)}")
    if training.class_weights != "none" or training.focal_gamma:
        raise InputError(f"class_weights and focal_gamma are for classifiers; a {kind} has no labels: leave them out")
