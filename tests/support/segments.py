"""What Kafka's files say of a topic's batches beyond its records."""

import struct
from collections.abc import Iterator
from pathlib import Path

HEADER = struct.Struct(">qiibIhiqqqhii")
"""Base offset, length, leader epoch, magic, CRC, attributes, last offset delta, first and greatest time, producer id,
producer epoch, base sequence, records: https://kafka.apache.org/documentation/#recordbatch"""


def producer_ids(data: Path, topic: str) -> Iterator[int]:
    """Of each batch of a topic, -1 for one by a producer that is not idempotent. `data`: the broker's folder."""
    for segment in sorted(data.glob(f"{topic}-[0-9]*/*.log")):
        content, place = segment.read_bytes(), 0
        while place < len(content):
            _, length, *_, producer_id, _, _, _ = HEADER.unpack_from(content, place)
            yield producer_id
            place += 12 + length
