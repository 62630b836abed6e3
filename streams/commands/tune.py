"""`gretchen tune`: measure this machine, say what settings are best on it."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from models.errors import InputError
from streams.settings import Settings, load_settings, variable
from streams.sources.files import FORMATS, Format, Row, open_source

if TYPE_CHECKING:
    from streams.tuning.advice import Advice, Now

SAMPLE = Path(__file__).parents[1] / "sample" / "news.jsonl"
MOST_TEXTS = 5000
UNITS = {"engine_threads": "threads", "engine_batch_tokens": "tokens at once", "batch_tokens": "tokens a batch"}
BUSY = 0.5  # of the cores: with more at work beside us, figures say little


@click.command("tune")
@click.option("--texts", metavar="FILE", help="Texts as yours: JSON lines, CSV or plain lines. The sample without.")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Guessed from the name when not given.")
@click.option("--encoding", help="Of the text; UTF-8 when not given, UTF-16 by its mark.")
@click.option("--text", default="text", show_default=True, metavar="COLUMN", help="Where the text stands.")
@click.option("--seconds", type=click.FloatRange(0.1), default=60.0, show_default=True, help="How long to measure.")
@click.option(
    "--most-ms", type=click.FloatRange(1), default=250.0, show_default=True, help="The longest that a batch may take."
)
@click.option("--write", type=click.Path(path_type=Path, dir_okay=False), help="Write the settings as an env file.")
def command(
    texts: str | None,
    format_: Format | None,
    encoding: str | None,
    text: str,
    seconds: float,
    most_ms: float,
    write: Path | None,
) -> None:
    """Measure the news model on this machine and say what settings are best: lines for a shell on standard output,
    figures and reasons on standard error. See docs/tuning.md.

    What is set now stays unless something is better by more than the figures scatter. Measure on the machine that is to
    serve, with its limits, while nothing else runs on it.
    """
    from models.cores import cores

    settings = load_settings(os.environ)
    read = texts_of(texts, format_, encoding, text, settings.max_text_chars)
    note_busy(cores())
    advice, now = measure(settings, read, cores(), seconds, most_ms)
    click.echo("\n".join(report(advice, now, cores())), err=True)
    changes = changed(advice, now)
    click.echo("\n".join(f"export {name}={value}" for name, value in changes) or "# what is set now is as good as any")
    if write is not None:
        try:
            write.write_text("# by gretchen tune\n" + "".join(f"{name}={value}\n" for name, value in changes))
        except OSError as error:
            raise InputError(f"{write}: {error.strerror}; name a file that can be written") from None


def texts_of(path: str | None, format_: Format | None, encoding: str | None, column: str, most: int) -> list[str]:
    """The first texts of a file that a worker would score. Raises InputError where there is none."""
    with open_source(path or str(SAMPLE), format_, encoding) as source:
        rows = (row.columns.get(column) for row in source.rows((column,)) if isinstance(row, Row))
        read = list(islice((one for one in rows if isinstance(one, str) and 0 < len(one.strip()) <= most), MOST_TEXTS))
    if not read:
        raise InputError(f"{path}: got no texts in column {column!r}, wanted one at least; name another by --text")
    return read


def measure(
    settings: Settings, texts: Sequence[str], cores: int, seconds: float, most_ms: float
) -> tuple["Advice", "Now"]:
    """With a progress bar where there is a terminal."""
    import msgspec

    from models.artifact import load_artifact
    from models.cores import engine_threads
    from models.engines import Request
    from models.engines.onnx import OnnxEngine
    from streams.app import tokens
    from streams.engines import NEWS_HEADS, check_heads
    from streams.news.entities import Gazetteer, load_watchlist
    from streams.news.score import first_mentions
    from streams.records import News
    from streams.tuning.advice import Now, advise

    artifact = load_artifact(settings.news_model)
    check_heads(artifact, NEWS_HEADS)
    gazetteer = Gazetteer(load_watchlist(settings.watchlist))
    requests = [Request(one, tuple((m.start, m.end) for m in first_mentions(gazetteer.find(one)))) for one in texts]
    weights = [tokens(msgspec.json.encode(News(id=f"news-{n:08}", text=one))) for n, one in enumerate(texts)]
    now = Now(
        engine_threads(settings.engine_threads), settings.engine_batch_tokens, settings.batch_tokens,
        settings.batch_records, settings.linger_ms,
    )  # fmt: skip
    with progress() as tell:
        advice = advise(
            lambda threads, budget: OnnxEngine(artifact, threads, budget), requests, weights, now, cores, seconds,
            most_ms, tell=tell,
        )  # fmt: skip
    return advice, now


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("loading the model", total=1.0)
        yield lambda setting, share: bar.update(task, completed=share, description=UNITS[setting])


def note_busy(cores: int) -> None:
    if hasattr(os, "getloadavg") and (load := os.getloadavg()[0]) > BUSY * cores:
        click.echo(
            f"note: this machine is busy (load {load:.1f}, {cores} cores); measure again when nothing else runs",
            err=True,
        )


def report(advice: "Advice", now: "Now", cores: int) -> Iterator[str]:
    """The figures and the choices with their reasons."""
    for step in advice.steps:
        choice = advice.choices[step.setting]
        timed = step.setting == "batch_tokens"  # the others were measured with one large batch
        yield f"{UNITS[step.setting]:>16}  texts/s  scatter{'  ms a batch' * timed}"
        for each in step.measured:
            sign = "*" if each.value == choice.value else " "
            took = f"  {each.batch_ms:10.1f}" * timed
            is_now = "  set now" * (each.value == getattr(now, step.setting))
            yield f"{sign} {each.value:14}  {each.rate:7,.0f}  {each.spread:7.1%}{took}{is_now}"
        yield ""
    for setting, choice in advice.choices.items():
        yield f"{variable(setting)}: {choice.why}"
    threads = advice.choices["engine_threads"].value
    yield (
        f"{cores} cores: {advice.workers} worker{'s' * (advice.workers > 1)} of {threads}"
        f" thread{'s' * (threads > 1)}, and as many partitions at least"
    )
    yield ""


def changed(advice: "Advice", now: "Now") -> list[tuple[str, str]]:
    """Variables to set, with their values: of what is better than now."""
    return [
        (variable(setting), str(choice.value))
        for setting, choice in advice.choices.items()
        if choice.value != getattr(now, setting)
    ]
