"""`gretchen models reproduce`: an artifact made again by its own recipe, and how far its figures landed."""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.errors import GretchenError, InputError
from streams.commands.models.reports import table_of, wide
from streams.commands.models.zoo import ZOO

if TYPE_CHECKING:
    from models.export.recipe import Figure, Step

RESUMED = ("finetune", "distil")


@click.command("reproduce")
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="A scratch folder for all that the recipe writes.")
@click.option("--data", type=click.Path(path_type=Path), help="In the place of the recipe's --data.")
@click.option(
    "--path", "paths", multiple=True, metavar="RECORDED=HERE",
    help="Where another path of the recipe lies here: a base, say; may be repeated.",
)  # fmt: skip
@click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), help="In the place of the recipe's; cpu in float32, for days maybe."
)
@click.option("--dry-run", is_flag=True, help="Print the commands that would be run.")
@click.option("--json", "as_json", is_flag=True, help="The comparison as JSON on stdout.")
def command(
    name: str,
    out: Path | None,
    data: Path | None,
    paths: tuple[str, ...],
    device: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run the recipe of NAME (an artifact's directory, or a shipped one's name) and compare the figures on test.

    Only gretchen's own verbs are run, without a shell. The same command goes on where it was interrupted.
    """
    from models.artifact import load_artifact
    from models.export.recipe import check_there, compared, differing, parse_recipe, planned

    path = Path(name) if Path(name).is_dir() or not (ZOO / name).is_dir() else ZOO / name
    recorded = load_artifact(path).raw
    steps = parse_recipe(recorded.get("recipe", {}).get("commands", []), valued_options(), str(path))
    if out is None and not dry_run:
        raise click.UsageError("--out SCRATCH is missing; all that the recipe writes goes there")
    scratch = out or Path("SCRATCH")
    places = parse_places(paths)
    if data:
        places |= {word.value: str(data) for step in steps for word in step.words
                   if word.option == "--data" and word.value}  # fmt: skip
    steps = planned(steps, scratch, places, device)
    for step in steps:
        check_options(step)
    if dry_run:
        for step in steps:
            click.echo(str(step))
        return
    check_there(steps, scratch)
    run_all(steps, scratch)
    made = load_artifact(Path(steps[-1].out)).raw
    figures, others = compared(recorded, made), differing(recorded, made)
    told = {"artifact": str(path), "made": steps[-1].out, "commands": [str(step) for step in steps],
            "figures": [figure._asdict() | {"difference": figure.difference} for figure in figures],
            "differing": others}  # fmt: skip
    (scratch / "reproduction.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if as_json:
        click.echo(json.dumps(told))
    else:
        print_figures(figures, others)


def valued_options() -> dict[str, frozenset[str]]:
    """Verb -> its options that take a value."""
    return {
        verb: frozenset(
            name for param in command.params if isinstance(param, click.Option) and not param.is_flag
            for name in param.opts
        )
        for verb, command in verbs().items()
    }  # fmt: skip


def verbs() -> "dict[str, click.Command]":
    from models.export.recipe import VERBS
    from streams.commands.models import command as group

    return {verb: group.commands[verb] for verb in VERBS if verb in group.commands}


def check_options(step: "Step") -> None:
    """Raise InputError for a command that this gretchen would refuse, before any is run."""
    try:
        verbs()[step.verb].make_context(step.verb, step.arguments()[1:])
    except click.ClickException as error:
        raise InputError(f"{step}: this gretchen does not take it: {error.format_message()}") from None
    except click.exceptions.Exit:
        raise InputError(f"{step}: asks for help only; nothing would be made by it") from None


def run_all(steps: "Sequence[Step]", scratch: Path) -> None:
    """One after the other, each in a process of its own; those that were done before are left out."""
    scratch.mkdir(parents=True, exist_ok=True)
    done_file = scratch / "done.json"
    done: list[list[str]] = json.loads(done_file.read_text()) if done_file.exists() else []
    if done != [step.arguments() for step in steps[: len(done)]]:
        raise InputError(f"{scratch} holds another recipe's work; give an empty --out")
    for n, step in enumerate(steps, 1):
        if n <= len(done):
            click.echo(f"{n} of {len(steps)}, done before: {step}", err=True)
            continue
        click.echo(f"{n} of {len(steps)}: {step}", err=True)
        begun = (Path(step.out) / "last" / "state.json").exists()
        code = run(step.arguments() + (["--resume"] if begun and step.verb in RESUMED else []))
        if code == 130:
            raise KeyboardInterrupt
        if code:
            raise GretchenError(f"{step}: ended with exit code {code}; mend what it says, and the same command goes on")
        done.append(step.arguments())
        done_file.write_text(json.dumps(done))


def run(arguments: list[str]) -> int:
    """Ctrl-C is the child's, which saves a checkpoint by it: a handler that does nothing is not inherited."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        return subprocess.run([sys.executable, "-m", "streams", "models", *arguments], check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def print_figures(figures: "Sequence[Figure]", others: Sequence[str]) -> None:
    rows = [
        [figure.name, *(shown(value) for value in (figure.recorded, figure.now)),
         "-" if figure.difference is None else f"{figure.difference:+.4f}", within(figure)]
        for figure in figures
    ]  # fmt: skip
    wide().print(table_of(("figure on test", "recorded", "now", "difference", "in the recorded interval"), rows))
    for line in others:
        click.echo(f"not as it was: {line}")
    both = [figure for figure in figures if figure.difference is not None]
    if both:
        far = max(both, key=lambda figure: abs(figure.difference or 0))
        click.echo(f"{len(both)} figures compared; the farthest: {far.name} {far.difference or 0:+.4f}")
    else:
        click.echo("no figure is in both manifests")


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def within(figure: "Figure") -> str:
    if figure.interval is None or figure.now is None:
        return ""
    low, high = figure.interval
    return "yes" if low <= figure.now <= high else f"no: {low:.4f} to {high:.4f}"


def parse_places(paths: tuple[str, ...]) -> dict[str, Any]:
    """Recorded -> here. Raises click.UsageError."""
    if wrong := [each for each in paths if not all(each.partition("="))]:
        raise click.UsageError(f"--path {wrong[0]}: wanted RECORDED=HERE, as bases/all-MiniLM-L6-v2=/models/minilm")
    return {there: here for there, _, here in (each.partition("=") for each in paths)}
