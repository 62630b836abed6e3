"""`gretchen page`: the live page."""

import logging
import os
import sys

import click

from models.errors import GretchenError
from streams.settings import load_settings


@click.command()
@click.option("--host", help="Address to listen on. Default: GRETCHEN_PAGE_HOST, loopback.")
@click.option("--port", type=int, help="Port to listen on, 0 for any free one. Default: GRETCHEN_PAGE_PORT, 8080.")
def command(host: str | None, port: int | None) -> None:
    """Serve the live page: headlines with their verdicts, entities, alerts, and a chat box that works.

    It reads the output topics of a running worker; it may start before the broker and outlives its restarts.
    """
    settings = load_settings(os.environ, page_host=host, page_port=port)
    try:
        from streams.web.serve import serve
    except ModuleNotFoundError as error:
        raise GretchenError(
            f"the page needs the package {error.name}, which is not installed; run: pip install 'gretchen[demo]'"
        ) from None
    logging.basicConfig(level=settings.log_level, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the feed tells once what they would repeat each second
    serve(settings, lambda line: click.echo(line))
