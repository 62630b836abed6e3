"""`gretchen notify`: alerts to where people see them."""

import asyncio
import logging
import os
import sys

import click

from streams.settings import load_settings


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
            click.echo(f"{sink.name}: {sink.KIND}, {sink.minimum_severity} and above, {', '.join(sink.statuses)}")
        return
    logging.basicConfig(level=settings.log_level, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole URLs, which are secrets here
    for client in ("aiokafka", "kafka"):
        logging.getLogger(client).setLevel(logging.CRITICAL)  # we tell once what they would repeat each second
    wait_for_broker(settings)
    ensure_topics(settings)
    asyncio.run(notify(settings, sinks, lambda line: click.echo(line)))
