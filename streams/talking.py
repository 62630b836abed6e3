"""A conversation in this process, without Kafka: what `gretchen ask` and `gretchen chat` are made of."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

from streams.chat.answering import Answering
from streams.chat.index import PassageIndex
from streams.chat.templates import load_templates
from streams.chat.turns import Asked, Market, Turn
from streams.documents.loading import Limits, load_all
from streams.engines import load_encoder
from streams.intake import Refused, check_text
from streams.records import Answer, Conversation, Origin, Question, Way
from streams.settings import Settings
from streams.ways import WAYS, load_answering, need_instructions, need_reader


def answering_here(
    settings: Settings, documents: Sequence[Path] = (), only: Collection[Way] = WAYS, market: Market | None = None
) -> Answering:
    """With these files and directories as documents. Raises InputError for one that can't be read, ArtifactError for
    documents without a reader, or live tables without a model for instructions."""
    index = None
    if documents and "documents" in only:
        index = PassageIndex(load_encoder(settings))
        index.apply(load_all(documents, Limits(settings.max_document_bytes)), [])
    templates = load_templates(settings.templates)
    answering = load_answering(
        settings, lambda: templates, lambda: datetime.now(UTC), index, market, only, read_first=settings.passages_read
    )  # nobody else waits here
    if index is not None:
        need_reader(answering, settings)
    if market is not None:
        need_instructions(answering, settings)
    return answering


class Talk:
    """One conversation, from its first message on."""

    def __init__(self, answering: Answering, max_chars: int) -> None:
        self._answering, self._max_chars = answering, max_chars
        self._state = Conversation(id="here")

    def ask(self, text: str) -> Turn:
        """Raises Refused for a text that can't be taken."""
        check_text(text, self._max_chars)
        n = self._state.question_offset + 1
        asked = Asked(self._state, Question(id=str(n), text=text), datetime.now(UTC), Origin(partition=0, offset=n))
        (turn,) = self._answering.answer([asked])
        if isinstance(turn, Refused):
            raise turn
        self._state = turn.answer.conversation or self._state
        return turn


def explained(answer: Answer) -> list[str]:
    """Lines that say how an answer came about."""
    model = f", {answer.model}" if answer.model else ""
    lines = [f"way          {answer.way}, confidence {answer.confidence:.2f}{model}"]
    if answer.instruction:
        lines.append(f"instruction  {answer.instruction}")
    for source in answer.sources:
        if source.kind == "document":
            lines.append(f"source       {source.document}, characters {source.start} to {source.end}: {source.heading}")
        elif source.kind == "template":
            lines.append(f"source       template {source.intent}")
    lines += [f"considered   {each.way:<10} {each.confidence:.2f}  {each.said}" for each in answer.why]
    return lines
