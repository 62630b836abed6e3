"""What the verbs are given: a task and its data, read and told about; and what is said where the extra is missing."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from models.errors import InputError

if TYPE_CHECKING:
    from models.data.corpus import Corpus
    from models.tasks.task import Task

console = Console(stderr=True)
data_option = click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="The folder that holds the task's data sets."
)


def load(task: str, data: Path) -> "tuple[Task, Corpus, Corpus]":
    """A classifier's task, what it learns from, what it is only measured on. Says what was skipped."""
    declared, learned, measured = load_any(task, data)
    if declared.kind != "classifier":
        raise InputError(f"task {declared.name} is of kind {declared.kind}; this is for a classifier's")
    return declared, learned, measured


def load_any(
    task: str, data: Path, *, without_pairs: bool = False, shares: Sequence[str] = (),
    doubted: Path | None = None,
) -> "tuple[Task, Any, Any]":  # fmt: skip
    """The same of any kind: two of Corpus for a classifier, two of Questions for a reader or an encoder.

    The labels in the file `doubted` are left out of what is learned.
    """
    from dataclasses import replace

    from models.data.corpus import load_corpus
    from models.data.doubted import read_doubted, without_doubted
    from models.data.questions import load_questions
    from models.tasks.task import load_task, parse_shares, with_shares

    declared = load_task(task)
    declared = with_shares(declared, parse_shares(shares, declared))
    sources = tuple(replace(source, paired=0.0 if without_pairs else source.paired) for source in declared.sources)
    declared = replace(declared, sources=sources)
    if doubted and declared.kind != "classifier":
        raise InputError(f"task {declared.name} is of kind {declared.kind}; only a classifier's labels are doubted")
    loaded = replace(declared, sources=tuple(replace(s, paired=0.0) for s in sources)) if doubted else declared
    try:
        read = load_corpus if declared.kind == "classifier" else load_questions
        corpora: list[Any] = [read(loaded, data, use=use) for use in ("train", "measure")]
    except ImportError as error:
        raise train_missing(error) from None
    if doubted:
        without_doubted(corpora[0], read_doubted(doubted), declared.heads, sources)
    for corpus in corpora:
        for line in corpus.notes():
            click.echo(line, err=True)
    return declared, corpora[0], corpora[1]


def train_missing(error: ImportError) -> InputError:
    return InputError(
        f"{error.name or error} is not installed; training and export want it: pip install 'gretchen[train]'"
    )
