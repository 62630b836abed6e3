"""`gretchen top`: which streams stand worst, best, are busiest, have moved most."""

import logging
import os
import sys
from datetime import UTC, datetime, timedelta

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.commands import sparks
from streams.commands.alerts import Duration
from streams.intake import utc
from streams.news.trends import ORDERS, Order, Trend, counted, ranked, trends
from streams.news.windows import WindowState, seconds
from streams.records import Scope
from streams.settings import load_settings

LONG_PAST = timedelta(hours=1)
PIPE_WIDTH = 140


class Top(msgspec.Struct, frozen=True, kw_only=True):
    """What --json prints. `at` is where the window ends, None when nothing was ever heard."""

    at: datetime | None
    window_s: int
    order: Order
    scope: Scope
    streams: list[Trend]


class Moment(click.ParamType):
    """An RFC 3339 time; without a zone it is UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return utc(datetime.fromisoformat(str(value)))
        except ValueError:
            self.fail(f"got {value!r}, wanted a time such as 2026-03-02T08:30 or 2026-03-02T08:30+01:00", param, ctx)


@click.command("top")
@click.option("--worst", "order", flag_value="worst", default="worst", help="Lowest tone first; the default.")
@click.option("--best", "order", flag_value="best", help="Highest tone first.")
@click.option("--busiest", "order", flag_value="busiest", help="Most mentions first.")
@click.option("--moved", "order", flag_value="moved", help="Largest change of tone against the same time before.")
@click.option("--window", type=Duration(), default="1h", show_default=True, help="5m to 35d.")
@click.option("--scope", type=click.Choice(("entity", "topic", "sector", "all")), default="entity", show_default=True)
@click.option("-n", "most", type=click.IntRange(min=1), default=10, show_default=True, help="How many.")
@click.option("--at", type=Moment(), help="Where the window ends. Default: the latest news of all.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def command(order: Order, window: timedelta, scope: Scope, most: int, at: datetime | None, as_json: bool) -> None:
    """Show the streams that stand worst in a window: entities, or topics, sectors, all news.

    Asked of the tables' changelogs in Kafka: it needs no worker. See docs/queries.md.
    """
    from streams.queries import each_state, read_clock

    assert order in ORDERS
    window_s = int(window.total_seconds())
    settings = load_settings(os.environ)
    logging.getLogger("kafka").setLevel(logging.ERROR)  # it warns of steps of its own that take a while
    heard_s = read_clock(settings)
    states = list(map(counted, each_state(settings, [scope])))
    now_s, found = trends(states, window_s, None if at is None else seconds(at), heard_s)
    end = None if now_s is None else datetime.fromtimestamp(now_s, UTC)
    top = Top(at=end, window_s=window_s, order=order, scope=scope, streams=ranked(found, order, most))
    if as_json:
        click.echo(msgspec.json.encode(top))
        return
    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)
    if not top.streams:
        console.print(nothing(states, top))
        return
    console.print(table(top))
    if at is None and (note := long_past(end)):
        console.print(note, style="yellow")


def nothing(states: list[WindowState], top: Top) -> str:
    if not states or top.at is None:
        return f"nothing was heard of any {top.scope} yet"
    before = " in it and before" if top.order == "moved" else ""
    window = sparks.length(top.window_s)
    return f"of {len(states)} streams none was mentioned{before} in the {window} up to {sparks.day(top.at)} UTC"


def table(top: Top) -> Table:
    """One row a stream."""
    assert top.at is not None
    window = sparks.length(top.window_s)
    shown = Table(
        top.scope,
        title=f"{top.order}, the {window} up to {sparks.day(top.at)} UTC",
        title_justify="left",
    )
    for column in ("mentions", "negative", "tone", "change", "index"):
        shown.add_column(column, justify="right")
    shown.add_column(f"tone by {sparks.length(top.streams[0].buckets.bucket_s)}", no_wrap=True)
    shown.add_column("open")
    for each in top.streams:
        shown.add_row(
            Text(each.name),
            mentions(each),
            str(each.negatives),
            sparks.toned(each.tone),
            sparks.toned(each.change),
            sparks.toned(each.index),
            sparks.tone(each.buckets),
            Text(", ".join(each.open), "bold red"),
        )
    return shown


def mentions(each: Trend) -> str:
    """With those of the same time before."""
    return str(each.mentions) + ("" if each.before_mentions is None else f" ({each.before_mentions})")


def long_past(end: datetime | None) -> str:
    """What to say where the stream's time is not the clock's: old news replayed, or nothing comes in."""
    age = datetime.now(UTC) - end if end else timedelta()
    if age < LONG_PAST:
        return ""
    told = f"{age.days} days" if age.days > 1 else f"{age.total_seconds() / 3600:.0f} hours"
    return f"The latest news is {told} old: old news was replayed, or none comes in."
