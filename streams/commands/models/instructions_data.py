"""`gretchen models instructions-data`: what the text -> instruction model learns from, written by its grammar."""

import json
import random
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from streams.commands.models.zoo import ZOO

NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)  # any; times are masked
MISSES_SHOWN = 5


@click.command("instructions-data")
@click.option(
    "--data", type=click.Path(path_type=Path), required=True,
    help="The folder that holds banking77 and clinc150, whose texts are no questions on the news.",
)  # fmt: skip
@click.option("--per-pattern", type=click.IntRange(min=1), default=9, show_default=True, help="Texts of each.")
@click.option("--others", type=click.IntRange(min=1), default=1500, show_default=True, help="Texts of each data set.")
@click.option("--seed", type=int, default=13, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The --data of the task 'instructions'.")
def command(data: Path, per_pattern: int, others: int, seed: int, out: Path) -> None:
    """Write training texts for the task 'instructions': the phrasings' own, and others' that ask for nothing of it."""
    from models.artifact import load_artifact
    from models.data import rows_of
    from models.tasks import load_task
    from streams.chat.live import grammar
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
    for split in ("train", "dev", "test"):
        of_split = [{"text": row.text, "labels": dict(row.labels)} for row in rows if row.split == split]
        write(out / "phrasings" / f"{split}.jsonl", of_split)
        click.echo(f"{out}/phrasings/{split}.jsonl: {len(of_split)} texts")
    shown = "; ".join(one.text for one in missed[:MISSES_SHOWN])
    click.echo(f"{len(missed)} left out, in which linkers miss what they should find ({shown}; …)", err=True)
    for source in load_task("intents").sources:
        texts = sorted({row.text for row in rows_of(source, data) if row.split != "test"})
        chosen = random.Random(seed).sample(texts, min(others, len(texts)))
        none = [{"text": mask(text)[0], "labels": {"operation": grammar.NONE}} for text in chosen]
        write(out / source.name / "none.jsonl", none)
        click.echo(f"{out}/{source.name}/none.jsonl: {len(none)} texts")


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
