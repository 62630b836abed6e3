"""`gretchen models compare`: artifacts side by side, and whether the difference is more than noise."""

import json
from pathlib import Path
from typing import Any

import click

from streams.commands.models.measured import Chosen, data_options, measured_on
from streams.commands.models.reports import print_comparison


@click.command("compare")
@click.argument("artifacts", type=click.Path(path_type=Path), nargs=-1, required=True)
@data_options
@click.option("--resamples", type=click.IntRange(min=100), default=1000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The whole comparison as JSON on stdout.")
def command(artifacts: tuple[Path, ...], resamples: int, as_json: bool, **chosen: Any) -> None:
    """Measure ARTIFACTS on the same texts, each against the first (paired bootstrap)."""
    from models.artifact import check_kind, load_artifact
    from models.engines.onnx import OnnxEngine
    from models.evaluation.compare import Contender, compare
    from models.evaluation.evaluate import aligned

    if len(set(artifacts)) < 2 or len(set(artifacts)) < len(artifacts):
        raise click.UsageError(f"got {' '.join(map(str, artifacts))}; wanted two artifacts or more, each once")
    loaded = [load_artifact(path) for path in artifacts]
    for one in loaded:
        check_kind(one, "classifier")
    measured = measured_on(loaded[0], Chosen(**chosen))
    contenders = [
        Contender(
            str(one.path),
            aligned(OnnxEngine(one), measured.heads, str(one.path)),
            sum(file.bytes for file in one.manifest.files.values()),
            one.config.abstain.threshold if one.config.abstain else None,
        )
        for one in loaded
    ]
    told = {
        "data": measured.described,
        "data_notes": measured.notes,
        **compare(contenders, measured.sets, resamples=resamples,
                  say=lambda line: click.echo(line, err=True)),
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        print_comparison(told)
