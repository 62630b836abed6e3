"""`gretchen models sentences`: text without labels, which teachers of the news model judge."""

from pathlib import Path

import click

from streams.commands.models.inputs import data_option


@click.command("sentences")
@data_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A file: a sentence a line.")
def command(data: Path, out: Path) -> None:
    """Write the sentences of annual reports (TAT-QA) and of Wikinews (QAMR), for 'distil --unlabelled'."""
    from models.data.sentences import sentences_in

    found = sentences_in(data)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(f"{sentence}\n" for sentence in found), encoding="utf-8")
    click.echo(f"{out}: {len(found)} sentences")
