"""`gretchen models distil`: a smaller student learns from teachers, on text without labels too."""

import json
from pathlib import Path
from typing import Any

import click

from streams.commands.models.inputs import data_option, load_any, train_missing
from streams.commands.models.training_options import (
    COUNT,
    surroundings,
    surroundings_options,
    training_of,
    training_options,
)

PATH = click.Path(path_type=Path)


@click.command("distil")
@click.argument("task")
@click.option(
    "--teacher", "teachers", type=PATH, multiple=True, required=True,
    help="A run of finetune or an artifact; of several the mean is taught.",
)  # fmt: skip
@click.option("--layers", type=COUNT, help="Of the student: every n-th of the base's; all by default.")
@click.option("--base", help="What the student begins as; by default the first teacher that is a run.")
@data_option
@click.option("--out", type=PATH, required=True, help="A run, as finetune's.")
@click.option("--unlabelled", type=PATH, multiple=True, help="JSONL, CSV, or a text a line; may be repeated.")
@click.option("--text", "column", default="text", show_default=True, help="The text's column in --unlabelled.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of --unlabelled.")
@click.option("--temperature", type=click.FloatRange(0, min_open=True), default=2.0, show_default=True)
@click.option(
    "--soft-share", type=click.FloatRange(0, 1, min_open=True), default=0.7, show_default=True,
    help="How much the teachers count against the labels; 1: they alone.",
)  # fmt: skip
@click.option(
    "--soft-head", "soft_heads", multiple=True, metavar="HEAD",
    help="Ask the teachers about this head only; may be repeated.",
)  # fmt: skip
@click.option(
    "--soft-labelled", is_flag=True,
    help="Ask about a head only of texts with a label of it, and of unlabelled ones: large teachers are slow.",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint of --out.")
@training_options
@surroundings_options
@click.option("--without-pairs", is_flag=True, help="Leave out the texts that the task makes of two.")
@click.option(
    "--share", "shares", multiple=True, metavar="SET=SHARE", help="Train on this share of a set; may be repeated."
)
@click.option("--without-doubted", "doubted", type=PATH, help="Leave out the labels of a file of 'doubt'.")
def command(
    task: str, teachers: tuple[Path, ...], layers: int | None, base: str | None, data: Path, out: Path,
    unlabelled: tuple[Path, ...], column: str, encoding: str, temperature: float, soft_share: float,
    soft_heads: tuple[str, ...], soft_labelled: bool, resume: bool,
    weighted: tuple[str, ...], threads: int | None, device: str, track: tuple[str, ...], without_pairs: bool,
    shares: tuple[str, ...], doubted: Path | None, **options: Any,
) -> None:  # fmt: skip
    """Train a student of fewer LAYERS for TASK by what TEACHERs say and by the labels; the best epoch on dev is kept.

    Options that are not given are the task's [training]. Ctrl-C saves a checkpoint.
    """
    from models.errors import InputError

    declared, corpus, measured = load_any(task, data, without_pairs=without_pairs, shares=shares, doubted=doubted)
    reader = declared.kind == "reader"
    if declared.kind == "encoder":
        raise InputError(f"task {declared.name} is of kind encoder; classifiers and readers are distilled")
    if reader and (unlabelled or soft_heads or soft_labelled):
        raise click.UsageError("a reader has no heads, and learns of questions with passages only")
    if unknown := set(soft_heads) - set(declared.heads):
        raise InputError(f"--soft-head {', '.join(unknown)}: task {declared.name} has {', '.join(declared.heads)}")
    training = training_of(declared, weighted, options)
    try:
        from models.data.unlabelled import read_unlabelled
        from models.training.bases import directory_of
        from models.training.distil import Softness, distil
        from models.training.distil_reader import distil_reader
        from models.training.teachers import is_artifact, model_of
    except ImportError as error:
        raise train_missing(error) from None
    models = [model_of(teacher) for teacher in teachers]
    runs = [model for model in models if not is_artifact(model)]
    if base is None and not runs:
        raise click.UsageError("an artifact's weights are its own: say by --base what the student shall begin as")
    if reader and len(runs) < len(models):
        raise click.UsageError("an artifact says no chances of single tokens: a reader's --teacher has to be a run")
    begun, softness = (
        directory_of(base) if base else runs[0],
        Softness(temperature, soft_share, soft_heads, soft_labelled),
    )
    with surroundings(threads, device, track) as around:
        if reader:
            best = distil_reader(
                declared, corpus, models, begun, layers, out, training, softness, around, resume=resume
            )
        else:
            found = read_unlabelled(unlabelled, column, encoding, (corpus, measured))
            for line in found.notes():
                click.echo(line, err=True)
            best = distil(
                declared, corpus, found.texts, models, begun, layers, out, training, softness, around, resume=resume
            )
    click.echo(f"{out}/best: epoch {best['epoch']}, dev {json.dumps(best['dev'])}")
