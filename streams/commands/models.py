"""`gretchen models VERB`: from a base and labelled text to an artifact that is served, and its figures."""

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from models.errors import ArtifactError, InputError

if TYPE_CHECKING:
    from models.data import Corpus
    from models.tasks import Task

ZOO = Path(__file__).parents[2] / "models" / "zoo"
console = Console(stderr=True)
data_option = click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="The folder that holds the task's data sets."
)


@click.group()
def command() -> None:
    """Fine-tune, export, evaluate and verify models. Training wants `pip install 'gretchen[train]'`."""


@command.command("prune-vocabulary")
@click.argument("task")
@click.option(
    "--base", type=click.Path(path_type=Path), required=True, help="A Hugging Face directory (BERT, safetensors)."
)
@data_option
@click.option("--size", type=click.IntRange(min=1), default=14_000, show_default=True, help="Pieces to keep.")
@click.option(
    "--seen", type=click.IntRange(min=1), default=1, show_default=True, help="Uses from which a piece must stay."
)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def prune_vocabulary(task: str, base: Path, data: Path, size: int, seen: int, out: Path) -> None:
    """Cut a base's vocabulary to what TASK's texts need."""
    declared, corpus, _ = _load(task, data)
    try:
        from models.prune_vocabulary import prune_vocabulary as prune
    except ImportError as error:
        raise _train_missing(error) from None
    texts = [example.text for example in corpus.examples["train"]]
    pruned = prune(base, out, texts, size, declared.max_tokens, seen=seen)
    click.echo(
        f"{out}: {pruned.before} -> {pruned.after} pieces, {pruned.used} of them used by {len(texts)} texts;"
        f" unknown pieces {pruned.unknown_before} -> {pruned.unknown_after}"
    )


@command.command()
@click.argument("task")
@click.option(
    "--base",
    type=click.Path(path_type=Path),
    required=True,
    help="What 'prune-vocabulary' wrote, any BERT, or best/ of another run to go on from.",
)
@data_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The run: best/, last/, log.jsonl.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint of --out.")
@click.option("--epochs", type=float)
@click.option("--batch-size", type=click.IntRange(min=1))
@click.option("--learning-rate", type=float)
@click.option("--seed", type=int)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; all cores by default.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--without-pairs", is_flag=True, help="Leave out the texts that the task makes of two.")
@click.option(
    "--share", "shares", multiple=True, metavar="SET=SHARE", help="Train on this share of a set; may be repeated."
)
def finetune(
    task: str,
    base: Path,
    data: Path,
    out: Path,
    resume: bool,
    threads: int | None,
    device: str,
    without_pairs: bool,
    shares: tuple[str, ...],
    **options: Any,
) -> None:
    """Fine-tune BASE on TASK (a shipped task's name or a .toml); the best epoch on dev is kept."""
    from dataclasses import replace

    declared, corpus, _ = _load(task, data, without_pairs=without_pairs, shares=parse_shares(shares))
    training = replace(declared.training, **{key: value for key, value in options.items() if value is not None})
    try:
        import torch

        from models.finetune import finetune as run
    except ImportError as error:
        raise _train_missing(error) from None
    if threads:
        torch.set_num_threads(threads)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        shown = bar.add_task("loading", total=None)
        best = run(
            declared, corpus, base, out, training, resume=resume, device=device,
            progress=lambda done, total, word: bar.update(shown, completed=done, total=total, description=word),
        )  # fmt: skip
    click.echo(f"{out}/best: epoch {best['epoch']}, dev {json.dumps(best['dev'])}")


