"""`gretchen models finetune`: a base learns a task."""

import json
from pathlib import Path
from typing import Any

import click

from streams.commands.models.inputs import data_option, load_any, train_missing
from streams.commands.models.kinds import trainer
from streams.commands.models.training_options import (
    surroundings,
    surroundings_options,
    training_of,
    training_options,
)


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
@training_options
@surroundings_options
@click.option("--without-pairs", is_flag=True, help="Leave out the texts that the task makes of two.")
@click.option(
    "--share", "shares", multiple=True, metavar="SET=SHARE", help="Train on this share of a set; may be repeated."
)
@click.option(
    "--without-doubted", "doubted", type=click.Path(path_type=Path), help="Leave out the labels of a file of 'doubt'."
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
    doubted: Path | None,
    **options: Any,
) -> None:
    """Fine-tune BASE on TASK (a shipped task's name or a .toml); the best epoch on dev is kept.

    Options that are not given are the task's [training]. Ctrl-C saves a checkpoint.
    """
    declared, corpus, _ = load_any(task, data, without_pairs=without_pairs, shares=shares, doubted=doubted)
    training = training_of(declared, weighted, options)
    try:
        from models.training.bases import directory_of

        run = trainer(declared.kind)
        around = surroundings(threads, device, track)
    except ImportError as error:
        raise train_missing(error) from None
    with around as here:
        best = run(declared, corpus, directory_of(base), out, training, here, resume=resume)
    click.echo(f"{out}/best: epoch {best['epoch']}, dev {json.dumps(best['dev'])}")
