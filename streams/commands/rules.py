"""`gretchen rules`: is the rules file right, and whom does it watch? An example of one."""

import os
import sys
import tomllib
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streams.news.doubts import doubts
from streams.news.groups import group_of
from streams.news.rule_values import written
from streams.news.rules import RuleBook
from streams.news.storms import KIND as STORM
from streams.rules_file import EXAMPLE, rules_of
from streams.settings import Settings, load_settings

NAMES = 3  # of streams shown


@click.group("rules")
def command() -> None:
    """Check the rules file, or show an example of one. See docs/rules.md."""


@command.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check(file: Path | None) -> None:
    """Say what is wrong with FILE (default: GRETCHEN_RULES), or which streams each of its rules watches.

    A file that would not hold ends with exit code 3. What is legal but hardly meant, such as a name that no entity of
    the watchlist has, is a warning.
    """
    settings = load_settings(os.environ)
    book, path = rules_of(settings, file), file or settings.rules
    console = Console(width=None if sys.stdout.isatty() else 120)  # a pipe has no width: keep rows whole
    console.print(table_of(book, str(path) if path.exists() else f"No {path}: the defaults"))
    console.print(totals(book), highlight=False, markup=False)
    for doubt in (*doubts(book), *lost_routes(book, settings)):
        click.echo(f"{click.style('!', fg='yellow', bold=True)} {doubt}")


@command.command("example")
def example() -> None:
    """Print a rules file that uses everything, with comments: a beginning for yours."""
    click.echo(EXAMPLE.read_text("utf-8"), nl=False)


def table_of(book: RuleBook, title: str) -> Table:
    """A row for each rule."""
    table = Table("rule", "watches", "for", "streams", title=escape(title), title_justify="left")
    for column in ("false alarms each", "all"):
        table.add_column(column, justify="right")
    for rule in book.rules:
        keys = book.streams[rule.surge.name]
        some = ", ".join(group_of(key).name for key in keys[:NAMES]) + (", …" if len(keys) > NAMES else "")
        each = rule.surge.false_alarms
        streams = escape(f"{len(keys):,}" + (f": {some}" if keys and rule.scope != "all" else ""))
        table.add_row(
            escape(rule.surge.name), rule.scope, rule.surge.kind, streams, f"{each:.3g}", f"{each * len(keys):.3g}"
        )
    return table


def totals(book: RuleBook) -> str:
    total = sum(rule.surge.false_alarms * len(book.streams[rule.surge.name]) for rule in book.rules)
    storm = book.storm
    return (
        f"false alarms to be expected a month, if all streams are busy: {total:.3g}\n"
        f"late: up to {written(book.lateness_s)}; a storm: {storm.entities} entities within {written(storm.within_s)}"
    )


def lost_routes(book: RuleBook, settings: Settings) -> list[str]:
    """Routes to sinks that the sinks file, where there is one, does not have."""
    try:
        tables = tomllib.loads(settings.sinks.read_text("utf-8")).get("sink", [])
        names = {str(each["name"]) for each in tables}
    except (OSError, ValueError, KeyError, TypeError):  # absent here, or `gretchen notify --check` says what it is
        return []
    tellings = {**{rule.surge.name: rule for rule in book.rules}, STORM: book.rule(STORM)}
    routes = [(name, route) for name, telling in tellings.items() if telling for route in telling.routes]
    return [
        f"rule {name!r}: routes: {route!r} is no sink of {settings.sinks}, which has {', '.join(sorted(names))}"
        for name, route in routes
        if route not in names
    ]
