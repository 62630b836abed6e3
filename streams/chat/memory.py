"""What a worker knows of conversations: the topic of answers folded, each record of which holds the state after it."""

from contextlib import suppress
from datetime import datetime

import msgspec

from streams.records import Conversation, Origin

NOTHING = b"null"
"""The table's value where only somebody else's records were found."""


class Remembered(msgspec.Struct, frozen=True):
    """The table's value, JSON: what of an Answer the next turn needs. A record of older workers has no conversation."""

    origin: Origin
    conversation: Conversation | None = None


class When(msgspec.Struct):
    """Of a Conversation, for who looks at many."""

    updated_at: datetime | None = None


class Last(msgspec.Struct):
    """Of the table's value."""

    conversation: When | None = None


_last: msgspec.json.Decoder[Last | None] = msgspec.json.Decoder(Last | None)
_encoder = msgspec.json.Encoder()
_record = msgspec.json.Decoder(Remembered)
_value: msgspec.json.Decoder[Remembered | None] = msgspec.json.Decoder(Remembered | None)


def conversation_in(value: bytes, partition: int) -> Conversation | None:
    """The state in the table's value, if it is of this partition: a store in memory mixes up what was keyed by
    something else than the conversation. Raises msgspec.ValidationError for what is no value of ours."""
    remembered = _value.decode(value)
    return remembered.conversation if remembered and remembered.origin.partition == partition else None


def heard_before(value: bytes, moment: datetime) -> bool:
    """Whether nothing was said in a conversation since."""
    last = _last.decode(value)
    return bool(last and last.conversation and last.conversation.updated_at and last.conversation.updated_at < moment)


def fold_answer(value: bytes | None, record: bytes) -> bytes:
    """The table's value after one more record of the answers' topic.

    A state never gives way to one that has seen less of either topic, whoever wrote it last: a zombie (a worker paused
    past its session) may append behind the new owner.
    """
    old = None if value is None else _value.decode(value)
    with suppress(msgspec.DecodeError, UnicodeDecodeError):  # somebody else's
        new = _record.decode(record)
        if new.conversation is not None and (old is None or has_seen(new, old)):
            return _encoder.encode(new)
    return NOTHING if value is None else value


def has_seen(new: Remembered, old: Remembered) -> bool:
    """All that `old` has."""
    a, b = new.conversation, old.conversation
    if a is None or b is None or new.origin.partition != old.origin.partition:
        return True
    return a.question_offset >= b.question_offset and a.reply_offset >= b.reply_offset
