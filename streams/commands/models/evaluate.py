"""`gretchen models evaluate`: an artifact's figures, as it is served."""

import json
from pathlib import Path
from typing import Any

import click

from streams.commands.models import kinds
from streams.commands.models.measured import Chosen, data_options, measured_on
from streams.commands.models.reports import print_report


@click.command("evaluate")
@click.argument("artifact", type=click.Path(path_type=Path))
@data_options
@click.option("--report", "into", type=click.Path(path_type=Path), help="Write report.json, .md and pictures there.")
@click.option("--resamples", type=click.IntRange(min=100), default=1000, show_default=True, help="Of the intervals.")
@click.option("--json", "as_json", is_flag=True, help="The whole report as JSON on stdout.")
def command(artifact: Path, into: Path | None, resamples: int, as_json: bool, **chosen: Any) -> None:
    """Measure ARTIFACT as it is served: figures with intervals, calibration, confusion, abstention, speed."""
    from models.artifact import load_artifact
    from models.engines.onnx import OnnxEngine
    from models.evaluation.evaluate import aligned
    from models.evaluation.report import full_report

    loaded = load_artifact(artifact)
    if loaded.config.kind != "classifier":
        kinds.evaluate(loaded, Chosen(**chosen), into, as_json)
        return
    measured = measured_on(loaded, Chosen(**chosen))
    engine = aligned(OnnxEngine(loaded), measured.heads, str(artifact))
    told = {
        "artifact": loaded.version,
        "bytes": sum(file.bytes for file in loaded.manifest.files.values()),
        "data": measured.described,
        "data_notes": measured.notes,
        **full_report(engine, loaded.config, measured.sets, measured.dev, resamples=resamples,
                      say=lambda line: click.echo(line, err=True)),
    }  # fmt: skip
    if into:
        written = write(told, into)
        click.echo(f"{into}: {', '.join(path.name for path in written)}", err=True)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        print_report(told)


def write(told: dict[str, Any], into: Path) -> list[Path]:
    """Raises InputError."""
    from models.errors import InputError
    from models.evaluation.report_files import write_report

    try:
        return write_report(told, into)
    except ImportError as error:
        raise InputError(
            f"{error.name or error} is not installed; pictures want it: pip install 'gretchen[train]'"
        ) from None
