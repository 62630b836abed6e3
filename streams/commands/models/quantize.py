"""`gretchen models quantize`: a float32 artifact becomes an int8 one, behind the gate."""

import sys
from pathlib import Path

import click

from streams.commands.models.command_line import own_command
from streams.commands.models.inputs import console, data_option, load, train_missing
from streams.commands.models.reports import print_reports


@click.command("quantize")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("--task", help="The task; by default the artifact's own.")
@data_option
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--version", help="By default the artifact's.")
@click.option("--report/--no-report", default=True, show_default=True, help="The whole report in the artifact.")
@click.option("--force", is_flag=True, help="Write it even if int8 lost too much; the manifest says so.")
def command(
    artifact: Path, task: str | None, data: Path, out: Path, version: str | None, report: bool, force: bool
) -> None:
    """Make ARTIFACT ('export --precision float32') int8, calibrated on its task's training texts.

    Refused, with the figures, if dev falls by more than 0.5 points, or a label's recall by more than 2.
    """
    from models.artifact import check_kind, load_artifact

    loaded = load_artifact(artifact)
    check_kind(loaded, "classifier")
    declared, corpus, measured = load(task or loaded.config.task, data)
    try:
        from models.export.quantize_artifact import quantize_artifact
    except ImportError as error:
        raise train_missing(error) from None
    manifest = quantize_artifact(
        loaded, declared, corpus, measured, out, version=version or loaded.manifest.version,
        command=own_command(sys.argv[1:]), force=force, report=report,
        say=lambda line: console.print(line, highlight=False),
    )  # fmt: skip
    before, after = (sum(file["bytes"] for file in of["files"].values()) for of in (loaded.raw, manifest))
    click.echo(f"{out}: {manifest['name']}/{manifest['version']}, {before / 1e6:.1f} -> {after / 1e6:.1f} MB")
    print_reports(manifest["metrics"]["test"])