@command.command()
@click.argument("models", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A run, as finetune's OUT.")
def average(models: tuple[Path, ...], out: Path) -> None:
    """Average the weights of MODELS (best/ or last/ of runs that went on from one another)."""
    try:
        from models.average import average as write
    except ImportError as error:
        raise _train_missing(error) from None
    write(models, out)
    click.echo(f"{out}/best: the mean of {len(models)}")


@command.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--task", required=True)
@data_option
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--version", default="1", show_default=True)
@click.option("--base-name", required=True, help="The base's name, for the card.")
@click.option("--recipe", multiple=True, help="A command that made RUN, for the card; may be repeated.")
@click.option("--force", is_flag=True, help="Write it even if int8 lost too much; the manifest says so.")
def export(
    run: Path, task: str, data: Path, out: Path, version: str, base_name: str, recipe: tuple[str, ...], force: bool
) -> None:
    """Turn RUN (finetune's OUT) into an int8 artifact, measured as served, with its card."""
    declared, corpus, measured = _load(task, data)
    try:
        from models.export import export as write
    except ImportError as error:
        raise _train_missing(error) from None
    manifest = write(
        declared, corpus, measured, run / "best", out, version=version, base=base_name, force=force,
        commands=[*recipe, own_command(sys.argv[1:])],
        say=lambda line: console.print(line, highlight=False),
    )  # fmt: skip
    size = sum(file["bytes"] for file in manifest["files"].values())
    click.echo(f"{out}: {manifest['name']}/{version}, {size / 1e6:.1f} MB")
    _print_reports(manifest["metrics"]["test"])


def own_command(arguments: list[str]) -> str:
    """The command line as it can be typed again, without what other commands it was told of."""
    kept = [n for n, each in enumerate(arguments) if "--recipe" not in (each, *arguments[max(0, n - 1) : n])]
    return shlex.join(["gretchen", *(arguments[n] for n in kept)])


@command.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("--task", help="The task; by default the artifact's own.")
@data_option
@click.option("--split", type=click.Choice(["dev", "test"]), default="test", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The whole report as JSON on stdout.")
def evaluate(artifact: Path, task: str | None, data: Path, split: str, as_json: bool) -> None:
    """Measure ARTIFACT as it is served."""
    from models.artifact import load_artifact
    from models.engines.onnx import OnnxEngine
    from models.evaluate import by_source, measure

    loaded = load_artifact(artifact)
    declared, corpus, measured = _load(task or loaded.config.task, data)
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
        _print_reports(reports)


@command.command("list")
@click.option(
    "--zoo", type=click.Path(path_type=Path), default=ZOO, help="A folder of artifacts; the shipped by default."
)
def list_(zoo: Path) -> None:
    """The artifacts in a folder, with their figures."""
    for path in sorted(zoo.glob("*/manifest.json")):
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            size = sum(file["bytes"] for file in manifest["files"].values())
            figures = ", ".join(
                f"{name} {told['accuracy']:.3f}"
                for name, told in manifest["metrics"]["test"].items()
                if "labels" in told
            )
            click.echo(
                f"{manifest['name']}/{manifest['version']}  {size / 1e6:.1f} MB  {path.parent}  accuracy: {figures}"
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactError(
                f"{path}: not a manifest ({error!r}); run 'gretchen models verify {path.parent}'"
            ) from None


@command.command()
@click.argument("artifacts", type=click.Path(path_type=Path), nargs=-1)
def verify(artifacts: tuple[Path, ...]) -> None:
    """Check artifacts against their manifests; the shipped ones if none is given."""
    from models.artifact import load_artifact

    for path in artifacts or sorted(p.parent for p in ZOO.glob("*/manifest.json")):
        loaded = load_artifact(path)
        click.echo(f"{path}: {loaded.version} verified")


def parse_shares(shares: tuple[str, ...]) -> dict[str, float]:
    """Set -> share. Raises click.UsageError."""
    try:
        parsed = {name: float(share) for name, _, share in (each.partition("=") for each in shares)}
    except ValueError:
        raise click.UsageError(f"--share: got {' '.join(shares)}, wanted SET=SHARE, as tfns_topic=0.3") from None
    return parsed


def _load(
    task: str, data: Path, *, without_pairs: bool = False, shares: "Mapping[str, float]" = MappingProxyType({})
) -> "tuple[Task, Corpus, Corpus]":
    """The task, what it learns from, what it is only measured on. Says what was skipped."""
    from dataclasses import replace

    from models.data import load_corpus
    from models.tasks import load_task

    declared = load_task(task)
    if unknown := shares.keys() - {source.name for source in declared.sources}:
        raise click.UsageError(f"--share: task {declared.name} has no set {', '.join(sorted(unknown))}")
    sources = tuple(
        replace(
            source,
            paired=0.0 if without_pairs else source.paired,
            train_share=shares.get(source.name, source.train_share),
        )
        for source in declared.sources
    )
    declared = replace(declared, sources=sources)
    try:
        corpora = [load_corpus(declared, data, use=use) for use in ("train", "measure")]
    except ImportError as error:
        raise _train_missing(error) from None
    for corpus in corpora:
        for (source, reason), count in sorted(corpus.skipped.items()):
            console.print(f"{source}: {count} skipped, {reason}", highlight=False)
    return declared, corpora[0], corpora[1]


def _print_reports(reports: dict[str, dict[str, Any]]) -> None:
    table = Table("set.head", "n", "accuracy", "macro F1", "calibration error")
    for name, told in reports.items():
        if "labels" in told:
            table.add_row(name, *(str(told[key]) for key in ("n", "accuracy", "macro_f1", "ece")))
    Console().print(table)
    if "abstention" in reports:
        click.echo(json.dumps(reports["abstention"]))


def _train_missing(error: ImportError) -> InputError:
    return InputError(
        f"{error.name or error} is not installed; training and export want it: pip install 'gretchen[train]'"
    )
