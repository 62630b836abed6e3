"""`gretchen ask`: answers without Kafka."""

import os
from functools import partial

import click
import msgspec

from models.errors import InputError
from streams.settings import load_settings
from streams.sources.files import Row, open_source


@click.command("ask")
@click.argument("question", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print what --questions prints of it, as one JSON line.")
@click.option("--questions", metavar="FILE", help="JSON lines or CSV with id and question; - for standard input.")
def command(question: str | None, as_json: bool, questions: str | None) -> None:
    """Answer QUESTION as the worker would, or hand over to a person where the model is not sure.

    With --questions, JSON lines {"id", "answer", "abstained", "confidence", "intent", "alternatives", "source"} come
    out, one a row and in the rows' order; a row that can't be answered gives {"id", "line", "error"} in its place, and
    the exit code is then 4.
    """
    if (question is None) == (questions is None):
        raise click.UsageError("give one QUESTION in quotes, or a file of them by --questions")
    from streams.chat.templates import load_templates
    from streams.engines import load_intents
    from streams.offline import answer_rows, run

    settings = load_settings(os.environ)
    intents, templates = load_intents(settings), load_templates()
    answer = partial(
        answer_rows, intents=intents, templates=templates, columns=("question", "id"), max_chars=settings.max_text_chars
    )
    if questions is not None:
        with open_source(questions) as source:
            run(source, source.rows(("question",)), answer)
        return
    told = answer([Row(1, {"question": question})])[0]
    if error := told.get("error"):
        raise InputError(f"the question can't be answered: {error['detail']}")
    if as_json:
        click.echo(msgspec.json.encode(told))
    else:
        click.echo(told["answer"])
        sure = f"intent {told['intent']}" if told["intent"] else "handed over"
        click.echo(f"({sure}, confidence {told['confidence']:.2f}, {intents.engine.version})", err=True)
