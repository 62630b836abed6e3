"""One record from Kafka into the board. What can't be decoded is counted and passed over: the page only shows."""

from datetime import UTC, datetime
from typing import Protocol

import msgspec

from streams.records import (
    Alert,
    AlertAction,
    Answer,
    ChatFeedback,
    Handover,
    HandoverReply,
    Question,
    ScoredNews,
    Summary,
)
from streams.topics import (
    ALERT_ACTIONS,
    ALERTS,
    CHAT_ANSWERS,
    CHAT_FEEDBACK,
    CHAT_QUESTIONS,
    DEAD_LETTERS,
    HANDOVER_REPLIES,
    HANDOVERS,
    NEWS,
    SCORED_NEWS,
    SUMMARIES,
    Topic,
)
from streams.web.board import Board

SCORED = msgspec.json.Decoder(ScoredNews)
SUMMARY = msgspec.json.Decoder(Summary)
ALERT = msgspec.json.Decoder(Alert)
ACTION = msgspec.json.Decoder(AlertAction)
QUESTION = msgspec.json.Decoder(Question)
ANSWER = msgspec.json.Decoder(Answer)
HANDOVER = msgspec.json.Decoder(Handover)
REPLY = msgspec.json.Decoder(HandoverReply)
FEEDBACK = msgspec.json.Decoder(ChatFeedback)


class Consumed(Protocol):
    """A record as a Kafka client hands it over; `timestamp` in ms since the epoch."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> "tuple[tuple[str, bytes], ...]": ...


def apply(board: Board, topic: Topic, record: Consumed, now_ms: int, live: bool, prefix: str = "") -> None:
    """Puts a record of `topic` on the board. `live` is false for what was in the topic before the page started."""
    place, at_ms, value = (record.partition, record.offset), record.timestamp, record.value or b""
    try:
        if topic is NEWS:
            board.add_news(place, at_ms)
        elif topic is SCORED_NEWS:
            board.add_headline(SCORED.decode(value), at_ms, now_ms, live)
        elif topic is SUMMARIES:
            board.add_summary(SUMMARY.decode(value))
        elif topic is ALERTS:
            board.add_alert(ALERT.decode(value))
        elif topic is ALERT_ACTIONS:
            board.add_action(ACTION.decode(value))
        elif topic is CHAT_QUESTIONS:
            at = datetime.fromtimestamp(at_ms / 1000, UTC)
            board.add_question(QUESTION.decode(value), place, at_ms, at, live)
        elif topic is CHAT_ANSWERS:
            board.add_answer(ANSWER.decode(value), at_ms, now_ms, live)
        elif topic is HANDOVERS:
            board.add_handover(HANDOVER.decode(value))
        elif topic is HANDOVER_REPLIES:
            board.add_reply(REPLY.decode(value), datetime.fromtimestamp(at_ms / 1000, UTC))
        elif topic is CHAT_FEEDBACK:
            board.add_feedback(FEEDBACK.decode(value))
        elif topic is DEAD_LETTERS:
            told = {name: value.decode(errors="replace") for name, value in record.headers}
            origin = (int(told["partition"]), int(told["offset"]))
            source = told["topic"].removeprefix(prefix)
            board.add_refusal(source, origin, told["reason"], told.get("detail", ""), at_ms, live)
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, ValueError):
        board.unreadable += (
            topic is not CHAT_QUESTIONS
        )  # a broken question is the worker's to refuse, and counted there
