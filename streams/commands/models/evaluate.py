"""`gretchen models evaluate`: an artifact's figures, as it is served."""

import json
from pathlib import Path

import click

from models.errors import ArtifactError
from streams.commands.models.inputs import data_option, load
from streams.commands.models.reports import print_reports


@click.command("evaluate")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("--task", help="The task; by default the artifact's own.")
@data_option
@click.option("--split", type=click.Choice(["dev", "test"]), default="test", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The whole report as JSON on stdout.")
def command(artifact: Path, task: str | None, data: Path, split: str, as_json: bool) -> None:
    """Measure ARTIFACT as it is served."""
    from models.artifact import load_artifact
    from models.engines.onnx import OnnxEngine
    from models.evaluate import by_source, measure

    loaded = load_artifact(artifact)
    declared, corpus, measured = load(task or loaded.config.task, data)
    engine = OnnxEngine(loaded)
    for name, labels in engine.labels.items():
        if name not in declared.heads or declared.heads[name].labels != labels:
            raise ArtifactError(
                f"{artifact}: head {name} has other labels than task {declared.name}; give the --task it is of"
            )
    abstain = loaded.config.abstain
    reports = measure(
        engine, by_source(corpus.examples[split] + measured.examples[split]), abstain.threshold if abstain else None
    )
    if as_json:
        click.echo(json.dumps(reports, ensure_ascii=False))
    else:
        print_reports(reports)
