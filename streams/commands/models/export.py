"""`gretchen models export`: a run becomes an int8 artifact."""

import sys
from functools import partial
from pathlib import Path

import click

from streams.commands.models.command_line import own_command
from streams.commands.models.inputs import console, data_option, load_any, train_missing
from streams.commands.models.kinds import exporter, print_sets
from streams.commands.models.reports import print_reports


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--task", required=True)
@data_option
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--version", default="1", show_default=True)
@click.option("--base-name", required=True, help="The base's name, for the card.")
@click.option("--recipe", multiple=True, help="A command that made RUN, for the card; may be repeated.")
@click.option(
    "--report/--no-report", default=True, show_default=True,
    help="The whole report and its pictures in the artifact (classifiers).",
)  # fmt: skip
@click.option(
    "--precision", type=click.Choice(["int8", "float32"]), default="int8", show_default=True,
    help="float32 keeps the weights beside, for 'quantize' (classifiers).",
)  # fmt: skip
@click.option(
    "--gzip", "zipped", is_flag=True,
    help="Keep the model by gzip: a sixth smaller, and a tenth of a second slower to load.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Write it even if int8 lost too much; the manifest says so.")
def command(
    run: Path, task: str, data: Path, out: Path, version: str, base_name: str, recipe: tuple[str, ...], report: bool,
    precision: str, zipped: bool, force: bool,
) -> None:  # fmt: skip
    """Turn RUN (finetune's OUT) into an artifact, int8 by default, measured as served, with its card."""
    declared, corpus, measured = load_any(task, data)
    try:
        write = exporter(declared.kind)
    except ImportError as error:
        raise train_missing(error) from None
    if precision != "int8" and declared.kind != "classifier":
        raise click.UsageError(f"--precision {precision} is for classifiers; {declared.name} is a {declared.kind}'s")
    options = {"report": report, "precision": precision} if declared.kind == "classifier" else {}
    manifest = write(
        declared, corpus, measured, run / "best", out, version=version, base=base_name, force=force, zipped=zipped,
        commands=[*recipe, own_command(sys.argv[1:])], **options,
        say=lambda line: console.print(line, highlight=False),
    )  # fmt: skip
    size = sum(file["bytes"] for file in manifest["files"].values())
    click.echo(f"{out}: {manifest['name']}/{version}, {size / 1e6:.1f} MB")
    show = print_reports if declared.kind == "classifier" else partial(print_sets, declared.kind)
    show(manifest["metrics"]["test"])
