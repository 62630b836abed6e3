"""What may enter: bytes in, a record or a reason out. Pure; the reasons are a closed set, for metrics and headers."""

import re
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

import msgspec

from streams.records import HandoverReply, News, Question, Record

Reason = Literal[
    "empty",
    "not-json",
    "schema",
    "version",
    "text-blank",
    "text-too-long",
    "text-control",
    "date",
    "engine",
    "conversation",
    "sink",
]
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
DETAIL_CHARS = 300
NO_TEXT = re.compile("[\0\ud800-\udfff]")

In = TypeVar("In", bound=Record)


class Refused(Exception):
    """A record that can't be taken; `detail` never holds the record's own text."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason: Reason = reason
        self.detail = detail[:DETAIL_CHARS]


def decode(value: bytes | None, kind: type[In], ce_type: str | None = None) -> In:
    """One record out of its bytes. Raises Refused."""
    if ce_type is not None and ce_type != kind.TYPE:
        raise Refused("version", f"got ce_type {ce_type[:80]!r}, wanted {kind.TYPE}")
    if not value:
        raise Refused("empty", "the record has no value")
    try:
        return msgspec.json.decode(value, type=kind)
    except msgspec.ValidationError as error:
        raise Refused("schema", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("not-json", str(error)) from None


def decode_news(value: bytes | None, ce_type: str | None, now: datetime, max_chars: int, max_future_s: float) -> News:
    """A headline whose text can be scored and whose date can be believed. Raises Refused."""
    news = decode(value, News, ce_type)
    check_text(news.text, max_chars)
    check_date(news.published_at, now, max_future_s)
    return news


def decode_question(
    value: bytes | None, ce_type: str | None, now: datetime, max_chars: int, max_future_s: float
) -> Question:
    """A question that can be understood. Raises Refused."""
    question = decode(value, Question, ce_type)
    check_text(question.text, max_chars)
    check_date(question.asked_at, now, max_future_s)
    return question


def decode_reply(
    value: bytes | None, ce_type: str | None, now: datetime, max_chars: int, max_future_s: float
) -> HandoverReply:
    """A person's reply that can be told to a customer, or that closes. Raises Refused."""
    reply = decode(value, HandoverReply, ce_type)
    if reply.text or not reply.closes:
        check_text(reply.text, max_chars)
    check_date(reply.at, now, max_future_s)
    return reply


def check_text(text: str, max_chars: int) -> None:
    if len(text) > max_chars:
        raise Refused("text-too-long", f"got {len(text)} characters, wanted at most {max_chars}")
    if not text or text.isspace():
        raise Refused("text-blank", "the text is empty or only white space")
    if NO_TEXT.search(text) is not None:
        raise Refused("text-control", "the text holds NUL or lone surrogates")


def check_date(at: datetime | None, now: datetime, max_future_s: float) -> None:
    if at is None:
        return
    try:
        at = utc(at)
    except OverflowError:
        raise Refused("date", "the date is beyond the calendar") from None
    if not EARLIEST <= at <= now + timedelta(seconds=max_future_s):
        raise Refused("date", f"got {at.isoformat()}, wanted 1970 to at most {max_future_s:.0f} s from now")


def utc(at: datetime) -> datetime:
    """In UTC; a time without a zone is taken as UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
