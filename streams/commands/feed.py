"""`gretchen feed`: RSS and Atom into the news topic."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from importlib.metadata import version

import click
import httpx
from rich.console import Console
from rich.markup import escape

from models.errors import InputError
from streams.admin import ensure_topics, wait_for_broker
from streams.settings import Settings, load_settings
from streams.sources.feeds import Limits, Poll, Reader
from streams.sources.publish import Publisher
from streams.sources.seen import Seen
from streams.topics import NEWS


@click.command("feed")
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@click.option(
    "--interval", type=click.FloatRange(min=1), default=300.0, show_default=True, help="Seconds between polls."
)
@click.option("--once", is_flag=True, help="Poll each feed once and end; 4 is the exit code if one failed.")
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=20.0, show_default=True, help="Seconds a feed may take."
)
@click.option("--max-bytes", type=click.IntRange(min=1), default=5_000_000, show_default=True, help="Decompressed.")
@click.option("--summary", is_flag=True, help="Add an item's summary to its title.")
@click.option("-v", "--verbose", is_flag=True, help="Say more of each poll.")
def command(
    urls: tuple[str, ...], interval: float, once: bool, timeout: float, max_bytes: int, summary: bool, verbose: bool
) -> None:
    """Read RSS and Atom feeds into the news topic until stopped. An item enters once, also after a restart."""
    settings = load_settings(os.environ)
    wait_for_broker(settings)
    ensure_topics(settings)
    limits = Limits(interval, timeout, max_bytes, summary)
    console = Console(highlight=False, soft_wrap=True)

    def report(poll: Poll) -> None:
        show(console, poll, verbose, once)

    with (
        contextlib.closing(Seen(settings.data_dir / "feeds.sqlite3")) as seen,
        Publisher(settings, NEWS, "gretchen/feed", linger_ms=0) as publisher,
    ):
        polls, stopped_by = asyncio.run(read(settings, limits, seen, publisher, report, urls, once))
    if stopped_by:
        console.print("stopped; what was read is kept")
        sys.exit(130 if stopped_by == signal.SIGINT else 0)
    if failed := [poll.feed for poll in polls if poll.error]:
        raise InputError(f"{len(failed)} of {len(polls)} feeds failed: {', '.join(failed)}; see above")


async def read(
    settings: Settings,
    limits: Limits,
    seen: Seen,
    publisher: Publisher,
    report: Callable[[Poll], None],
    urls: tuple[str, ...],
    once: bool,
) -> tuple[list[Poll], int]:
    """The polls of --once, or the signal that stopped us."""
    stopped_by = 0
    headers = {"User-Agent": f"gretchen/{version('gretchen')} (feed reader)"}
    async with httpx.AsyncClient(headers=headers, timeout=limits.timeout_s) as client:
        reader = Reader(settings, limits, client, seen, publisher.deliver, publisher.abandon, report)
        task = asyncio.create_task(reader.read(urls, once))

        def stop(number: int) -> None:
            nonlocal stopped_by
            stopped_by = number
            task.cancel()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends us the usual way
                loop.add_signal_handler(number, stop, number)
        try:
            return await task, 0
        except asyncio.CancelledError:
            if not stopped_by:
                raise
            return [], stopped_by


def show(console: Console, poll: Poll, verbose: bool, once: bool) -> None:
    """One line a poll; counts only, no text of the feed."""
    if poll.error:
        line = f"[red]failed[/] {escape(poll.feed)}: {escape(poll.error)}"
    else:
        line = f"[green]polled[/] {escape(poll.feed)}: {poll.entered} new, {poll.known} known"
        if poll.textless:
            line += f", {poll.textless} without text"
    if verbose and poll.detail:
        line += f" ({escape(poll.detail)})"
    if not once and (verbose or poll.error):
        line += f"; next in {poll.next_s:,.0f} s"
    console.print(line)
