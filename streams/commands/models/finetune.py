"""`gretchen models finetune`: a base learns a task."""

import json
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from streams.commands.models.inputs import console, data_option, load, train_missing


@click.command("finetune")
@click.argument("task")
@click.option(
    "--base",
    type=click.Path(path_type=Path),
    required=True,
    help="What 'prune-vocabulary' wrote, any BERT, or best/ of another run to go on from.",
)
@data_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The run: best/, last/, log.jsonl.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint of --out.")
@click.option("--epochs", type=float)
@click.option("--batch-size", type=click.IntRange(min=1))
@click.option("--learning-rate", type=float)
@click.option("--seed", type=int)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; all cores by default.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--without-pairs", is_flag=True, help="Leave out the texts that the task makes of two.")
@click.option(
    "--share", "shares", multiple=True, metavar="SET=SHARE", help="Train on this share of a set; may be repeated."
)
def command(
    task: str,
    base: Path,
    data: Path,
    out: Path,
    resume: bool,
    threads: int | None,
    device: str,
    without_pairs: bool,
    shares: tuple[str, ...],
    **options: Any,
) -> None:
    """Fine-tune BASE on TASK (a shipped task's name or a .toml); the best epoch on dev is kept."""
    from dataclasses import replace

    declared, corpus, _ = load(task, data, without_pairs=without_pairs, shares=parse_shares(shares))
    training = replace(declared.training, **{key: value for key, value in options.items() if value is not None})
    try:
        import torch

        from models.finetune import finetune as run
    except ImportError as error:
        raise train_missing(error) from None
    if threads:
        torch.set_num_threads(threads)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        shown = bar.add_task("loading", total=None)
        best = run(
            declared, corpus, base, out, training, resume=resume, device=device,
            progress=lambda done, total, word: bar.update(shown, completed=done, total=total, description=word),
        )  # fmt: skip
    click.echo(f"{out}/best: epoch {best['epoch']}, dev {json.dumps(best['dev'])}")


def parse_shares(shares: tuple[str, ...]) -> dict[str, float]:
    """Set -> share. Raises click.UsageError."""
    try:
        parsed = {name: float(share) for name, _, share in (each.partition("=") for each in shares)}
    except ValueError:
        raise click.UsageError(f"--share: got {' '.join(shares)}, wanted SET=SHARE, as tfns_topic=0.3") from None
    return parsed
