"""Records on the wire: CloudEvents headers in binary mode, dead letters with their original bytes."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec

from streams.intake import Refused
from streams.records import DeadLetter, Record
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, Topic

SPEC_VERSION = ("ce_specversion", b"1.0")
SOURCE = ("ce_source", b"gretchen")
JSON = ("content-type", b"application/json")

Headers = Sequence[tuple[str, bytes]]


class Output(NamedTuple):
    """A serialized record to send; `partition` None: by the key."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers = ()
    partition: int | None = None


def headers_of(event_id: str, kind: type[Record]) -> list[tuple[str, bytes]]:
    """CloudEvents attributes as Kafka headers (CloudEvents 1.0, Kafka protocol binding)."""
    return [SPEC_VERSION, ("ce_id", event_id.encode("utf-8", "replace")), SOURCE, type_header(kind), JSON]


@cache
def type_header(kind: type[Record]) -> tuple[str, bytes]:
    return "ce_type", kind.TYPE.encode()


def output(settings: Settings, topic: Topic, key: str, record: Any) -> Output:
    """One of our records, ready to send; the record has an `id`."""
    return Output(topic.of(settings), key.encode(), _encoder.encode(record), headers_of(record.id, type(record)))


def dead_letter(settings: Settings, topic: Topic, message: Any, refused: Refused) -> Output:
    """A refused record: key and value byte by byte as they came, why and whence in the headers."""
    event_id = f"{topic.name}/{message.partition}@{message.offset}"
    why = [
        ("reason", refused.reason.encode()),
        ("detail", refused.detail.encode("utf-8", "replace")),
        ("topic", topic.name.encode()),
        ("partition", b"%d" % message.partition),
        ("offset", b"%d" % message.offset),
    ]
    headers = [header for header in headers_of(event_id, DeadLetter) if header is not JSON]
    return Output(DEAD_LETTERS.of(settings), message.key, message.value or b"", [*headers, *why])


def header(headers: dict[str, bytes] | Sequence[tuple[str, bytes]] | None, name: str) -> str | None:
    """The first header of a name, decoded; None without one."""
    for key, value in headers.items() if isinstance(headers, dict) else headers or ():
        if key == name:
            return value.decode("utf-8", "replace") if value is not None else None
    return None


_encoder = msgspec.json.Encoder()
