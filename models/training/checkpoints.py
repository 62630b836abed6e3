"""A run's directory: written so that a kill or a full disk leaves the last good model and checkpoint.

RUN/best/   the model with the best dev score so far, as its learner saves it
RUN/last/   the same of the last step, and what it takes to go on: optimizer.safetensors, state.json, and
            trained.safetensors where model.safetensors is not what was trained (LoRA, say, is merged there)
RUN/log.jsonl  a line an epoch
RUN/soft.safetensors  what the teachers said, of a distilled one
"""

import errno
import json
import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim import Optimizer

from models.errors import InputError, TrainingFailed
from models.training import methods

Fill = Callable[[Path], None]
OURS = ("best", "last", "log", "soft", "tensorboard", "wandb")
MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # AdamW's state of a parameter


@dataclass(slots=True)
class State:
    """How far a run is: steps done, the step of the last evaluation, and the log's best line so far."""

    step: int = 0
    evaluated: int = 0
    best: dict[str, Any] = field(default_factory=dict)


def begin(run: Path) -> State:
    """An empty directory in the place of an earlier run. Raises InputError for one that holds other things."""
    there = sorted(path.name for path in run.iterdir()) if run.is_dir() else []
    others = [name for name in there if name.partition(".")[0] not in OURS]
    if others and not {"log.jsonl", "last"} & set(there):
        raise InputError(f"{run} is no earlier run: it holds {', '.join(others[:3])}; give a new or an empty directory")
    with told(run, run):
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(parents=True, exist_ok=True)
    return State()


def save_best(run: Path, save: Fill) -> None:
    with told(run / "best", run):
        write(run / "best", save)


def save_last(run: Path, save: Fill, network: nn.Module, optimizer: Optimizer, state: State) -> None:
    moments = {
        f"{n}.{key}": value.clone()
        for n, parameter in enumerate(_parameters(optimizer))
        for key, value in optimizer.state[parameter].items()
    }

    def fill(part: Path) -> None:
        save(part)
        if not is_whole(network):
            save_file(methods.state(network), part / "trained.safetensors")
        save_file(moments, part / "optimizer.safetensors")
        (part / "state.json").write_text(json.dumps(asdict(state)))

    with told(run / "last", run):
        write(run / "last", fill)


def restore(run: Path, network: nn.Module, optimizer: Optimizer) -> State:
    """Put the last checkpoint back. Raises InputError if there is none, or none of this network and method."""
    last, old = run / "last", run / "last.old"
    if old.exists() and not last.exists():  # killed between the two renames of `write`
        old.rename(last)
    try:
        state = State(**json.loads((last / "state.json").read_text()))
        if is_whole(network):
            network.load_state_dict(load_file(last / "model.safetensors"))
        else:
            methods.restore(network, load_file(last / "trained.safetensors"))
        moments = load_file(last / "optimizer.safetensors")
        for n, parameter in enumerate(_parameters(optimizer)):
            if f"{n}.step" in moments:  # not there for a head that no text was for yet
                optimizer.state[parameter] = {key: moments[f"{n}.{key}"].to(parameter.device) for key in MOMENTS}
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        raise InputError(f"{last}: nothing to resume from ({error}); run without --resume") from None
    _cut_log(run, state.evaluated)
    return state


def is_whole(network: nn.Module) -> bool:
    """Whether all of the network learns, so that the model as it is written is all there is to restore."""
    return all(parameter.requires_grad for parameter in network.parameters())


def append(run: Path, line: dict[str, Any]) -> None:
    with told(run / "log.jsonl", run), (run / "log.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")


def write(out: Path, fill: Fill) -> None:
    """A directory in two renames; what could not be written whole is removed again."""
    part, old = out.with_name(out.name + ".part"), out.with_name(out.name + ".old")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        fill(part)
    except (OSError, SafetensorError):
        shutil.rmtree(part, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    part.rename(out)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def told(what: Path, run: Path) -> Iterator[None]:
    """What the disk refused, as an error that says how to go on."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or f"os error {errno.ENOSPC}" in str(error)
        reason = "the disk is full, free some space" if full else str(error)
        raise TrainingFailed(f"{what} can't be written: {reason}; {kept(run)}") from error


def kept(run: Path) -> str:
    """What is left to go on from, for an error message."""
    if not (run / "last" / "state.json").exists():
        return "no checkpoint was written yet, begin again"
    step = json.loads((run / "last" / "state.json").read_text())["step"]
    return f"the last good checkpoint is {run / 'last'}, step {step}: go on from it with --resume"


def _cut_log(run: Path, evaluated: int) -> None:
    """Drop the lines of evaluations after the checkpoint, which will be made again, and the line the disk cut short."""
    path = run / "log.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    path.write_text("".join(f"{line}\n" for line in lines if _step_of(line) <= evaluated))


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf


def _parameters(optimizer: Optimizer) -> list[torch.nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
