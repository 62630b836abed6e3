"""What a search tries: a task's [search] table, or by default the rates, the batch and the dropout."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from models.errors import InputError
from models.tasks.training import Training

NOT_SEARCHED = ("seed", "class_weights", "precision")  # the seed is no setting but luck; the others aren't one value


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, both included; whole numbers where the option is one."""

    low: float
    high: float
    log: bool = False
    step: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    values: tuple[Any, ...]


Space = Mapping[str, Range | Choice]


def parse_space(raw: Mapping[str, Any], where: str) -> Space:
    """key = [choices], or key = { low, high, log, step }. Raises InputError, naming the key at fault."""
    known = {field.name for field in fields(Training)} - set(NOT_SEARCHED)
    if unknown := sorted(set(raw) - known):
        raise InputError(f"{where}: {', '.join(unknown)} can't be searched; wanted some of {', '.join(sorted(known))}")
    return {key: _one(key, value, f"{where}: {key}") for key, value in raw.items()}


def _one(key: str, value: Any, where: str) -> Range | Choice:
    wanted = f"{where} is {value!r}; wanted a list of choices, or a table {{ low, high }} with log = true or a step"
    kind = type(getattr(Training(), key))
    if isinstance(value, list):
        if not value or any(not _fits(each, kind) for each in value) or len(set(value)) < len(value):
            raise InputError(f"{wanted}; each {kind.__name__} once")
        return Choice(tuple(value))
    try:
        made = Range(**value)
        numbers = [each for each in (made.low, made.high, made.step) if each is not None]
        good = all(_fits(each, kind) and math.isfinite(each) for each in numbers) and made.low < made.high
        good = good and (made.low > 0 if made.log else made.low >= 0) and not (made.log and made.step)
        good = good and kind is not str and (made.step is None or made.step > 0)
    except TypeError:
        good = False
    if not good:
        raise InputError(f"{wanted}; low below high, not below 0, above 0 if log; no log with a step")
    return made


def _fits(value: Any, kind: type) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) if kind is float else isinstance(value, kind)


def default_space(training: Training, learning_rate: float) -> Space:
    """The rates about what they are, batch size and dropout.

    Epochs stay as declared: the rate decays over them, so at one epoch trials of unlike lengths can't be compared, and
    none would be pruned.
    """
    rate = "learning_rate" if training.method == "full" else "added_learning_rate"
    return {
        rate: around(learning_rate),
        "head_learning_rate": around(training.head_learning_rate),
        "batch_size": Choice((16, 32, 64)),
        "dropout": Choice((0.0, 0.1, 0.2)),
    }


def around(value: float) -> Range:
    return Range(value / 4, value * 4, log=True)


def inside(space: Space, training: Training) -> dict[str, Any]:
    """The training's own values that the space holds: what a search had best try first."""
    own = {key: getattr(training, key) for key in space}
    return {key: value for key, value in own.items() if holds(space[key], value)}


def holds(of: Range | Choice, value: Any) -> bool:
    if isinstance(of, Choice):
        return value in of.values
    on_step = of.step is None or math.isclose((value - of.low) / of.step, round((value - of.low) / of.step))
    return of.low <= value <= of.high and on_step
