"""What the verbs are given: a task and its data, read and told about; and what is said where the extra is missing."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import click
from rich.console import Console

from models.errors import InputError

if TYPE_CHECKING:
    from models.data import Corpus
    from models.tasks import Task

console = Console(stderr=True)
data_option = click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="The folder that holds the task's data sets."
)


def load(
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
        raise train_missing(error) from None
    for corpus in corpora:
        for line in corpus.notes():
            click.echo(line, err=True)
    return declared, corpora[0], corpora[1]


def train_missing(error: ImportError) -> InputError:
    return InputError(
        f"{error.name or error} is not installed; training and export want it: pip install 'gretchen[train]'"
    )
