"""The options of a task's [training], and where a run runs: what finetune, search and distil share."""

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.errors import TrainingStopped
from models.tasks.training import CLASS_WEIGHTS, METHODS, PRECISIONS
from models.training.tracking import TRACKERS
from streams.commands.models.command_line import own_command
from streams.commands.models.inputs import console

if TYPE_CHECKING:
    from models.tasks.task import Task
    from models.tasks.training import Training
    from models.training.loop import Surroundings

Command = TypeVar("Command", bound=Callable[..., Any])
COUNT = click.IntRange(min=1)
SHARE = click.FloatRange(0, 1)


def training_options(command: Command) -> Command:
    """One option a key of [training], in the order of the help; what is not given is None."""
    for option in reversed(
        (
            click.option("--method", type=click.Choice(METHODS), help="What learns: every weight, or what it adds."),
            click.option("--rank", type=COUNT, help="Of lora, and what adalora ends with."),
            click.option("--alpha", type=float, help="By which lora's and adalora's updates are scaled."),
            click.option("--prefix-length", type=COUNT, help="Of prefix."),
            click.option("--bottleneck", type=COUNT, help="Width of adapter."),
            click.option("--epochs", type=float),
            click.option(
                "--patience", type=click.IntRange(min=0), help="End after so many epochs without a better dev score."
            ),
            click.option("--batch-size", type=COUNT, help="Texts at once."),
            click.option("--accumulate", type=COUNT, help="Batches a step."),
            click.option("--learning-rate", type=float, help="Of the encoder, with --method full."),
            click.option(
                "--added-learning-rate", type=float, help="Of what a method adds; by default the method's own."
            ),
            click.option("--head-learning-rate", type=float),
            click.option("--weight-decay", type=click.FloatRange(min=0)),
            click.option("--warmup", type=SHARE, help="The share of all steps that the rate climbs."),
            click.option("--dropout", type=SHARE),
            click.option(
                "--class-weights", type=click.Choice(CLASS_WEIGHTS),
                help="'balanced': each label of a head alike in all.",
            ),
            click.option(
                "--class-weight", "weighted", multiple=True, metavar="HEAD.LABEL=WEIGHT",
                help="Of one label; may be repeated.",
            ),
            click.option("--focal-gamma", type=float, help="Above 0: what is already right counts less."),
            click.option("--precision", type=click.Choice(PRECISIONS), help="bf16 wants --device cuda."),
            click.option("--seed", type=int),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def surroundings_options(command: Command) -> Command:
    """Where it runs; nothing here changes what is learned, but `--threads` by rounding."""
    for option in reversed(
        (
            click.option("--threads", type=COUNT, help="CPU threads; all cores by default."),
            click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True),
            click.option("--track", type=click.Choice([*TRACKERS, "none"]), multiple=True, help="May be repeated."),
        )
    ):
        command = option(command)
    return command


def training_of(task: "Task", weighted: tuple[str, ...], options: Mapping[str, Any]) -> "Training":
    """The task's [training] with the options that were given. Raises click.UsageError, InputError."""
    from models.tasks.training import check_training

    given = {key: value for key, value in options.items() if value is not None}
    if weighted:
        given["class_weights"] = parse_weights(weighted)
    training = replace(task.training, **given)
    if training.method != "full" and "learning_rate" in given:
        raise click.UsageError(f"--learning-rate is for --method full; with {training.method}: --added-learning-rate")
    check_training(training, {name: head.labels for name, head in task.heads.items()}, "the options")
    return training


def options_of(chosen: Mapping[str, Any]) -> list[str]:
    """The options that say these keys of [training], to be typed."""
    return [word for key, value in chosen.items() for word in (f"--{key.replace('_', '-')}", str(value))]


@contextmanager
def surroundings(
    threads: int | None, device: str, track: tuple[str, ...], go_on: tuple[str, ...] = ("--resume",)
) -> "Iterator[Surroundings]":
    """A progress bar, and Ctrl-C that ends with the command to go on with: the same and `go_on`.

    Raises ImportError without the extra.
    """
    import torch

    from models.training.loop import Surroundings

    if threads:
        torch.set_num_threads(threads)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar, stop_when_asked() as stopped:
        shown = bar.add_task("loading", total=None)
        try:
            yield Surroundings(
                device=device,
                track=tuple(name for name in track if name != "none"),
                progress=lambda done, total, word: bar.update(shown, completed=done, total=total, description=word),
                say=lambda line: console.print(line, highlight=False),
                stopped=stopped,
            )
        except TrainingStopped as error:
            again = [argument for argument in sys.argv[1:] if argument not in go_on]
            raise TrainingStopped(f"{error}; go on with: {own_command([*again, *go_on])}") from None


@contextmanager
def stop_when_asked() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed; pressed again it is a KeyboardInterrupt as ever."""
    asked = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        click.echo("saving after this step; Ctrl-C again ends at once, with the last checkpoint as it is", err=True)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


def parse_weights(weighted: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Head -> label -> weight. Raises click.UsageError."""
    tables: dict[str, dict[str, float]] = {}
    for each in weighted:
        path, _, weight = each.rpartition("=")
        head, _, label = path.partition(".")
        try:
            tables.setdefault(head, {})[label] = float(weight)
        except ValueError:
            raise click.UsageError(f"--class-weight: got {each}, wanted HEAD.LABEL=WEIGHT, as mood.bad=2") from None
    return tables
