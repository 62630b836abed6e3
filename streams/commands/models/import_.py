"""`gretchen models import`: somebody's finished classifier becomes an artifact."""

import sys
from pathlib import Path

import click

from models.errors import InputError
from streams.commands.models.command_line import own_command
from streams.commands.models.inputs import load, train_missing
from streams.commands.models.measured import parse_names


@click.command("import")
@click.argument("source")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The artifact's folder.")
@click.option(
    "--labels", "names", multiple=True, metavar="THEIRS=OURS", help="What a label is called here; may be repeated."
)
@click.option("--task", help="The task it is for: its labels and their order, its data with --data.")
@click.option("--head", help="The head's name; with --task one of the task's heads on texts.")
@click.option(
    "--data", type=click.Path(path_type=Path),
    help="The folder of the task's data sets: int8 calibrated and judged on them (BERT only), and figures.",
)  # fmt: skip
@click.option(
    "--calibrate", type=click.Path(path_type=Path),
    help="Instead of --data a file of texts, one a line: int8 without a gate, as there are no labels.",
)  # fmt: skip
@click.option("--max-tokens", type=click.IntRange(min=3), default=128, show_default=True, help="Texts are cut there.")
@click.option(
    "--abstain-below", type=click.FloatRange(0, 1),
    help="The probability below which nobody should guess; with --data chosen on dev, if the task abstains.",
)  # fmt: skip
@click.option("--revision", help="On the hub: a branch, tag or commit.")
@click.option("--license", "license_", default="", help="Its license, where its card does not say.")
@click.option("--name", help="The artifact's name; by default that of --out.")
@click.option("--version", default="1", show_default=True)
@click.option("--force", is_flag=True, help="Write it even if int8 lost too much; the manifest says so.")
def command(
    source: str, out: Path, names: tuple[str, ...], task: str | None, head: str | None, data: Path | None,
    calibrate: Path | None, max_tokens: int, abstain_below: float | None, revision: str | None, license_: str,
    name: str | None, version: str, force: bool,
) -> None:  # fmt: skip
    """Make an artifact of SOURCE: a sequence classifier on the Hugging Face hub, or a folder of one (safetensors)."""
    if data and (calibrate or not task):
        raise click.UsageError("--data wants --task, which says what the data is, and no --calibrate")
    try:
        from models.export.import_classifier import Wanted, import_classifier
    except ImportError as error:
        raise train_missing(error) from None
    from models.tasks.task import load_task

    declared = load_task(task) if task else None
    if declared:
        on_text = [one.name for one in declared.heads.values() if one.on == "text"]
        if head not in on_text and (head or len(on_text) != 1):
            raise click.UsageError(
                f"--head: task {declared.name} has {', '.join(on_text) or 'none'} on texts; name one"
            )
        head = head or on_text[0]
    corpora = load(task, data)[1:] if task and data else None
    wanted = Wanted(
        name or out.name,
        head or "label",
        version,
        parse_names(names),
        max_tokens,
        license_,
        revision,
        force,
        abstain_below,
        declared,
    )
    manifest = import_classifier(
        source, out, wanted, commands=[own_command(sys.argv[1:])], corpora=corpora,
        calibration=lines_of(calibrate) if calibrate else (), say=lambda line: click.echo(line, err=True),
    )  # fmt: skip
    size = sum(file["bytes"] for file in manifest["files"].values())
    click.echo(
        f"{out}: {manifest['name']}/{manifest['version']}, {size / 1e6:.1f} MB, {manifest['quantization']['scheme']}"
    )


def lines_of(path: Path) -> list[str]:
    """Texts of a file, one a line. Raises InputError."""
    from models.data.corpus import read_text

    texts = [line.strip() for line in read_text(path, "utf-8").splitlines() if line.strip()]
    if not texts:
        raise InputError(f"{path}: no text; wanted one a line to calibrate on")
    return texts
