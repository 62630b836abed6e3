"""What the documents topic holds, by document, and what has to be sent so that it holds something else."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from streams.records import Passage


class Plan(NamedTuple):
    """Passages to send, ids to send nothing for; `new`: nothing is held of the document."""

    passages: Sequence[Passage]
    gone: list[str]
    new: bool

    @property
    def unchanged(self) -> bool:
        return not self.passages and not self.gone


class Holding(msgspec.Struct):
    """A document: which of its passages there are, each with the digest of the version it is of."""

    title: str
    added_at: datetime
    passages: dict[str, str]


class Part(msgspec.Struct):
    """What of a passage is needed here."""

    id: str
    document: str
    title: str
    digest: str
    added_at: datetime


_part = msgspec.json.Decoder(Part)


class Catalog:
    """Built from the topic's records (streams/mirror.py feeds it); what is no passage is passed over."""

    def __init__(self) -> None:
        self.documents: dict[str, Holding] = {}
        self._document_of: dict[str, str] = {}

    def take(self, records: Sequence[Any]) -> None:
        for record in records:
            id = (record.key or b"").decode(errors="replace")
            if not record.value:
                self.drop(id)
                continue
            try:
                part = _part.decode(record.value)
            except (msgspec.DecodeError, UnicodeError):
                continue
            if part.id == id:
                self._hold(part)

    def _hold(self, part: Part) -> None:
        if self._document_of.get(part.id, part.document) != part.document:
            self.drop(part.id)
        holding = self.documents.setdefault(part.document, Holding(part.title, part.added_at, {}))
        if part.added_at >= holding.added_at:
            holding.title, holding.added_at = part.title, part.added_at
        holding.passages[part.id] = part.digest
        self._document_of[part.id] = part.document

    def drop(self, id: str) -> None:
        """Forget a passage, and a document with its last one."""
        document = self._document_of.pop(id, None)
        if document is not None:
            holding = self.documents[document]
            del holding.passages[id]
            if not holding.passages:
                del self.documents[document]

    def plan(self, passages: Sequence[Passage]) -> Plan:
        """What makes a document these passages, which are all of it; nothing where it is them already."""
        held = self.documents.get(passages[0].document)
        wanted = {passage.id: passage.digest for passage in passages}
        if held is None:
            return Plan(passages, [], True)
        if held.passages == wanted:
            return Plan([], [], False)
        return Plan(passages, [id for id in held.passages if id not in wanted], False)
