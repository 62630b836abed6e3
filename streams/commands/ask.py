"""`gretchen ask`: answers to single questions, without Kafka."""

import os
from contextlib import nullcontext
from pathlib import Path

import click
import msgspec

from models.errors import InputError
from streams.intake import Refused
from streams.records import Way
from streams.settings import load_settings
from streams.sources.files import open_source

COLUMNS = ("question", "id", "conversation")
WAYS: tuple[Way, ...] = ("template", "documents", "live")


@click.command("ask")
@click.argument("question", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print what --questions prints of it, as one JSON line.")
@click.option("--explain", is_flag=True, help="Say what was considered, the sources, and the instruction.")
@click.option("--questions", metavar="FILE", help="JSON lines or CSV with id and question; - for standard input.")
@click.option("--documents", metavar="PATH", type=Path, multiple=True, help="Read these files or directories, too.")
@click.option("--live", is_flag=True, help="Ask the live stream's tables, too, as they are in Kafka now.")
@click.option("--only", type=click.Choice(WAYS), multiple=True, help="Answer in this way only; may be repeated.")
def command(
    question: str | None,
    as_json: bool,
    explain: bool,
    questions: str | None,
    documents: tuple[Path, ...],
    live: bool,
    only: tuple[Way, ...],
) -> None:
    """Answer QUESTION as the worker would, or say that nobody should guess.

    With --questions, JSON lines {"id", "answer", "abstained", "confidence", "source", "text", "way", "intent", …} come
    out, one a row and in the rows' order; "answer" is, of a document's, the very words that answer, and "text" what a
    customer reads. Each row is a conversation of its own, unless a column "conversation" says which one it belongs to.
    A row that can't be answered gives {"id", "line", "error"} in its place, and the exit code is then 4.
    """
    if (question is None) == (questions is None):
        raise click.UsageError("give one QUESTION in quotes, or a file of them by --questions")
    from streams.offline import QUESTIONS, Answerer, run, told
    from streams.talking import Talk, answering_here, explained

    if live:
        from streams.live_market import live_market
    settings = load_settings(os.environ)
    with live_market(settings) if live else nullcontext() as market:
        answering = answering_here(settings, documents, only or WAYS, market)
        if questions is not None:
            with open_source(questions) as source:
                answerer = Answerer(answering, COLUMNS, settings.max_text_chars)
                run(source, source.rows(COLUMNS[:1]), answerer, QUESTIONS)
            return
        try:
            answer = Talk(answering, settings.max_text_chars).ask(question or "").answer
        except Refused as refused:
            raise InputError(f"the question can't be answered: {refused.detail}") from None
    if as_json:
        click.echo(msgspec.json.encode({"id": None} | told(answer)))
    else:
        click.echo(answer.text)
    if explain:
        click.echo("\n".join(explained(answer)), err=as_json)
    elif not as_json:
        click.echo(f"({answer.way}, confidence {answer.confidence:.2f})", err=True)
