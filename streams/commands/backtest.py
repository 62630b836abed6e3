"""`gretchen backtest`: history through the rules, without Kafka."""

import gc
import heapq
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from models.errors import InputError
from streams.backtest.counts import count_files, count_rows, read_counts
from streams.backtest.labels import Measured, Spans, grid, labels_of, load_labels, measure, totals
from streams.backtest.lines import Numbered, Unread, in_time, read_lines
from streams.backtest.report import require_matplotlib, write_report
from streams.backtest.results import Account, Tally, account, as_json, sentences
from streams.backtest.running import Backtest, Told
from streams.backtest.scoring import Model, Taken, score_lines
from streams.backtest.sensitivity import multiplied, row, try_others
from streams.news.rules import RuleBook
from streams.news.score import TOPIC
from streams.news.watchlist import load_watchlist
from streams.news.windows import seconds
from streams.rules_file import load_rules
from streams.settings import Settings, load_settings
from streams.sources.files import FORMATS, Format, Source, open_source
from streams.sources.shape import parse_time

if TYPE_CHECKING:
    from models.engines import Engine
    from streams.news.entities import Gazetteer

SHOWN_EVERY = 500


class Moment(click.ParamType):
    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return value if isinstance(value, datetime) else parse_time(value)
        except ValueError as error:
            self.fail(f"{value}: {error}", param, ctx)


@click.command("backtest")
@click.argument("file")
@click.option("--rules", type=click.Path(path_type=Path), help="A rules file; GRETCHEN_RULES without.")
@click.option("--watchlist", type=click.Path(path_type=Path), help="A watchlist; GRETCHEN_WATCHLIST without.")
@click.option("--report", type=click.Path(path_type=Path, file_okay=False), help="Write an HTML report into a folder.")
@click.option("--label", type=click.Path(path_type=Path), help='JSON: {"entity or file": [["from", "to"], …]}.')
@click.option("--counts", is_flag=True, help="FILE is a CSV of timestamp,value (or a folder): so many negatives each.")
@click.option("--sort", "sort_", is_flag=True, help="Take the events by their times instead of the file's order.")
@click.option("--until", type=Moment(), help="Let time pass up to then at the end.")
@click.option("--json-summary", is_flag=True, help="The account on standard error as one JSON object.")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Guessed from the name when not given.")
@click.option("--encoding", help="Of the text; UTF-8 when not given, UTF-16 by its mark.")
def command(
    file: str,
    rules: Path | None,
    watchlist: Path | None,
    report: Path | None,
    label: Path | None,
    counts: bool,
    sort_: bool,
    until: datetime | None,
    json_summary: bool,
    format_: Format | None,
    encoding: str | None,
) -> None:
    """Say what alerts FILE (JSON lines or CSV, also gzipped; - for standard input) would have raised.

    A line is a scored event {"at", "entity", "sentiment", "id", "text"}, a record of scored-news or
    entity-sentiments, or a raw news {"id", "published_at", "text"}, which is scored first. The alerts come as JSON
    lines on standard output, an account of all on standard error. See docs/backtest.md.
    """
    if report is not None:
        require_matplotlib()
    settings = load_settings(os.environ)
    chosen = watchlist or settings.watchlist
    sectors = {each.entity: each.sector for each in load_watchlist(chosen)}
    rules_path, must_exist = rules or settings.rules, rules is not None
    labels = load_labels(label) if label is not None else None
    paths = count_files(Path(file)) if counts else []
    unread = Unread()

    topics = model_topics(load_rules(rules_path, sectors, must_exist=must_exist), settings)

    def new_run(factor: float = 1.0) -> Backtest:
        book = load_rules(rules_path, sectors, topics, must_exist=must_exist)
        return Backtest(book if factor == 1.0 else multiplied(book, factor))

    run, tally, kept = new_run(), Tally(), list[Told]()
    history: list[Taken] = []
    until_s = None if until is None else seconds(until)
    gc.freeze()  # of all that is there now nothing becomes garbage: the collector need not look at it again
    with ExitStack() as stack:
        if counts:
            events = counted(paths, unread)
        else:
            source = stack.enter_context(open_source(file, format_, encoding))
            lines = shown(read_lines(source, unread), source, stack)
            model = Model(lambda: load_model(settings, chosen), settings.max_text_chars)
            events = score_lines(in_time(lines) if sort_ else lines, model, unread)
        write = sys.stdout.buffer.write
        for told in alerts(run, events, until_s, history if report else None):
            write(msgspec.json.encode(as_json(told.alert)) + b"\n")
            tally.add(told.alert)
            if report:
                kept.append(told)
        sys.stdout.buffer.flush()
    if unread.count and not run.lines:
        raise InputError(f"{file}: none of {unread.count:,} lines could be read; {'; '.join(unread.first)}")

    def judged(opened_s: dict[str, list[float]]) -> list[Measured]:
        return measured(labels or {}, opened_s, run, Path(file), paths)

    found = None if labels is None else totals(judged(tally.opened_s))
    told_account = account(run, tally, unread, found)
    if report:
        judge = None if labels is None else judged
        rows = try_others(history, new_run, until_s, judge, row(1.0, tally, judge))
        page = write_report(report, Path(file).name, told_account, kept, rows)
        click.echo(f"report: {page}", err=True)
    tell(told_account, json_summary)


