"""`gretchen replay`: a file into the news topic, each of its rows accounted for."""

import os
import sys
from pathlib import Path

import click
import msgspec

from models.errors import InputError
from streams.admin import ensure_topics, wait_for_broker
from streams.settings import load_settings
from streams.sources.checkpoint import Keep
from streams.sources.files import FORMATS, Format, open_source
from streams.sources.interrupt import Interrupt
from streams.sources.pacing import AsRecorded, Even, Pace, Unpaced
from streams.sources.publish import Publisher
from streams.sources.replay import Replay
from streams.sources.report import Report
from streams.sources.shape import Shape
from streams.topics import CHAT_QUESTIONS, NEWS

TOPICS = {topic.name: topic for topic in (NEWS, CHAT_QUESTIONS)}
POSITIVE = click.FloatRange(min=0, min_open=True)


@click.command("replay")
@click.argument("file")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Guessed from the name when not given.")
@click.option("--encoding", help="Of the text; UTF-8 when not given, UTF-16 by its mark.")
@click.option("--text", default="text", show_default=True, metavar="COLUMN", help="Where the text stands.")
@click.option("--id", "id_", metavar="COLUMN", help="Where the id stands; without: 'id', else made from the content.")
@click.option("--at", metavar="COLUMN", help="Where the time stands; without: published_at (asked_at of a question).")
@click.option("--topic", type=click.Choice(list(TOPICS)), default=NEWS.name, show_default=True)
@click.option("--rate", type=POSITIVE, metavar="N", help="N records a second, evenly.")
@click.option("--as-recorded", type=POSITIVE, metavar="SPEED", help="In the records' own rhythm, SPEED times as fast.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Read N rows at most.")
@click.option("--resume", "resume_", is_flag=True, help="Go on after the last row that Kafka acknowledged.")
@click.option("--strict", is_flag=True, help="Stop at the first unusable row.")
def command(
    file: str,
    format_: Format | None,
    encoding: str | None,
    text: str,
    id_: str | None,
    at: str | None,
    topic: str,
    rate: float | None,
    as_recorded: float | None,
    limit: int | None,
    resume_: bool,
    strict: bool,
) -> None:
    """Put FILE (JSON lines, CSV or plain lines, also gzipped; - for standard input) into a topic.

    Rows that are no record are reported with their line and never sent; the exit code is then 4.
    """
    if rate and as_recorded:
        raise click.UsageError("--rate and --as-recorded exclude each other")
    if resume_ and file == "-":
        raise click.UsageError("standard input can't be resumed; give a file")
    settings = load_settings(os.environ)
    with open_source(file, format_, encoding) as source:
        shape = Shape(TOPICS[topic], source.name, text, id_, at, settings.max_text_chars, settings.max_future_s)
        keep = None
        if file != "-":
            options = msgspec.json.encode([source.format, encoding, text, id_, at]).decode()
            keep = Keep(settings, Path(file), shape.topic, options, resume_)
        wait_for_broker(settings)
        ensure_topics(settings)
        pace: Pace = Even(rate) if rate else AsRecorded(as_recorded) if as_recorded else Unpaced()
        with (
            Publisher(settings, shape.topic, f"gretchen/replay/{source.name}", linger_ms=20) as publisher,
            Report(source, strict, keep) as report,
            Interrupt() as interrupt,
        ):
            replay = Replay(shape, publisher.send, pace, interrupt, report.unusable, report.tick, limit)
            whole = replay.run(source.rows(shape.required()), keep.started.rows if keep else 0)
    account = replay.account
    if not whole:
        hint = "; go on with the same command and --resume" if keep else ""
        click.echo(f"interrupted: {account.done:,} rows of {file} are done{hint}", err=True)
        sys.exit(128 + interrupt.signal)
    if account.skipped:
        raise InputError(f"{file}: {account.skipped:,} of {account.read:,} rows are no records, see above")
