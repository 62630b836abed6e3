"""Scoring and answering without Kafka: a file's rows to JSON values, one a row, in the rows' order.

A row that can't be taken gives {"id", "line", "error": {"reason", "detail"}} in its place.
"""

import queue
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from models.data import find_span
from models.engines import Engine, Prediction, Request, Span
from models.errors import InputError
from streams.chat.answer import answer_question
from streams.chat.templates import Templates
from streams.engines import Intents
from streams.intake import Refused, check_text
from streams.news.entities import Gazetteer
from streams.news.score import ENTITY_SENTIMENT, SENTIMENT, TOPIC, first_mentions, named, top
from streams.records import Origin, Question
from streams.sources.files import Row, Source, Unusable

BATCH = 512
Json = dict[str, Any]


class Asked(NamedTuple):
    """An entity to judge; without a span (its name is not in the text) it is judged by the whole text."""

    name: str
    span: Span | None


class Taken(NamedTuple):
    """A row that can be scored."""

    id: Any
    text: str
    entities: list[Asked]


def run(
    source: Source, rows: Iterable[Row | Unusable], judge: Callable[[Sequence[Row | Unusable]], list[Json]]
) -> None:
    """Write what `judge` says of the rows to standard output. Raises InputError at the end if some were refused."""
    console = Console(stderr=True)
    # no bar where the lines themselves scroll by
    shown = console.is_terminal and not sys.stdout.isatty() and source.size_bytes > 0
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    done = refused = 0
    with Progress(*columns, console=console, disable=not shown, transient=True) as bar:
        task = bar.add_task(source.name, total=source.size_bytes or None)
        for batch in in_batches(rows):
            told = judge(batch)
            sys.stdout.buffer.write(b"".join(msgspec.json.encode(one) + b"\n" for one in told))
            sys.stdout.buffer.flush()
            done += len(told)
            refused += sum("error" in one for one in told)
            bar.update(task, completed=source.position())
    if refused:
        raise InputError(f'{source.name}: {refused:,} of {done:,} rows could not be taken; see their "error"')


def in_batches(rows: Iterable[Any], most: int = BATCH) -> Iterator[list[Any]]:
    """What is there, up to `most`, as soon as anything is: a thread reads ahead, so that a pipe is not waited for."""
    ahead: queue.Queue[Any] = queue.Queue(2 * most)
    end = object()

    def read() -> None:
        try:
            for row in rows:
                ahead.put(row)
            ahead.put(end)
        except BaseException as error:  # noqa: BLE001 - raised again by the reader of the queue
            ahead.put(error)

    threading.Thread(target=read, name="read-ahead", daemon=True).start()
    while True:
        batch = [ahead.get()]
        while len(batch) < most and not ahead.empty():
            batch.append(ahead.get_nowait())
        stop = next((n for n, row in enumerate(batch) if row is end or isinstance(row, BaseException)), None)
        if batch[:stop]:
            yield batch[:stop]
        if stop is not None:
            if batch[stop] is not end:
                raise batch[stop]
            return


def score_rows(
    rows: Sequence[Row | Unusable], engine: Engine, gazetteer: Gazetteer, columns: tuple[str, str], max_chars: int
) -> list[Json]:
    """Verdicts. `columns`: where the text and the id stand; a column `entities` says what to judge instead of ours."""
    text, id_ = columns
    taken = [take(row, text, id_, gazetteer, max_chars) for row in rows]
    good = [one for one in taken if isinstance(one, Taken)]
    # a span without characters: the engine judges it by the whole text
    requests = [
        Request(one.text, tuple(e.span or (len(one.text), len(one.text)) for e in one.entities)) for one in good
    ]
    verdicts = iter(engine.infer(engine.encode(requests)))
    return [verdict(one, next(verdicts), engine) if isinstance(one, Taken) else one for one in taken]


def take(row: Row | Unusable, text: str, id_: str, gazetteer: Gazetteer, max_chars: int) -> Taken | Json:
    if isinstance(row, Unusable):
        return refusal(None, row.line, "not-json", row.reason)
    given = row.columns.get(id_)
    try:
        read = text_of(row, text, max_chars)
        return Taken(given, read, entities_of(read, row.columns.get("entities"), gazetteer))
    except Refused as refused:
        return refusal(given, row.line, refused.reason, refused.detail)


