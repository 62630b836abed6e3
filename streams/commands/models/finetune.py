"""`gretchen models finetune`: a base learns a task."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.errors import TrainingStopped
from models.tracking import TRACKERS
from models.training import CLASS_WEIGHTS, METHODS, PRECISIONS
from streams.commands.models.command_line import own_command
from streams.commands.models.inputs import console, data_option, load_any, train_missing
from streams.commands.models.kinds import trainer

COUNT = click.IntRange(min=1)


@click.command("finetune")
@click.argument("task")
@click.option(
    "--base",
    required=True,
    help="What 'prune-vocabulary' wrote, a BERT's directory or name on the Hugging Face hub, best/ of another run.",
)
@data_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The run: best/, last/, log.jsonl.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint of --out.")
@click.option("--method", type=click.Choice(METHODS), help="What learns: every weight, or what a method adds.")
@click.option("--rank", type=COUNT, help="Of lora, and what adalora ends with.")
@click.option("--alpha", type=float, help="By which lora's and adalora's updates are scaled.")
@click.option("--prefix-length", type=COUNT, help="Of prefix.")
@click.option("--bottleneck", type=COUNT, help="Width of adapter.")
@click.option("--epochs", type=float)
@click.option("--patience", type=click.IntRange(min=0), help="End after so many epochs without a better dev score.")
@click.option("--batch-size", type=COUNT, help="Texts at once.")
@click.option("--accumulate", type=COUNT, help="Batches a step.")
@click.option("--learning-rate", type=float, help="Of the encoder, with --method full.")
@click.option("--added-learning-rate", type=float, help="Of what a method adds; by default the method's own.")
@click.option("--head-learning-rate", type=float)
@click.option(
    "--class-weights", type=click.Choice(CLASS_WEIGHTS), help="'balanced': each label of a head alike in all."
)
@click.option(
    "--class-weight", "weighted", multiple=True, metavar="HEAD.LABEL=WEIGHT", help="Of one label; may be repeated."
)
@click.option("--focal-gamma", type=float, help="Above 0: what is already right counts less.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="bf16 wants --device cuda.")
@click.option("--seed", type=int)
@click.option("--threads", type=COUNT, help="CPU threads; all cores by default.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--track", type=click.Choice([*TRACKERS, "none"]), multiple=True, help="May be repeated.")
@click.option("--without-pairs", is_flag=True, help="Leave out the texts that the task makes of two.")
@click.option(
    "--share", "shares", multiple=True, metavar="SET=SHARE", help="Train on this share of a set; may be repeated."
)
def command(
    task: str,
    base: str,
    data: Path,
    out: Path,
    resume: bool,
    weighted: tuple[str, ...],
    threads: int | None,
    device: str,
    track: tuple[str, ...],
    without_pairs: bool,
    shares: tuple[str, ...],
    **options: Any,
) -> None:
    """Fine-tune BASE on TASK (a shipped task's name or a .toml); the best epoch on dev is kept.

    Options that are not given are the task's [training]. Ctrl-C saves a checkpoint.
    """
    from dataclasses import replace

    from models.training import check_training

    declared, corpus, _ = load_any(task, data, without_pairs=without_pairs, shares=parse_shares(shares))
    given = {key: value for key, value in options.items() if value is not None}
    if weighted:
        given["class_weights"] = parse_weights(weighted)
    training = replace(declared.training, **given)
    if training.method != "full" and "learning_rate" in given:
        raise click.UsageError(f"--learning-rate is for --method full; with {training.method}: --added-learning-rate")
    check_training(training, {name: head.labels for name, head in declared.heads.items()}, "the options")
    try:
        import torch

        from models.bases import directory_of
        from models.loop import Surroundings

        run = trainer(declared.kind)
    except ImportError as error:
        raise train_missing(error) from None
    if threads:
        torch.set_num_threads(threads)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar, stop_when_asked() as stopped:
        shown = bar.add_task("loading", total=None)
        around = Surroundings(
            device=device,
            track=tuple(name for name in track if name != "none"),
            progress=lambda done, total, word: bar.update(shown, completed=done, total=total, description=word),
            say=lambda line: console.print(line, highlight=False),
            stopped=stopped,
        )
        try:
            best = run(declared, corpus, directory_of(base), out, training, around, resume=resume)
        except TrainingStopped as error:
            again = [argument for argument in sys.argv[1:] if argument != "--resume"]
            raise TrainingStopped(f"{error}; go on with: {own_command([*again, '--resume'])}") from None
    click.echo(f"{out}/best: epoch {best['epoch']}, dev {json.dumps(best['dev'])}")


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


def parse_shares(shares: tuple[str, ...]) -> dict[str, float]:
    """Set -> share. Raises click.UsageError."""
    try:
        parsed = {name: float(share) for name, _, share in (each.partition("=") for each in shares)}
    except ValueError:
        raise click.UsageError(f"--share: got {' '.join(shares)}, wanted SET=SHARE, as tfns_topic=0.3") from None
    return parsed


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
