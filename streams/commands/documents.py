"""`gretchen documents`: what answers are read from, added, removed, listed, searched."""

import difflib
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import click
import msgspec
from rich.console import Console
from rich.progress import track
from rich.table import Table

from models.errors import BrokerUnavailable, InputError
from streams.admin import ensure_topics, wait_for_broker
from streams.chat.index import PassageIndex
from streams.documents.catalog import Catalog
from streams.documents.loading import Document, Limits, cut, documents, files_of, load_all
from streams.engines import load_encoder
from streams.mirror import DocumentsMirror, Follow, Mirror
from streams.records import Passage
from streams.settings import Settings, load_settings
from streams.sources.publish import Outgoing, Publisher
from streams.topics import DOCUMENTS

SENT_AT_ONCE = 500
PATIENCE_S = 120.0  # for all that the topic holds
SHOWN_UNREADABLE = 20
SHOWN_CHARS = 300

PATHS = click.Path(exists=True, path_type=Path)
ENCODING = click.option("--encoding", help="Of text files, where it should not be told from them.")


@click.group("documents")
def command() -> None:
    """The documents that questions are answered from, kept in the topic `documents` for every worker to read."""


@command.command("add")
@click.argument("paths", nargs=-1, required=True, type=PATHS, metavar="DIR|FILE...")
@ENCODING
def add(paths: tuple[Path, ...], encoding: str | None) -> None:
    """Add or update documents: .txt, .md, .html, .pdf, and .jsonl of {"id", "title", "text"}.

    A document's id is its file's place below DIR; added again it takes the place of what it was. What has not changed
    is not sent. A file that can't be read is reported, the others are added; the exit code is then 4.
    """
    settings = load_settings(os.environ)
    files = files_of(paths)
    catalog = read_catalog(settings)
    counts = Counts()
    with Publisher(settings, DOCUMENTS, "gretchen/documents", linger_ms=20) as publisher:
        shown = track(files, "adding", console=terminal(), transient=True, disable=not sys.stderr.isatty())
        for each in documents(shown, Limits(settings.max_document_bytes, encoding)):
            if isinstance(each, Document):
                counts.update(catalog, publisher, cut(each))
            else:
                counts.report(each.name, each.reason)
    click.echo(counts)
    if counts.unreadable:
        raise InputError(f"{counts.unreadable:,} of {counts.read:,} documents can't be read, see above")


@command.command("remove")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
def remove(ids: tuple[str, ...]) -> None:
    """Remove documents by their ids, as 'gretchen documents list' shows them."""
    settings = load_settings(os.environ)
    catalog = read_catalog(settings)
    for id in ids:
        if id not in catalog.documents:
            near = difflib.get_close_matches(id, catalog.documents, 1)
            raise InputError(
                f"no document {id!r}; {f'did you mean {near[0]!r}?' if near else 'see gretchen documents list'}"
            )
    gone = [passage for id in dict.fromkeys(ids) for passage in catalog.documents[id].passages]
    with Publisher(settings, DOCUMENTS, "gretchen/documents", linger_ms=20) as publisher:
        deliver(publisher, map(tombstone, gone))
    click.echo(f"removed {len(set(ids)):,} documents, {len(gone):,} passages")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line instead of a table.")
def list_(as_json: bool) -> None:
    """The documents there are, with how many passages each has."""
    held = read_catalog(load_settings(os.environ)).documents
    if as_json:
        for id, holding in sorted(held.items()):
            row = {"id": id, "title": holding.title, "passages": len(holding.passages), "added_at": holding.added_at}
            click.echo(msgspec.json.encode(row))
        return
    table = Table("document", "title", "passages", "added")
    for id, holding in sorted(held.items()):
        table.add_row(id, holding.title, f"{len(holding.passages):,}", f"{holding.added_at:%Y-%m-%d %H:%M} UTC")
    console = Console(width=None if sys.stdout.isatty() else 120, markup=False)
    console.print(table)
    click.echo(f"{len(held):,} documents, {sum(len(each.passages) for each in held.values()):,} passages")