def text_of(row: Row, column: str, max_chars: int) -> str:
    """Raises Refused."""
    text = row.columns.get(column)
    if not isinstance(text, str):
        raise Refused("schema", f"column {column!r}: got {type(text).__name__}, wanted a text")
    check_text(text, max_chars)
    return text


def entities_of(text: str, given: Any, gazetteer: Gazetteer) -> list[Asked]:
    """What to judge: the names given (or {"name", "start", "end"}), else what the watchlist finds. Raises Refused."""
    if given is None:
        return [Asked(mention.name, (mention.start, mention.end)) for mention in first_mentions(gazetteer.find(text))]
    if not isinstance(given, list):
        raise Refused("schema", f"column 'entities': got {type(given).__name__}, wanted a list")
    return [asked(text, one) for one in given]


def asked(text: str, one: Any) -> Asked:
    name, start, end = (
        (one.get("name"), one.get("start"), one.get("end")) if isinstance(one, dict) else (one, None, None)
    )
    if not isinstance(name, str) or not name.strip():
        raise Refused("schema", "column 'entities': wanted names, or objects with a name")
    if isinstance(start, int) and isinstance(end, int):
        if not 0 <= start < end <= len(text):
            raise Refused(
                "schema", f"column 'entities': got the span {start} to {end} of a text of {len(text)} characters"
            )
        return Asked(name, (start, end))
    return Asked(name, find_span(text, name))


def verdict(one: Taken, prediction: Prediction, engine: Engine) -> Json:
    probabilities = named(engine.labels[SENTIMENT], prediction[SENTIMENT])
    topics = named(engine.labels[TOPIC], prediction[TOPIC])
    entities = []
    for entity, row in zip(one.entities, prediction[ENTITY_SENTIMENT], strict=True):
        shares = named(engine.labels[ENTITY_SENTIMENT], row)
        start, end = entity.span or (None, None)
        entities.append(
            {"name": entity.name, "start": start, "end": end, "sentiment": top(shares), "probabilities": shares}
        )
    return {
        "id": one.id, "sentiment": top(probabilities), "probabilities": probabilities, "topic": top(topics),
        "topic_probabilities": topics, "entities": entities,
    }  # fmt: skip


def answer_rows(
    rows: Sequence[Row | Unusable], intents: Intents, templates: Templates, columns: tuple[str, str], max_chars: int
) -> list[Json]:
    """Answers. `columns`: where the question and the id stand."""
    text, id_ = columns
    taken: list[Question | Json] = []
    for row in rows:
        if isinstance(row, Unusable):
            taken.append(refusal(None, row.line, "not-json", row.reason))
            continue
        try:
            taken.append(Question(id=str(row.columns.get(id_) or row.line), text=text_of(row, text, max_chars)))
        except Refused as refused:
            taken.append(refusal(row.columns.get(id_), row.line, refused.reason, refused.detail))
    questions = [one for one in taken if isinstance(one, Question)]
    engine = intents.engine
    predictions = engine.infer(engine.encode([Request(question.text) for question in questions]))
    answers = iter(
        answer_question(
            question, prediction, engine, intents.threshold, templates, datetime.now(UTC), Origin(partition=0, offset=n)
        )
        for n, (question, prediction) in enumerate(zip(questions, predictions, strict=True))
    )
    out = []
    for row, one in zip(rows, taken, strict=True):
        if isinstance(one, Question) and isinstance(row, Row):
            answer = next(answers)
            out.append({
                "id": row.columns.get(id_), "answer": answer.text, "abstained": answer.abstained,
                "confidence": answer.confidence, "intent": answer.intent, "alternatives": answer.alternatives,
                "source": None if answer.abstained else {"kind": "template", "intent": answer.intent},
            })  # fmt: skip
        else:
            out.append(one)  # type: ignore[arg-type]
    return out


def refusal(id_: Any, line: int, reason: str, detail: str) -> Json:
    return {"id": id_, "line": line, "error": {"reason": reason, "detail": detail}}
