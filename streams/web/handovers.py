"""Conversations that persons have, as the agents' view shows them. Pure.

What is open is told by topics that are read side by side: `handovers` opens, a reply that closes gives back, and the
state in an answer says whether a person still has the conversation. The latest of them holds.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from streams.records import Answer, Handover, HandoverReply, Said
from streams.web.views import Moment, cut, label, trim

KEPT = 100
GUESSES = 5
LINES = 40
LINE_CHARS = 1000


class HandoverView(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that a person has since `since`; `at` is when something happened in it last.

    `reason`: "asked" for a person; "unsure" too often; "with-person": the begin is forgotten. `guesses`: intent or way
    -> chance. `open` is false once the conversation is given back; `by`: who wrote last.
    """

    conversation_id: str
    question_id: str
    reason: Literal["asked", "unsure", "with-person"]
    since: Moment
    summary: str
    guesses: dict[str, float]
    language: str
    transcript: list[Said]
    at: Moment
    open: bool = True
    by: str = ""


def handover_view(record: Handover, known: HandoverView | None) -> HandoverView:
    """`known` is the same hand-over as it was before: what the customer said since is no new one."""
    if known:
        return msgspec.structs.replace(known, transcript=bounded(record.transcript), at=record.at)
    guesses = sorted(record.guesses.items(), key=lambda guess: -guess[1])[:GUESSES]
    return HandoverView(
        conversation_id=record.conversation_id,
        question_id=record.question_id,
        reason=record.reason,
        since=record.at,
        summary=cut(record.summary, LINE_CHARS),
        guesses={label(name): round(chance, 3) for name, chance in guesses},
        language=label(record.language),
        transcript=bounded(record.transcript),
        at=record.at,
    )


def bounded(transcript: Sequence[Said]) -> list[Said]:
    return [
        msgspec.structs.replace(line, text=cut(line.text, LINE_CHARS), by=label(line.by))
        for line in transcript[-LINES:]
    ]


class Handovers:
    """Views by conversation, the latest last."""

    def __init__(self) -> None:
        self.views: dict[str, HandoverView] = {}
        self.free_at: dict[str, datetime] = {}  # when it was last said that no person has the conversation

    def add(self, record: Handover) -> bool:
        """Whether that changed anything."""
        known = self.views.get(record.conversation_id)
        if known and record.at <= known.at:
            return False
        view = handover_view(record, known if known and known.open else None)
        free_at = self.free_at.get(record.conversation_id)
        if free_at and free_at > record.at:
            view = msgspec.structs.replace(view, open=False, at=free_at)
        self.put(view)
        return True

    def answered(self, record: Answer) -> bool:
        """Takes a conversation's state after an answer; whether that changed anything."""
        if record.conversation is None:
            return False
        at, has_it = record.answered_at, record.conversation.handed_over is not None
        if not has_it:
            self.free(record.conversation_id, at)
        known = self.views.get(record.conversation_id)
        if not known or at < known.at or (at == known.at and not has_it):
            return False
        if not known.open and (has_it or record.way != "person"):  # the rest is between the customer and Gretchen
            return False
        transcript = bounded(record.conversation.transcript)
        by = label(record.by) or known.by
        self.put(msgspec.structs.replace(known, transcript=transcript, at=at, open=has_it, by=by))
        return True

    def replied(self, record: HandoverReply, at: datetime) -> bool:
        """A reply that went to the worker `at`; whether that changed anything."""
        if not record.closes:
            return False
        self.free(record.conversation_id, at)
        known = self.views.get(record.conversation_id)
        if not known or not known.open or at <= known.at:
            return False
        self.put(msgspec.structs.replace(known, open=False, at=at, by=label(record.by)))
        return True

    def free(self, conversation: str, at: datetime) -> None:
        self.free_at[conversation] = max(at, self.free_at.pop(conversation, at))
        trim(self.free_at, 10 * KEPT)

    def put(self, view: HandoverView) -> None:
        self.views.pop(view.conversation_id, None)
        self.views[view.conversation_id] = view
        while len(self.views) > KEPT:  # those given back go first
            gone = next((key for key, one in self.views.items() if not one.open), next(iter(self.views)))
            del self.views[gone]

    def open(self) -> list[HandoverView]:
        return [view for view in self.views.values() if view.open]
