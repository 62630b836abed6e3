"""`gretchen score`: verdicts on a file's texts, without Kafka."""

import os
from functools import partial

import click

from streams.settings import load_settings
from streams.sources.files import FORMATS, Format, open_source


@click.command("score")
@click.argument("file")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Guessed from the name when not given.")
@click.option("--encoding", help="Of the text; UTF-8 when not given, UTF-16 by its mark.")
@click.option("--text", default="text", show_default=True, metavar="COLUMN", help="Where the text stands.")
@click.option("--id", "id_", default="id", show_default=True, metavar="COLUMN", help="Where the id stands.")
def command(file: str, format_: Format | None, encoding: str | None, text: str, id_: str) -> None:
    """Score FILE (JSON lines, CSV or plain lines, also gzipped; - for standard input), as the worker would.

    JSON lines come out, one a row and in the rows' order: {"id", "sentiment", "probabilities", "topic",
    "topic_probabilities", "entities": [{"name", "start", "end", "sentiment", "probabilities"}]}. The entities are those
    of the watchlist, or those that a row names itself: "entities": ["Nokia", …], or objects with name, start and end.
    A name that does not stand in the text is judged by the whole text, start and end null.

    A row that can't be scored gives {"id", "line", "error"} in its place; the exit code is then 4.
    """
    from streams.engines import load_news
    from streams.news.entities import Gazetteer, load_watchlist
    from streams.offline import run, score_rows

    settings = load_settings(os.environ)
    engine = load_news(settings)
    gazetteer = Gazetteer(load_watchlist(settings.watchlist))
    with open_source(file, format_, encoding) as source:
        run(
            source,
            source.rows((text,)),
            partial(
                score_rows, engine=engine, gazetteer=gazetteer, columns=(text, id_), max_chars=settings.max_text_chars
            ),
        )
