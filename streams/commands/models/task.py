"""`gretchen models task`: a labelled file of the user's own, looked at, and a first task for it."""

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from models.errors import InputError
from streams.commands.models.reports import wide

if TYPE_CHECKING:
    from models.data.draft import Draft

BASE = "sentence-transformers/all-MiniLM-L6-v2"
MOST_LABELS = 40


@click.command("task")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--text", default="text", show_default=True, help="The column of the text.")
@click.option("--label", default="label", show_default=True, help="The column of its label.")
@click.option(
    "--out-of-scope", multiple=True, metavar="LABEL",
    help="The label of texts that are none of the others, on which nobody should guess; may be repeated.",
)  # fmt: skip
@click.option(
    "--head", default="intent", show_default=True, help="What the label is called; a worker answers by 'intent'."
)
@click.option("--encoding", default="utf-8", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The task, a .toml.")
@click.option("--overwrite", is_flag=True, help="Also a task that is there, and that somebody may have edited.")
def command(
    file: Path, text: str, label: str, out_of_scope: tuple[str, ...], head: str, encoding: str, out: Path,
    overwrite: bool,
) -> None:  # fmt: skip
    """Look at FILE (CSV with a header, or JSON lines), say what is odd in it, and write a first task for it.

    Proposed are labels, splits, the metric that decides and how long to train. See docs/own-model.md.
    """
    from models.data.draft import Labelled, draft

    if not re.fullmatch(r"[A-Za-z0-9_-]+", head):
        raise click.UsageError(f"--head {head}: wanted letters, digits, - and _")
    if out.suffix != ".toml":
        raise click.UsageError(f"--out {out}: wanted a name that ends in .toml, as the other verbs tell a task by it")
    if out.exists() and not overwrite:
        raise InputError(f"{out} is there, and somebody may have edited it; give another --out, or --overwrite")
    made = draft(Labelled(file, text, label, encoding), out.stem, head, out_of_scope)
    tell(made, file)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(made.toml, encoding="utf-8")
    task, data = shlex.quote(str(out)), shlex.quote(str(file.parent))
    click.echo(f"{out}: decided by {made.metric}. Read it, then:")
    click.echo(f"gretchen models finetune {task} --base {BASE} --data {data} --out run")


def tell(made: "Draft", file: Path) -> None:
    splits = ("train", "dev", "test")
    table = Table("label", "texts", *splits)
    for name, by_split in [*made.counts.items()][:MOST_LABELS]:
        table.add_row(escape(name), str(sum(by_split.values())), *(str(by_split[split]) for split in splits))
    table.add_section()
    totals = [sum(by_split[split] for by_split in made.counts.values()) for split in splits]
    table.add_row(f"all {len(made.counts)}", str(sum(totals)), *map(str, totals))
    click.echo(f"{file}: {made.rows:,} rows, {sum(totals):,} of them of use")
    wide().print(table)
    for line in made.notes:
        click.echo(line, err=True)
