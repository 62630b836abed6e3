"""An artifact's recipe: the commands that made it, as data. None of it is given to a shell, and only our verbs are run.

Every --out is moved into a scratch folder, and with it whatever a later command reads from there.
"""

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from models.errors import InputError

VERBS = (
    "instructions-data",
    "sentences",
    "prune-vocabulary",
    "finetune",
    "search",
    "distil",
    "average",
    "export",
    "quantize",
    "import",
)
TASK_FIRST = ("prune-vocabulary", "finetune", "search", "distil")  # verbs whose first argument is the task
PATHS = ("--base", "--data", "--out", "--teacher", "--unlabelled", "--calibrate", "--without-doubted")
THERE = ("--data", "--teacher", "--unlabelled", "--calibrate", "--without-doubted")  # a base may be a name on the hub
UNWANTED = ("--track",)  # tells others of the run, and changes nothing in it


class Word(NamedTuple):
    """An argument: an option with its value, a flag (no value), or one by position (no option)."""

    option: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Step:
    verb: str
    words: tuple[Word, ...]

    @property
    def out(self) -> str:
        return next(word.value or "" for word in self.words if word.option == "--out")

    def arguments(self) -> list[str]:
        """After `gretchen models`."""
        return [self.verb, *(part for word in self.words for part in word if part)]

    def __str__(self) -> str:
        return shlex.join(["gretchen", "models", *self.arguments()])


def taught(commands: Sequence[str]) -> str:
    """For a card: the teachers of the last distillation, by what they were fine-tuned from, and its texts without
    labels; "" of a model that nobody taught."""
    said, bases = "", dict[str, str]()
    for words in map(shlex.split, commands):
        base, teachers = _values(words, "--base"), _values(words, "--teacher")
        bases |= dict.fromkeys(_values(words, "--out"), Path(base[-1]).name if base else "")
        if "distil" in words[:3] and teachers:
            of = [f"{each}, a {bases[each]}" if bases.get(each) else each for each in teachers]
            said = f"Taught by {'; '.join(of)}: what they say of a text is learned beside its labels."
            if texts := [Path(each).name for each in _values(words, "--unlabelled")]:
                said += f" Texts without labels: {', '.join(texts)}; under which license they are, is not recorded."
    return said


def _values(words: Sequence[str], option: str) -> list[str]:
    return [word.value for word in _words(words, (option,)) if word.option == option and word.value]


def parse_recipe(commands: Sequence[str], valued: Mapping[str, Collection[str]], whose: str) -> list[Step]:
    """`valued` says which options of a verb take a value. Raises InputError for a command that is not ours to run."""
    if not commands:
        raise InputError(f"{whose}: its manifest has no recipe; only what 'gretchen models export' wrote has one")
    return [_step(command, valued, whose) for command in commands]


def _step(command: str, valued: Mapping[str, Collection[str]], whose: str) -> Step:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InputError(f"{whose}: the recipe's {command!r} can't be read: {error}") from None
    if words[:2] != ["gretchen", "models"] or words[2:3] == [] or words[2] not in VERBS:
        raise InputError(
            f"{whose}: the recipe's {command!r} is not run; wanted 'gretchen models' with one of {', '.join(VERBS)}."
            " Run it yourself if you trust it"
        )
    step = Step(words[2], tuple(_words(words[3:], valued[words[2]])))
    if not any(word.option == "--out" and word.value for word in step.words):
        raise InputError(f"{whose}: the recipe's {command!r} has no --out, so it can't be kept apart from your files")
    return step


def _words(arguments: Sequence[str], valued: Collection[str]) -> list[Word]:
    found: list[Word] = []
    left = list(arguments)
    while left:
        one = left.pop(0)
        name, equals, value = one.partition("=")
        if not one.startswith("-"):
            found.append(Word("", one))
        elif name in valued:
            found.append(Word(name, value if equals else left.pop(0) if left else None))
        else:
            found.append(Word(one, None))
    return [word for word in found if word.option not in UNWANTED]


def planned(steps: Sequence[Step], scratch: Path, places: Mapping[str, str], device: str | None = None) -> list[Step]:
    """The same steps with outputs under `scratch`; other paths by `places`: recorded -> where it lies here. `device`:
    another than the recipe's; the CPU has one precision only."""
    moved: dict[str, str] = {}
    made = []
    for n, step in enumerate(steps, 1):
        own = {step.out: str(scratch / f"{n:02}-{Path(step.out).name}")}
        words, positions = [], 0
        for word in step.words:
            is_task = word.option == "" and step.verb in TASK_FIRST and positions == 0
            positions += word.option == ""
            if word.value and not is_task and word.option in ("", *PATHS):
                word = word._replace(value=_moved(word.value, own if word.option == "--out" else moved, places))
            if device and word.option == "--device":
                word = word._replace(value=device)
            if not (device == "cpu" and word.option == "--precision"):
                words.append(word)
        moved |= own
        made.append(Step(step.verb, tuple(words)))
    return made


def _moved(path: str, made: Mapping[str, str], places: Mapping[str, str]) -> str:
    for there, here in (*reversed(list(made.items())), *places.items()):
        if Path(path).is_relative_to(there):
            return str(Path(here) / Path(path).relative_to(there))
    return path


def check_there(steps: Sequence[Step], scratch: Path) -> None:
    """Raise InputError for data that is not there, before hours are spent."""
    read = {word.value for step in steps for word in step.words if word.option in THERE and word.value}
    if lacking := sorted(path for path in read if not Path(path).is_relative_to(scratch) and not Path(path).exists()):
        raise InputError(
            f"{', '.join(lacking)}: not here, and the recipe reads it; say where it is by --path {lacking[0]}=HERE"
        )


class Figure(NamedTuple):
    """A figure on test: as the manifest has it, and now; None where one has it not. `interval` is the recorded one."""

    name: str
    recorded: float | None
    now: float | None
    interval: tuple[float, float] | None

    @property
    def difference(self) -> float | None:
        return None if self.recorded is None or self.now is None else self.now - self.recorded


def compared(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[Figure]:
    """Every number of both manifests' test figures."""
    before, after = (_numbers(manifest.get("metrics", {}).get("test", {})) for manifest in (recorded, now))
    intervals = {
        f"{name} {key}": (float(of[0]), float(of[1]))
        for name, figures in recorded.get("metrics", {}).get("test", {}).items()
        for key, of in figures.get("intervals", {}).items()
    }
    return [
        Figure(name, before.get(name), after.get(name), intervals.get(name))
        for name in dict.fromkeys((*before, *after))
    ]


def _numbers(test: Mapping[str, Any]) -> dict[str, float]:
    return {
        f"{name} {key}": value for name, of in test.items() for key, value in of.items() if isinstance(value, float)
    }


def differing(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What else is not as it was: packages, machine, options of the run, rows of data. A line each."""
    before, after = recorded.get("recipe", {}), now.get("recipe", {})
    lines = []
    for what in ("packages", "training"):
        old, new = before.get(what, {}), after.get(what, {})
        lines += [f"{what}: {key} was {old[key]}, is {new[key]}" for key in old if key in new and old[key] != new[key]]
    if before.get("machine") != after.get("machine"):
        lines.append(f"machine: was {before.get('machine')}, is {after.get('machine')}")
    rows = {one["name"]: one["rows"] for one in now.get("data", [])}
    lines += [
        f"data: {one['name']} had {one['rows']}, has {rows[one['name']]}"
        for one in recorded.get("data", [])
        if one["name"] in rows and rows[one["name"]] != one["rows"]
    ]
    return lines
