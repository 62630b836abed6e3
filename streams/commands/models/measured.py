"""What evaluate and compare measure on: a task's data folder, or a CSV or JSONL of the user's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from models.errors import InputError
from streams.commands.models.inputs import load

if TYPE_CHECKING:
    from models.artifact import Artifact
    from models.data.corpus import Example
    from models.tasks.task import Head

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Measured:
    """Examples by set and the heads they are labelled for; `dev` is empty for a user's file."""

    heads: "Mapping[str, Head]"
    sets: "Mapping[str, list[Example]]"
    dev: "Mapping[str, list[Example]]"
    described: str
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The options of `data_options`."""

    data: Path
    task: str | None
    split: str
    head: str | None
    text: str
    second: str | None
    label: str
    names: tuple[str, ...]
    out_of_scope: tuple[str, ...]
    encoding: str


def data_options(command: Command) -> Command:
    """The options that say what to measure on, in the order of the help."""
    for option in reversed(
        (
            click.option(
                "--data", type=click.Path(path_type=Path), required=True,
                help="The folder that holds the task's data sets, or a CSV or JSONL of your own.",
            ),
            click.option("--task", help="The task; by default the artifact's own."),
            click.option("--split", type=click.Choice(["dev", "test"]), default="test", show_default=True),
            click.option("--head", help="Of your own file: the head that its labels are of."),
            click.option("--text", default="text", show_default=True, help="Of your own file: the column of the text."),
            click.option("--second", help="Of your own file of pairs: the column of the second text."),
            click.option("--label", default="label", show_default=True, help="Of your own file: that of the label."),
            click.option(
                "--labels", "names", multiple=True, metavar="THEIRS=OURS",
                help="Of your own file: what a label is called by the artifact; may be repeated.",
            ),
            click.option(
                "--out-of-scope", multiple=True, metavar="LABEL",
                help="Of your own file: the label of texts that the artifact should turn away; may be repeated.",
            ),
            click.option("--encoding", default="utf-8", show_default=True, help="Of your own file."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def measured_on(artifact: "Artifact", chosen: Chosen) -> Measured:
    """Raises InputError, click.UsageError."""
    found = own_file(artifact, chosen) if chosen.data.is_file() else task_data(artifact, chosen)
    if not any(found.sets.values()):
        raise InputError(f"{chosen.data}: no labelled text in the {chosen.split} split; wanted some to measure on")
    return found


def task_data(artifact: "Artifact", chosen: Chosen) -> Measured:
    from models.data.leaks import leaks
    from models.evaluation.evaluate import by_source

    name = chosen.task or artifact.config.task
    task, learned, measured = load(name, chosen.data)
    if task.pair != artifact.config.pair:
        raise InputError(f"{artifact.path} is of {of(artifact.config.pair)}, task {task.name} of {of(task.pair)}")
    found = [str(leak) for leak in leaks(learned, measured)]
    for line in found:
        click.echo(line, err=True)
    sets = by_source(learned.examples[chosen.split] + measured.examples[chosen.split])
    notes = [*learned.notes(), *measured.notes(), *found]
    return Measured(task.heads, sets, by_source(learned.examples["dev"]), f"{task.name}, {chosen.split} split", notes)


def own_file(artifact: "Artifact", chosen: Chosen) -> Measured:
    from models.data.corpus import OUT_OF_SCOPE, Corpus, add_source, own_source
    from models.tasks.task import Head

    if artifact.config.pair != bool(chosen.second):
        remedy = "name the second column by --second" if artifact.config.pair else "leave out --second"
        raise click.UsageError(f"{artifact.path} is of {of(artifact.config.pair)}; {remedy}")
    name = head_of(artifact, chosen.head)
    heads = {name: Head(name, "text", artifact.config.heads[name].labels, "accuracy")}
    names = {**parse_names(chosen.names), **dict.fromkeys(chosen.out_of_scope, OUT_OF_SCOPE)}
    source = own_source(chosen.data, name, chosen.text, chosen.label, names, chosen.encoding, chosen.second or "")
    corpus = Corpus()
    add_source(corpus, source, heads, Path())
    for line in corpus.notes():
        click.echo(line, err=True)
    return Measured(heads, {source.name: corpus.examples["test"]}, {}, str(chosen.data), corpus.notes())


def of(pair: bool) -> str:
    return "pairs of texts" if pair else "single texts"


def head_of(artifact: "Artifact", asked: str | None) -> str:
    """The head on texts that was asked for, or the only one. Raises click.UsageError."""
    on_text = [name for name, head in artifact.config.heads.items() if head.on == "text"]
    if asked in on_text or (asked is None and len(on_text) == 1):
        return asked or on_text[0]
    got = f"--head {asked}: " if asked else ""
    raise click.UsageError(f"{got}{artifact.path} has the heads {', '.join(on_text)} on texts; name one by --head")


def parse_names(pairs: tuple[str, ...]) -> dict[str, str]:
    """Their label -> ours. Raises click.UsageError."""
    if wrong := [pair for pair in pairs if not all(pair.partition("="))]:
        raise click.UsageError(f"--labels {wrong[0]}: wanted THEIRS=OURS, as 0=negative")
    return {theirs: ours for theirs, _, ours in (pair.partition("=") for pair in pairs)}
