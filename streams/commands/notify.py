"""`gretchen notify`: alerts to where people see them."""

import asyncio
import logging
import os
import sys
from typing import TYPE_CHECKING

import click

from models.errors import GretchenError
from streams.settings import Settings, load_settings

if TYPE_CHECKING:
    from streams.sinks.config import Sink


@click.command("notify")
@click.option("--check", is_flag=True, help="Read the sinks file, say which sinks there are, and end.")
def command(check: bool) -> None:
    """Deliver alerts to the sinks of GRETCHEN_SINKS, each at least once, until SIGTERM or Ctrl-C.

    See docs/alerting.md. Several may run: they share the work, and one takes over from another that is gone.
    """
    from streams.admin import ensure_topics, wait_for_broker
    from streams.sinks.config import load_sinks
    from streams.sinks.notify import notify

    settings = load_settings(os.environ)
    sinks = load_sinks(settings.sinks, os.environ)
    if check:
        for sink in sinks:
            click.echo(described(sink))
    for doubt in doubts_about_routes(settings):
        click.echo(f"warning: {doubt}", err=True)
    if check:
        return
    logging.basicConfig(level=settings.log_level, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole URLs, which are secrets here
    for client in ("aiokafka", "kafka"):
        logging.getLogger(client).setLevel(logging.CRITICAL)  # we tell once what they would repeat each second
    wait_for_broker(settings)
    ensure_topics(settings)
    asyncio.run(notify(settings, sinks, lambda line: click.echo(line)))


def described(sink: "Sink") -> str:
    """One line for --check; it shows no secret."""
    asked = [f"{sink.minimum_severity} and above", ", ".join(sink.statuses)]
    asked += [", ".join(given) for given in (sink.kinds, sink.scopes) if given]
    asked += [f"{len(sink.entities)} entities"] if sink.entities else []
    asked += [] if sink.storms else ["storms entity by entity"]
    return f"{sink.name}: {sink.KIND}, {', '.join(asked)}"


def doubts_about_routes(settings: Settings) -> list[str]:
    """Routes of the rules file that lead to no sink; what they say is told to nobody unless others are named beside."""
    from streams.commands.rules import lost_routes
    from streams.rules_file import rules_of

    try:
        return lost_routes(rules_of(settings), settings)
    except GretchenError as error:  # the worker's trouble: alerts that are there are delivered all the same
        return [f"routes are not checked: {error}"]
