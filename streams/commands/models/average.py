"""`gretchen models average`: one model of several."""

from pathlib import Path

import click

from streams.commands.models.inputs import train_missing


@click.command("average")
@click.argument("models", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A run, as finetune's OUT.")
def command(models: tuple[Path, ...], out: Path) -> None:
    """Average the weights of MODELS (best/ or last/ of runs that went on from one another)."""
    try:
        from models.training.average import average as write
    except ImportError as error:
        raise train_missing(error) from None
    write(models, out)
    click.echo(f"{out}/best: the mean of {len(models)}")
