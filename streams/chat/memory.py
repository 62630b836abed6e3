"""What a worker knows of conversations: the topic of answers folded, each record of which holds the state after it."""

from contextlib import suppress

import msgspec

from streams.records import Conversation

NOTHING = b"null"
"""The table's value where only somebody else's records were found."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Conversation | None] = msgspec.json.Decoder(Conversation | None)


class Remembered(msgspec.Struct, frozen=True):
    """What of an Answer matters to the fold: the rest is not decoded. A record of older workers has no conversation."""

    conversation: Conversation | None = None


_remembered = msgspec.json.Decoder(Remembered)


def encode_conversation(state: Conversation) -> bytes:
    """The table's value, JSON."""
    return _encoder.encode(state)


def decode_conversation(value: bytes) -> Conversation | None:
    """Inverse of `encode_conversation`; None for NOTHING. Raises msgspec.ValidationError for anything else."""
    return _decoder.decode(value)


def fold_answer(value: bytes | None, record: bytes) -> bytes:
    """The table's value after one more record of the answers' topic.

    A state never gives way to one that has seen less of either topic, whoever wrote it last: a zombie (a worker paused
    past its session) may append behind the new owner.
    """
    old = None if value is None else decode_conversation(value)
    with suppress(msgspec.DecodeError, UnicodeDecodeError):  # somebody else's
        new = _remembered.decode(record).conversation
        if new is not None and (old is None or has_seen(new, old)):
            return encode_conversation(new)
    return NOTHING if value is None else value


def has_seen(new: Conversation, old: Conversation) -> bool:
    """All that `old` has."""
    return new.question_offset >= old.question_offset and new.reply_offset >= old.reply_offset
