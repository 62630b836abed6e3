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

from models.data.corpus import find_span
from models.engines import Engine, Prediction, Request, Span
from models.errors import InputError
from streams.chat.answering import Answering
from streams.chat.turns import Asked, Turn
from streams.intake import Refused, check_text
from streams.news.entities import Gazetteer
from streams.news.score import ENTITY_SENTIMENT, SENTIMENT, TOPIC, first_mentions, named, top
from streams.records import Answer, Conversation, Origin, Question
from streams.sources.files import Row, Source, Unusable

BATCH = 512
QUESTIONS = 32  # at once: each may have passages to read, and progress should be seen
Json = dict[str, Any]


class Judged(NamedTuple):
    """An entity to judge; without a span (its name is not in the text) it is judged by the whole text."""

    name: str
    span: Span | None


class Taken(NamedTuple):
    """A row that can be scored."""

    id: Any
    text: str
    entities: list[Judged]


def run(
    source: Source,
    rows: Iterable[Row | Unusable],
    judge: Callable[[Sequence[Row | Unusable]], list[Json]],
    most: int = BATCH,
) -> None:
    """Write what `judge` says of the rows, `most` at once, to standard output. Raises InputError at the end if some
    were refused."""
    console = Console(stderr=True)
    # no bar where the lines themselves scroll by
    shown = console.is_terminal and not sys.stdout.isatty() and source.size_bytes > 0
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    done = refused = 0
    with Progress(*columns, console=console, disable=not shown, transient=True) as bar:
        task = bar.add_task(source.name, total=source.size_bytes or None)
        for batch in in_batches(rows, most):
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


def entities_of(text: str, given: Any, gazetteer: Gazetteer) -> list[Judged]:
    """What to judge: the names given (or {"name", "start", "end"}), else what the watchlist finds. Raises Refused."""
    if given is None:
        return [Judged(mention.name, (mention.start, mention.end)) for mention in first_mentions(gazetteer.find(text))]
    if not isinstance(given, list):
        raise Refused("schema", f"column 'entities': got {type(given).__name__}, wanted a list")
    return [asked(text, one) for one in given]


def asked(text: str, one: Any) -> Judged:
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
        return Judged(name, (start, end))
    return Judged(name, find_span(text, name))


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


class Answerer:
    """Answers rows, each a conversation of its own unless a column says which one; those go on from batch to batch.

    `columns`: where the question, the id and the conversation stand.
    """

    def __init__(self, answering: Answering, columns: tuple[str, str, str], max_chars: int) -> None:
        self._answering, self._columns, self._max_chars = answering, columns, max_chars
        self._states: dict[str, Conversation] = {}

    def __call__(self, rows: Sequence[Row | Unusable]) -> list[Json]:
        taken = [self._take(row) for row in rows]
        results = iter(self._answering.answer([one for one in taken if isinstance(one, Asked)]))
        return [
            self._told(row, next(results)) if isinstance(one, Asked) else one
            for row, one in zip(rows, taken, strict=True)
        ]

    def _take(self, row: Row | Unusable) -> Asked | Json:
        text, id_, conversation = self._columns
        if isinstance(row, Unusable):
            return refusal(None, row.line, "not-json", row.reason)
        given, of = row.columns.get(id_), row.columns.get(conversation)
        try:
            question = Question(id=str(given or row.line), text=text_of(row, text, self._max_chars))
        except Refused as refused:
            return refusal(given, row.line, refused.reason, refused.detail)
        name = f"{conversation} {of}" if of else f"line {row.line}"
        state = self._states.get(name) or Conversation(id=name)
        return Asked(state, question, datetime.now(UTC), Origin(partition=0, offset=row.line))

    def _told(self, row: Row | Unusable, result: Turn | Refused) -> Json:
        assert isinstance(row, Row)  # what was asked
        _, id_, conversation = self._columns
        given = row.columns.get(id_)
        if isinstance(result, Refused):
            return refusal(given, row.line, result.reason, result.detail)
        answer = result.answer
        if row.columns.get(conversation) and answer.conversation is not None:
            self._states[answer.conversation_id] = answer.conversation
        return {"id": given} | told(answer)


def told(answer: Answer) -> Json:
    """What a line of output holds of an answer. `answer` is, of a document's, the very words that answer; `text` is the
    sentence that a customer reads."""
    sources = [msgspec.to_builtins(source) for source in answer.sources]
    quote = answer.sources[0].quote if answer.way == "documents" and len(sources) == 1 else None
    return {
        "answer": quote or answer.text, "abstained": answer.abstained, "confidence": answer.confidence,
        "source": sources[0] if sources else None, "text": answer.text, "way": answer.way, "intent": answer.intent,
        "alternatives": answer.alternatives, "instruction": answer.instruction, "sources": sources,
        "options": answer.options,
    }  # fmt: skip


def refusal(id_: Any, line: int, reason: str, detail: str) -> Json:
    return {"id": id_, "line": line, "error": {"reason": reason, "detail": detail}}
