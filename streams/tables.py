"""Tables whose values are in Kafka before they are on disk, so that a kill between the two loses neither.

Private parts of Faust, line numbers of faust-streaming 0.15.3; see docs/exactness.md.
"""

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import faust
from faust.streams import _current_event
from faust.types import TP

from streams.events import Output

Fold = Callable[[bytes | None, bytes], bytes]
"""(value so far, a record of the topic) -> new value. Pure; a record that was folded before changes nothing."""


class Place(NamedTuple):
    """What a store looks at of a message."""

    tp: TP
    partition: int
    offset: int
    key: bytes
    value: bytes


class Row:
    """A changelog event as a store takes it."""

    def __init__(self, tp: TP, offset: int, key: str, value: bytes, stored_key: bytes) -> None:
        self.key, self.value = key, value
        self.message = Place(tp, tp.partition, offset, stored_key, value)


class ExactTable(faust.Table):  # type: ignore[misc]
    """Values are bytes. Writes go to the changelog first, acked, then to the local store together with their offset.

    Faust's __setitem__ puts into RocksDB at once and sends the changelog later: after a kill -9 the local store
    holds a value that the changelog never got, the watermark in it skips the replay, and the next owner never
    sees it.
    """

    async def put(self, partition: int, values: Mapping[str, tuple[int, bytes]]) -> None:
        """Write key -> (offset of the source record that made it, value); durable when it returns."""
        tp = TP(self.changelog_topic_name, partition)
        rows = [Output(tp.topic, self._stored_key(key), wrap(*each), (), partition) for key, each in values.items()]
        sent = await self.app.publish(rows)
        super().apply_changelog_batch(
            [
                Row(tp, place.offset, key, row.value, self._stored_key(key))
                for key, row, place in zip(values, rows, sent, strict=True)
            ]
        )

    def read(self, event: Any, key: str) -> bytes | None:
        """The value, None without one; `event` is of the partition the key lives in."""
        stored = self._stored(event, key)
        return None if stored is None else unwrap(stored)[1]

    def _stored_key(self, key: str) -> bytes:
        dumped: bytes = self.app.serializers.dumps_key(str, key, serializer=self.key_serializer)
        return dumped

    def _stored(self, event: Any, key: str) -> bytes | None:
        token = _current_event.set(weakref.ref(event))  # RocksDB finds its partition through the current event
        try:
            value: bytes | None = self.data[key]
            return value
        except KeyError:
            return None
        finally:
            _current_event.reset(token)

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """Recovery: the value that has seen most of its source wins, not the last written one: a zombie (paused past
        its session) may append an old value after the new owner's."""
        best: dict[tuple[int, str], Any] = {}
        for event in batch:
            slot = (event.message.partition, event.key)
            old = best[slot].value if slot in best else self._stored(event, event.key)
            if event.value is None or old is None or unwrap(event.value)[0] >= unwrap(old)[0]:
                best[slot] = event
        super().apply_changelog_batch(sorted(best.values(), key=lambda event: event.message.offset))


class TopicTable(ExactTable):
    """Remembers what went to an output topic, which is its own changelog: an output and the memory of it are one
    append, and no kill can come between them.

    The topic's keys are UTF-8 strings, and its records go to the partition their source came from.
    """

    fold: Fold

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._looked_at: dict[int, bytes] = {}  # partition -> the key at which `forget` goes on

    def forget(self, is_old: Callable[[bytes], bool], most: int) -> int:
        """Drop old values from the local store, as Kafka drops old records of the topic. Looks at the next `most` of
        each partition, round and round, so that nobody waits. Returns how many it dropped. A store in memory keeps all.
        """
        store, dropped = self.data, 0
        for partition, db in getattr(store, "_dbs", {}).items():
            seen = list(islice(db.items(from_key=self._looked_at.pop(partition, None)), most + 1))
            if len(seen) > most:
                self._looked_at[partition] = seen.pop()[0]
            for key, stored in seen:
                if key != store.offset_key and is_old(unwrap(stored)[1]):
                    db.delete(key)
                    store._key_index.pop(key, None)
                    dropped += 1
        return dropped

    def remember(self, outputs: Sequence[Output], sent: Sequence[Any]) -> None:
        """Fold what was published, with the broker's metadata of it; outputs to other topics are left out."""
        topic = self.changelog_topic_name
        self.apply_changelog_batch(
            [
                Row(TP(topic, place.partition), place.offset, "", each.value, each.key or b"")
                for each, place in zip(outputs, sent, strict=True)
                if each.topic == topic
            ]
        )

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """The records of the topic, at work and in a recovery alike."""
        values: dict[tuple[int, str], bytes] = {}
        rows = []
        for event in batch:
            message = event.message
            if not message.key or not message.value:
                continue  # somebody else's
            key = message.key.decode("utf-8", "replace")
            slot = (message.partition, key)
            values[slot] = self.fold(values[slot] if slot in values else self.read(event, key), message.value)
            stored = wrap(message.offset, values[slot])
            rows.append(Row(TP(*message.tp), message.offset, key, stored, self._stored_key(key)))
        super(ExactTable, self).apply_changelog_batch(rows)


def wrap(offset: int, value: bytes) -> bytes:
    """A stored value, JSON too: [source offset, value]."""
    return b"[%d,%b]" % (offset, value)


def unwrap(stored: bytes) -> tuple[int, bytes]:
    """Inverse of `wrap`."""
    comma = stored.index(b",")
    return int(stored[1:comma]), stored[comma + 1 : -1]
