"""`gretchen trend ENTITY`: one stream over a day, a week, a month."""

import difflib
import logging
import os
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.errors import InputError
from streams.commands import sparks
from streams.commands.alerts import COLORS, Duration
from streams.commands.top import PIPE_WIDTH, Moment, long_past
from streams.news.groups import RESERVED
from streams.news.trends import Trend, span, trend
from streams.news.windows import WindowState, headlines, moment, seconds
from streams.records import Evidence
from streams.settings import Settings, load_settings
from streams.sinks.wording import one_line

SHOWN = 8  # headlines
NEAR = 3


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that is open."""

    id: str
    kind: str
    severity: str
    opened_at: datetime
    observed: float


class Told(Trend, frozen=True, kw_only=True):
    """What --json prints."""

    episodes: list[Episode]
    headlines: list[Evidence]  # of the last six hours, the latest first


@click.command("trend")
@click.argument("entity")
@click.option("--window", type=Duration(), default="24h", show_default=True, help="5m to 35d.")
@click.option("--at", type=Moment(), help="Where the window ends. Default: the latest news of all.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def command(entity: str, window: timedelta, at: datetime | None, as_json: bool) -> None:
    """Show how ENTITY stands: its name or key, or a group's key such as topic:earnings, sector:banks or all:.

    Asked of the tables' changelogs in Kafka: it needs no worker. See docs/queries.md.
    """
    from streams.queries import read_clock

    settings = load_settings(os.environ)
    logging.getLogger("kafka").setLevel(logging.ERROR)  # it warns of steps of its own that take a while
    window_s = int(window.total_seconds())
    state = find(settings, entity)
    latest_s = max(filter(None, (state.clock_s, read_clock(settings))), default=None)
    now_s = seconds(at) if at else latest_s
    figures = None
    if now_s is not None and latest_s is not None:
        figures = trend(state, span(window_s, now_s, latest_s), window_s, now_s, latest_s)
    if figures is None or now_s is None:
        raise InputError(
            f"{state.entity}: what was said of it is dated ahead of all other news, and waits to be believed"
        )
    told = Told(
        **{field: getattr(figures, field) for field in Trend.__struct_fields__},
        episodes=episodes(state),
        headlines=sorted(headlines(state, 0.0), key=lambda each: each.at, reverse=True),
    )
    if as_json:
        click.echo(msgspec.json.encode(told))
        return
    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)
    show(console, told)
    if at is None and (note := long_past(told.at)):
        console.print(note, style="yellow")


def find(settings: Settings, asked: str) -> WindowState:
    """The state of what was asked for: by its key, else by a name of the watchlist, else by what there is.

    Raises InputError, with what is meant perhaps.
    """
    from streams.queries import each_state, read_state

    keys = [asked, *watched(settings, asked)]
    for key in keys:
        state = read_state(settings, key)
        if state is not None:
            return state
    names: dict[str, str] = {}
    for state in each_state(settings):
        if asked.casefold() in (state.entity.casefold(), state.name.casefold()):
            return state
        names |= {state.entity: state.entity, state.name: state.entity}
    watched_one = f"{keys[1]!r} is on the watchlist, but nothing was said of it yet; " if len(keys) > 1 else ""
    raise InputError(f"{watched_one or f'no news so far is about {asked!r}; '}{meant(asked, names)}")


def watched(settings: Settings, asked: str) -> list[str]:
    """Keys of the watchlist's entities that go by a name or ticker, whatever its case."""
    from streams.news.watchlist import load_watchlist

    if asked.startswith(RESERVED):
        return []
    wanted = asked.casefold()
    return [
        each.entity
        for each in load_watchlist(settings.watchlist)
        if wanted in {name.removeprefix("=").casefold() for name in (each.entity, *each.spellings(), *each.tickers)}
    ]


def meant(asked: str, names: Iterable[str]) -> str:
    """A remedy."""
    folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(asked.casefold(), folded, NEAR, 0.6)
    if near:
        return f"did you mean {' or '.join(repr(folded[each]) for each in near)}?"
    return "'gretchen top --busiest --window 35d' shows what there is"


def episodes(state: WindowState) -> list[Episode]:
    return [
        Episode(
            id=each.episode.id,
            kind=kind,
            severity=each.episode.severity,
            opened_at=moment(each.episode.opened_s),
            observed=each.episode.observed,
        )
        for kind, each in state.detectors.items()
        if each.episode is not None
    ]


def show(console: Console, told: Told) -> None:
    """Figures, series, episodes, headlines."""
    width, window = sparks.length(told.buckets.bucket_s), sparks.length(told.window_s)
    console.print(Text.assemble((one_line(told.name), "bold"), f"  {one_line(told.key)}, {told.scope}"))
    console.print(f"the {window} up to {sparks.day(told.at)} UTC; last heard of {sparks.day(told.latest_at)} UTC\n")
    rows = Table(box=None, show_header=False, pad_edge=False)
    rows.add_row("mentions", str(told.mentions), past(told.before_mentions), sparks.volume(told.buckets))
    rows.add_row("tone", sparks.toned(told.tone), past(told.before_tone), sparks.tone(told.buckets))
    rows.add_row("index", sparks.toned(told.index), "", Text(f"each block {width} or more", "dim"))
    counts = f"{told.negatives} negative, {told.neutrals} neutral, {told.positives} positive"
    rows.add_row("", "", "", counts)
    console.print(rows)
    for each in told.episodes:
        opened = f"{each.severity}: {each.kind}, open since {sparks.day(each.opened_at)} UTC"
        console.print(Text(opened, COLORS[each.severity]), Text(one_line(each.id), "dim"))
    if told.headlines:
        console.print("\nlatest headlines")
    for headline in told.headlines[:SHOWN]:
        color = {"negative": "red", "positive": "green"}.get(headline.sentiment, "yellow")
        source = f" ({one_line(headline.source, 80)})" if headline.source else ""
        console.print(Text.assemble(f"{sparks.day(headline.at)} ", (one_line(headline.text), color), (source, "dim")))


def past(value: float | None) -> Text:
    """The figure of the same time before."""
    if value is None:
        return Text("")
    return Text.assemble(("before ", "dim"), str(value) if isinstance(value, int) else sparks.toned(value))