def model_topics(book: RuleBook, settings: Settings) -> tuple[str, ...]:
    """The model's topics, where a rule shares a budget out to them; the model need not be there otherwise."""
    if not any(rule.budget and rule.scope == "topic" for rule in book.rules):
        return ()
    from models.artifact import load_artifact

    return load_artifact(settings.news_model).config.heads[TOPIC].labels


def counted(paths: list[Path], unread: Unread) -> Iterator[Taken]:
    """The negatives of all files together, by time."""
    merged: Iterable[Numbered] = heapq.merge(*(read_counts(path, unread) for path in paths), key=lambda each: each.at)
    return (Taken(each, None) for each in merged)


def alerts(
    run: Backtest, events: Iterable[Taken], until_s: float | None, history: list[Taken] | None
) -> Iterator[Told]:
    """All alerts in their order; events go to `history`, where one is given."""
    for taken in events:
        if history is not None:
            history.append(taken)
        yield from run.take(taken.numbered, taken.scored)
    yield from run.end(until_s)


def load_model(settings: Settings, watchlist: Path) -> "tuple[Engine, Gazetteer]":
    from streams.engines import load_news
    from streams.news.entities import Gazetteer

    return load_news(settings), Gazetteer(load_watchlist(watchlist))


def shown(lines: Iterable[Numbered], source: Source, stack: ExitStack) -> Iterator[Numbered]:
    """The lines, with a bar of how far the file is read on a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal or sys.stdout.isatty() or not source.size_bytes:
        return iter(lines)  # no bar where the alerts themselves scroll by
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    bar = stack.enter_context(Progress(*columns, console=console, transient=True))
    task = bar.add_task(source.name, total=source.size_bytes)

    def told_of() -> Iterator[Numbered]:
        for count, each in enumerate(lines):
            if count % SHOWN_EVERY == 0:
                bar.update(task, completed=source.position())
            yield each

    return told_of()


def measured(
    labels: dict[str, Spans],
    opened_s: dict[str, list[float]],
    run: Backtest,
    file: Path,
    count_paths: list[Path],
) -> list[Measured]:
    """Each labelled entity or file with its openings."""
    if count_paths:
        found = [(path, labels_of(labels, str(path), path.name, path.stem)) for path in count_paths]
        return [
            measure(path.name, count_rows(path), spans, opened_s.get(path.stem, []))
            for path, spans in found
            if spans is not None
        ]
    if run.first_s is None:
        return []
    rows_s = grid(run.first_s, run.clock_s)
    by_entity = [(entity, labels[entity]) for entity in run.streams if entity in labels]
    if by_entity:
        return [measure(entity, rows_s, spans, opened_s.get(entity, [])) for entity, spans in by_entity]
    whole = labels_of(labels, str(file), file.name, file.stem)
    return [] if whole is None else [measure(file.name, rows_s, whole, sorted(chain.from_iterable(opened_s.values())))]


def tell(told: Account, as_object: bool) -> None:
    """The account on standard error."""
    if as_object:
        click.echo(msgspec.json.encode(told).decode(), err=True)
    else:
        for line in sentences(told):
            click.echo(line, err=True)
