"""`gretchen models instructions-data`: what the text -> instruction model learns from: a grammar, and questions."""

import json
import random
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.commands.models.zoo import ZOO

if TYPE_CHECKING:
    from streams.chat.live.grammar import Row

NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)  # when all of asked.jsonl is asked
LEFT_SHOWN = 5


@click.command("instructions-data")
@click.option(
    "--data", type=click.Path(path_type=Path), required=True,
    help="The folder that holds banking77 and clinc150, whose texts are no questions on the news.",
)  # fmt: skip
@click.option("--per-pattern", type=click.IntRange(min=1), default=9, show_default=True, help="Texts of each.")
@click.option("--per-question", type=click.IntRange(min=1), default=3, show_default=True, help="Texts like each.")
@click.option("--others", type=click.IntRange(min=1), default=1500, show_default=True, help="Texts of each data set.")
@click.option("--seed", type=int, default=13, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The --data of the task 'instructions'.")
def command(data: Path, per_pattern: int, per_question: int, others: int, seed: int, out: Path) -> None:
    """Write training texts for the task 'instructions': the phrasings' own, questions that were written down with their
    instruction, and others' that ask for nothing of it."""
    from models.artifact import load_artifact
    from models.data.corpus import rows_of
    from models.tasks.task import load_task
    from streams.chat.live import asked, grammar
    from streams.chat.live.linking import ALIASES, Linker
    from streams.chat.live.parse import masked
    from streams.news.watchlist import load_watchlist
    from streams.settings import Settings

    entities = load_watchlist(Settings().watchlist)
    linker = Linker(entities, load_artifact(ZOO / "news").config.heads["topic"].labels)

    def mask(text: str) -> tuple[str, Counter[str]]:
        links = linker.find(text, NOW, UTC)
        return masked(text, links), Counter(link.kind for link in links)

    subjects = grammar.subjects_of(entities, tomllib.loads(ALIASES.read_text(encoding="utf-8")))
    rows, missed = grammar.rows(grammar.made(subjects, seed, per_pattern), mask)
    write_rows(out / "phrasings", rows)
    tell_left("phrasings", [one.text for one in missed])
    lines = asked.ASKED.read_text(encoding="utf-8")
    writer = asked.Writer(lambda text: linker.find(text, NOW, UTC), linker.unread, subjects)
    made, left = writer.write(asked.read(lines), seed, per_question)
    rows, missed = grammar.rows(made, mask)
    write_rows(out / "asked", rows)
    tell_left("asked", [*(f"{one.question}: {one.reason}" for one in left), *(one.text for one in missed)])
    questions = [json.loads(line) for line in lines.splitlines()]
    write(out / "asked" / "questions.jsonl", [row for row in questions if grammar.split_of(row["question"]) == "dev"])
    read = {source.name for source in load_task("instructions").sources}
    for source in (each for each in load_task("intents").sources if each.name in read):
        texts = sorted({row.text for row in rows_of(source, data) if row.split != "test"})
        chosen = random.Random(seed).sample(texts, min(others, len(texts)))
        none = [{"text": mask(text)[0], "labels": {"operation": grammar.NONE}} for text in chosen]
        write(out / source.name / "none.jsonl", none)
        click.echo(f"{out}/{source.name}/none.jsonl: {len(none)} texts")


def write_rows(folder: Path, rows: Sequence["Row"]) -> None:
    for split in ("train", "dev", "test"):
        of_split = [{"text": row.text, "labels": dict(row.labels)} for row in rows if row.split == split]
        write(folder / f"{split}.jsonl", of_split)
        click.echo(f"{folder}/{split}.jsonl: {len(of_split)} texts")


def tell_left(name: str, texts: Sequence[str]) -> None:
    more = "; …" if len(texts) > LEFT_SHOWN else ""
    shown = "; ".join(texts[:LEFT_SHOWN]) + more
    click.echo(f"{name}: {len(texts)} left out, in which linkers don't find what they should ({shown})", err=True)


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
