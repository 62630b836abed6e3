"""Where a run's figures go while it runs: TensorBoard's event files, Weights & Biases. Both from the [track] extra.

Each wants `log` with the step and figures by name, and `close`. With WANDB_MODE=offline nothing leaves the machine.
"""

import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from models.errors import InputError

TRACKERS = ("tensorboard", "wandb")


class Tracker(Protocol):
    def log(self, step: int, figures: Mapping[str, float]) -> None: ...

    def close(self) -> None: ...


class TensorBoard:
    """RUN/tensorboard/; `since` is the step a resumed run goes on from: what was written after it is hidden."""

    def __init__(self, run: Path, since: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(run / "tensorboard"), purge_step=since + 1 if since else None)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases:
    """RUN/wandb/; a resumed run goes on under its id."""

    def __init__(self, run: Path, since: int, config: Mapping[str, Any]) -> None:
        import wandb

        named = run / "wandb.json"
        known = json.loads(named.read_text())["id"] if since and named.exists() else None
        try:
            self._run = wandb.init(
                project="gretchen", name=run.name, dir=str(run), config=dict(config), id=known, resume="allow",
                settings=wandb.Settings(console="off"),  # what the terminal shows is no figure
            )  # fmt: skip
        except wandb.errors.Error as error:
            raise InputError(
                f"Weights & Biases takes no run: {error}; 'wandb login' first, or set WANDB_MODE=offline"
            ) from None
        named.write_text(json.dumps({"id": self._run.id}))

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        self._run.log(dict(figures), step=step)

    def close(self) -> None:
        import wandb

        self._run.finish()
        if self._run.offline:  # finish comes back before the file is written then
            wandb.teardown()


def check_trackers(names: Sequence[str]) -> None:
    """Raise InputError for a name unknown or a package that is not there."""
    for name in names:
        if name not in TRACKERS:
            raise InputError(f"no tracker {name!r}; wanted {', '.join(TRACKERS)}")
        if find_spec(name) is None:
            raise InputError(f"{name} is not installed; tracking wants it: pip install 'gretchen[track]'")


def trackers(names: Sequence[str], run: Path, since: int, config: Mapping[str, Any]) -> list[Tracker]:
    """One for each name, each once."""
    return [
        TensorBoard(run, since) if name == "tensorboard" else WeightsAndBiases(run, since, config)
        for name in dict.fromkeys(names)
    ]


def tell(told: Sequence[Tracker], step: int, figures: Mapping[str, float]) -> None:
    for tracker in told:
        tracker.log(step, figures)
