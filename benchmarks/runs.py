"""Trainings that are made once: their options, their figures in one JSON file, written after each, and how long the
rest may take.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from models.tasks.training import PRECISIONS, Training, check_training
from models.training.loop import Surroundings

WORD_S = 60  # between two lines on a training that goes on
OPTIONS = {"epochs": float, "learning_rate": float, "batch_size": int, "seed": int}


def parser_of(said: str | None) -> argparse.ArgumentParser:
    """--base, --data, --out, where it runs, and what `training_of` takes."""
    parser = argparse.ArgumentParser(description=said, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True)
    for name in ("--data", "--out"):
        parser.add_argument(name, type=Path, required=True)
    for key, kind in OPTIONS.items():
        parser.add_argument(f"--{key.replace('_', '-')}", type=kind)
    parser.add_argument("--precision", choices=PRECISIONS)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu")
    return parser


def training_of(given: argparse.Namespace, declared: Training, labels: Mapping[str, tuple[str, ...]]) -> Training:
    """What is declared, but for the options given; also sets torch's threads. Raises InputError."""
    if given.threads:
        torch.set_num_threads(given.threads)
    options = {key: getattr(given, key) for key in (*OPTIONS, "precision") if getattr(given, key) is not None}
    training = replace(declared, **options)
    check_training(training, labels, "the options")
    return training


class Runs:
    """Name -> what a run was asked and, once it is finished, its figures. Prints a line a run, and one a minute."""

    def __init__(self, path: Path, names: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        """`names` are all that will be asked for, to tell how many are left."""
        self._path, self._names, self._clock = path, names, clock
        self._known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        self._took_s: list[float] = []

    def once(self, run: Path, asked: Mapping[str, Any], make: Callable[[bool], Mapping[str, Any]]) -> dict[str, Any]:
        """What `make(resume)` told of the run, or what the file says if it was asked the same before.

        `resume` is whether it goes on from a checkpoint; such a run's `seconds` are None.
        """
        name, wanted = run.name, json.loads(json.dumps(asked))
        known = self._known.get(name, {})
        same = known.get("asked") == wanted
        if not (same and "told" in known):
            self._write(name, {"asked": wanted})
            resume = same and (run / "last").exists()
            began_s = self._clock()
            told = make(resume)
            took_s = self._clock() - began_s
            self._took_s.append(took_s)
            self._write(name, {"asked": wanted, "told": {**told, "seconds": None if resume else round(took_s, 1)}})
            print(f"{name}: {took_s:.0f} s, {self.place(name)}", flush=True)
        return {"name": name, **self._known[name]["asked"], **self._known[name]["told"]}

    def place(self, name: str) -> str:
        """How many are done, and what those left may take if each takes the mean of those made now."""
        at = self._names.index(name) + 1
        left = [one for one in self._names[at:] if "told" not in self._known.get(one, {})]
        mean_s = sum(self._took_s) / max(len(self._took_s), 1)
        return f"{at} of {len(self._names)}" + (f"; about {minutes(len(left) * mean_s)} left" if left else "")

    def _write(self, name: str, of_run: Mapping[str, Any]) -> None:
        self._known[name] = of_run
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_name(self._path.name + ".part")
        lines = (f"{json.dumps(one)}: {json.dumps(of)}" for one, of in self._known.items())
        part.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        part.replace(self._path)


def around(name: str, device: str = "cpu", clock: Callable[[], float] = time.monotonic) -> Surroundings:
    """A training that says once a minute how far it is."""
    first: list[tuple[int, float]] = []  # the step and the second of the first word: a run may go on from a later one
    said_s = clock()

    def progress(done: int, total: int, word: str) -> None:
        nonlocal said_s
        now_s = clock()
        if not first:
            first.append((done, now_s))
        elif now_s - said_s >= WORD_S:
            step, since_s = first[0]
            left_s = (now_s - since_s) / (done - step) * (total - done)
            print(f"  {name}: step {done} of {total}, {word}; about {minutes(left_s)} left", flush=True)
            said_s = now_s

    return Surroundings(device=device, progress=progress)


def minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
