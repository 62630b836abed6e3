"""`gretchen models prune-vocabulary`: a base with the pieces that a task's texts need."""

from pathlib import Path

import click

from streams.commands.models.inputs import data_option, load_any, train_missing
from streams.commands.models.kinds import texts_of


@click.command("prune-vocabulary")
@click.argument("task")
@click.option("--base", required=True, help="A BERT with safetensors: a directory, or a name on the Hugging Face hub.")
@data_option
@click.option("--size", type=click.IntRange(min=1), default=14_000, show_default=True, help="Pieces to keep.")
@click.option(
    "--seen", type=click.IntRange(min=1), default=1, show_default=True, help="Uses from which a piece must stay."
)
@click.option("--ascii-only", is_flag=True, help="Drop single characters of other scripts that the texts don't use.")
@click.option("--layers", type=click.IntRange(min=1), help="Keep the first so many layers; all by default.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def command(
    task: str, base: str, data: Path, size: int, seen: int, ascii_only: bool, layers: int | None, out: Path
) -> None:  # fmt: skip
    """Cut a base's vocabulary to what TASK's texts need, and its layers if wanted."""
    declared, corpus, _ = load_any(task, data)
    try:
        from models.training.bases import directory_of
        from models.training.prune_vocabulary import prune_vocabulary as prune
    except ImportError as error:
        raise train_missing(error) from None
    texts = texts_of(declared.kind, corpus)
    pruned = prune(
        directory_of(base), out, texts, size, declared.max_tokens, seen=seen, ascii_only=ascii_only, layers=layers
    )
    click.echo(
        f"{out}: {pruned.before} -> {pruned.after} pieces, {pruned.used} of them used by {len(texts)} texts;"
        f" unknown pieces {pruned.unknown_before} -> {pruned.unknown_after}"
    )