@command.command("search")
@click.argument("words")
@click.option(
    "--documents", "paths", multiple=True, type=PATHS, metavar="DIR|FILE", help="Search these, without Kafka."
)
@click.option("-k", "count", type=click.IntRange(1, 50), default=5, show_default=True, help="Show so many passages.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
@ENCODING
def search(words: str, paths: tuple[Path, ...], count: int, as_json: bool, encoding: str | None) -> None:
    """Show the passages that WORDS find, as a question would find them."""
    settings = load_settings(os.environ)
    index = PassageIndex(load_encoder(settings))
    if paths:
        index.apply(load_all(paths, Limits(settings.max_document_bytes, encoding)), [])
    else:
        wait_for_broker(settings)
        ensure_topics(settings)
        with DocumentsMirror(settings, index) as mirror:
            await_all(settings, mirror)
    (hits,) = index.search([words], count)
    for hit in hits:
        if as_json:
            click.echo(msgspec.json.encode({"score": round(hit.score, 4), "passage": hit.passage}))
        else:
            show(hit.passage, hit.score)
    if not hits:
        click.echo(f"none of {len(index):,} passages has anything of it", err=True)


def show(passage: Passage, score: float) -> None:
    where = " > ".join([passage.document, *passage.heading])
    text = " ".join(passage.text.split())
    cut_off = text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS].rsplit(" ", 1)[0] + " …"
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 120)
    console.print(f"{where} [{passage.start}:{passage.end}] {score:.3f}", style="bold")
    console.print(f"{cut_off}\n")


class Counts:
    """What became of each document. As a text: one line of it."""

    def __init__(self) -> None:
        self.new = self.changed = self.unchanged = self.unreadable = self.sent = self.gone = 0
        self._began_s = time.monotonic()

    @property
    def read(self) -> int:
        return self.new + self.changed + self.unchanged + self.unreadable

    def update(self, catalog: Catalog, publisher: Publisher, passages: Sequence[Passage]) -> None:
        """Send what the topic lacks; when this returns, Kafka has it."""
        plan = catalog.plan(passages)
        deliver(publisher, [*map(outgoing, plan.passages), *map(tombstone, plan.gone)])
        self.new += plan.new
        self.unchanged += plan.unchanged
        self.changed += not plan.new and not plan.unchanged
        self.sent += len(plan.passages)
        self.gone += len(plan.gone)

    def report(self, name: str, reason: str) -> None:
        self.unreadable += 1
        if self.unreadable <= SHOWN_UNREADABLE:
            click.echo(f"{name}: {reason}", err=True)

    def __str__(self) -> str:
        took_s = time.monotonic() - self._began_s
        return (
            f"{self.new:,} documents new, {self.changed:,} changed, {self.unchanged:,} as they were, "
            f"{self.unreadable:,} unreadable; {self.sent:,} passages sent, {self.gone:,} removed in {took_s:.1f} s"
        )


def outgoing(passage: Passage) -> Outgoing:
    value = msgspec.json.encode(passage)
    return Outgoing(quote(f"{passage.id}@{passage.digest}"), passage.id.encode(), value)


def tombstone(id: str) -> Outgoing:
    return Outgoing(quote(f"{id}@removed"), id.encode(), None)


def deliver(publisher: Publisher, records: Iterable[Outgoing]) -> None:
    """Some at a time, so that of a large document not all is under way at once. Raises BrokerUnavailable."""
    left = iter(records)
    while part := list(islice(left, SENT_AT_ONCE)):
        publisher.deliver(part)


def read_catalog(settings: Settings) -> Catalog:
    """What the topic holds now; it is made if it is missing. Raises BrokerUnavailable."""
    wait_for_broker(settings)
    ensure_topics(settings)
    catalog = Catalog()
    with Mirror(settings, {DOCUMENTS.of(settings): Follow(catalog.take)}, "documents") as mirror:
        await_all(settings, mirror)
    return catalog


def await_all(settings: Settings, mirror: Mirror) -> None:
    with spinning("reading what is there"):
        if not mirror.wait(PATIENCE_S):
            raise BrokerUnavailable(
                f"{settings.bootstrap_servers} did not send all of {DOCUMENTS.of(settings)} within {PATIENCE_S:.0f} s; "
                "see the broker's log, and try again"
            )


@contextmanager
def spinning(what: str) -> Iterator[None]:
    """Something to look at on a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    with terminal().status(what):
        yield


def terminal() -> Console:
    return Console(stderr=True)
