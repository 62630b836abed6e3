"""Topics read from their beginning and then on, by a thread of this process: what chat answers from, always at hand.

No consumer group and no commits: every worker reads all of it. What is not there yet is waited for; a broker that is
away is tried again, from where we were.
"""

import logging
import random
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.admin import kafka_client_config
from streams.news.groups import OWN, group_of
from streams.news.upgrade import read_stored
from streams.news.windows import WindowState
from streams.queries import GROUPS, WINDOWS, Stored, changelog
from streams.records import Alert, Passage, Scope
from streams.settings import Settings
from streams.topics import ALERTS, DOCUMENTS

POLL_S = 0.2  # how long a stop may have to wait
GATHER_S = 0.1  # between polls: of a key that is written again and again, only the last of a poll is looked at
PROBE_S = 2.0  # how often topics that are missing are looked for
LONGEST_WAIT_S = 5.0
BOOTSTRAP_S = 3.0
CLOSE_S = 1.0
POLL_RECORDS = 2000
FETCH_BYTES = 2 << 20  # of a partition at once
ALERTS_KEPT = 1000
STATES_DECODED = 1024  # kept as objects: some 40 KB each
ZLIB = b"x"  # begins what it made, and no JSON
STATES_LOOSE = 512  # kept as they came, some 4 KB each: to compress one takes longer than all else that is done with it

log = logging.getLogger("gretchen.mirror")

Take = Callable[[Sequence[Any]], None]


class Follow(NamedTuple):
    """What is done with a topic's records, in the order of each partition; `tail`: begin so many before its end."""

    take: Take
    tail: int | None = None


class Mirror:
    """Reads for as long as it is open. A context manager; `start` and `stop` for who can't be one."""

    def __init__(self, settings: Settings, follows: Mapping[str, Follow], name: str) -> None:
        """`follows` by the topic's name on the cluster; its `take` is called from the mirror's thread, and only there.

        `name` tells clients and threads apart.
        """
        self._settings, self._follows, self._name = settings, follows, name
        self._next: dict[TopicPartition, int] = {}
        self._live_from: dict[TopicPartition, int] = {}
        self._missing = set(follows)
        self._caught_up, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"mirror-{name}", daemon=True)
        self._told = False

    @property
    def ready(self) -> bool:
        """What was there at the start has been taken; topics that do not exist hold nothing."""
        return self._caught_up.is_set() and self._thread.is_alive()

    def wait(self, timeout_s: float) -> bool:
        """Until it has caught up; False if that takes longer."""
        return self._caught_up.wait(timeout_s)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends within about a second, or BOOTSTRAP_S where no broker answers."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(BOOTSTRAP_S + CLOSE_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                self._read()
            except (KafkaError, OSError) as error:
                failures += 1
                if not self._told:
                    log.warning("%s: no Kafka answers (%s); trying on", self._name, str(error) or type(error).__name__)
                self._told = True
            self._stopping.wait(min(LONGEST_WAIT_S, 0.25 * 2 ** min(failures, 6)) * random.uniform(0.7, 1.0))

    def _read(self) -> None:
        """By one consumer, until it fails or is stopped. Later failures are its own to mend: it connects again."""
        consumer = KafkaConsumer(
            **kafka_client_config(self._settings),
            client_id=f"{self._settings.app_id}-{self._name}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",  # where the log was cut off before what we wanted next
            allow_auto_create_topics=False,
            check_crcs=False,  # streams/queries.py says why
            max_poll_records=POLL_RECORDS,
            max_partition_fetch_bytes=FETCH_BYTES,
            reconnect_backoff_max_ms=int(1000 * LONGEST_WAIT_S),
            bootstrap_timeout_ms=int(1000 * BOOTSTRAP_S),
            metrics_enabled=False,
        )
        try:
            self._missing, probe_at = set(self._follows), 0.0
            while not self._stopping.is_set():
                if self._missing and time.monotonic() >= probe_at:
                    self._probe(consumer)
                    probe_at = time.monotonic() + PROBE_S
                if consumer.assignment():
                    self._take(consumer.poll(int(1000 * POLL_S)))
                else:
                    self._stopping.wait(POLL_S)
                if all(self._next[place] >= end for place, end in self._live_from.items()):
                    self._caught_up.set()
                    self._stopping.wait(GATHER_S)
        finally:
            consumer.close(autocommit=False, timeout_ms=int(1000 * CLOSE_S))

    def _probe(self, consumer: KafkaConsumer) -> None:
        """Follow the topics that are there by now: each partition from where we were, a new one from its start."""
        found = {name: consumer.partitions_for_topic(name) for name in self._missing}
        new = [TopicPartition(name, n) for name, partitions in found.items() for n in partitions or ()]
        if self._told:
            log.info("%s: Kafka answers again", self._name)
            self._told = False
        if not new:
            return
        firsts, ends = consumer.beginning_offsets(new), consumer.end_offsets(new)
        known = {place: self._next[place] for place in consumer.assignment()}
        for place in new:
            tail = self._follows[place.topic].tail
            start = firsts[place] if tail is None else max(firsts[place], ends[place] - tail)
            was = self._next.get(place)
            self._next[place] = was if was is not None and firsts[place] <= was <= ends[place] else start
            self._live_from.setdefault(place, ends[place])
        consumer.assign([*known, *new])
        for place in (*known, *new):
            consumer.seek(place, self._next[place])
        self._missing -= {place.topic for place in new}

    def _take(self, polled: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """A topic's records of a poll at once, whatever their partitions."""
        of_topic: dict[str, list[Any]] = {}
        for place, records in polled.items():
            of_topic.setdefault(place.topic, []).extend(records)
        for topic, records in of_topic.items():
            self._follows[topic].take(records)
        for place, records in polled.items():
            self._next[place] = records[-1].offset + 1


class Applied(Protocol):
    """What passages are fed to: streams/chat/index.py's PassageIndex."""

    def apply(self, upserts: Iterable[Passage], deletes: Iterable[str]) -> None: ...


class DocumentsMirror(Mirror):
    """Feeds the documents topic to an index: `ready` once all that was there is found by it."""

    def __init__(self, settings: Settings, index: Applied) -> None:
        super().__init__(settings, {DOCUMENTS.of(settings): Follow(self._apply)}, "documents")
        self._index = index
        self.unreadable = 0

    def _apply(self, records: Sequence[Any]) -> None:
        latest: dict[str, Passage | None] = {}
        for record in records:
            key = (record.key or b"").decode(errors="replace")
            passage = self._passage(key, record.value) if record.value else None
            if passage or not record.value:  # what can't be read leaves the passage as it was
                latest[key] = passage
        upserts = [passage for passage in latest.values() if passage]
        self._index.apply(upserts, [key for key, passage in latest.items() if not passage])

    def _passage(self, key: str, value: bytes) -> Passage | None:
        try:
            passage = _passage.decode(value)
            if passage.id == key:
                return passage
        except (msgspec.DecodeError, UnicodeError):
            pass
        self.unreadable += 1
        if self.unreadable == 1:
            log.warning("a record of %s is no passage; it and its like are passed over", DOCUMENTS.of(self._settings))
        return None


class States:
    """The newest state of each stream, as JSON, compressed but for those written last, which are soon written again;
    some are kept decoded, those asked for last."""

    def __init__(self, decoded: int = STATES_DECODED, loose: int = STATES_LOOSE) -> None:
        self._held: dict[Scope, dict[str, tuple[int, bytes]]] = {}
        self._loose, self._most_loose = OrderedDict[str, None](), loose
        self._decoded: OrderedDict[str, tuple[bytes, WindowState]] = OrderedDict()
        self._most = decoded
        self._lock = threading.Lock()

    def take(self, records: Sequence[Any]) -> None:
        """A changelog's records. What has seen more wins, as in a recovery."""
        latest: dict[str, tuple[int, msgspec.Raw]] = {}
        for record in records:
            try:
                key, (offset, state) = _key.decode(record.key or b""), _stored.decode(record.value or b"")
            except msgspec.DecodeError:
                continue  # a tombstone, or nothing of ours
            if not key.startswith(OWN) and (key not in latest or offset >= latest[key][0]):
                latest[key] = (offset, state)
        for key, (offset, state) in latest.items():
            held = self._held.setdefault(group_of(key).scope, {})
            if key not in held or offset >= held[key][0]:
                held[key] = (offset, bytes(memoryview(state)))
                self._loose[key] = None
                self._loose.move_to_end(key)
        while len(self._loose) > self._most_loose:
            key, _ = self._loose.popitem(last=False)
            held = self._held[group_of(key).scope]
            held[key] = (held[key][0], zlib.compress(held[key][1], 1))

    def get(self, key: str) -> WindowState | None:
        """None for a key that no stream has. Raises msgspec.ValidationError for a state of a layout there never was."""
        held = self._held.get(group_of(key).scope, {}).get(key)
        if held is None:
            return None
        with self._lock:
            decoded = self._decoded.get(key)
            if decoded is not None and decoded[0] is held[1]:
                self._decoded.move_to_end(key)
                return decoded[1]
        state = read_stored(zlib.decompress(held[1]) if held[1].startswith(ZLIB) else held[1])
        with self._lock:
            self._decoded[key] = (held[1], state)
            while len(self._decoded) > self._most:
                self._decoded.popitem(last=False)
        return state

    def of(self, scope: Scope) -> Iterator[WindowState]:
        """Decoded one at a time, in no order."""
        for key in list(self._held.get(scope, ())):
            state = self.get(key)
            if state is not None:
                yield state


class LastAlerts:
    """The last alerts of all partitions, oldest first."""

    def __init__(self, kept: int = ALERTS_KEPT) -> None:
        self._kept = kept
        self._alerts: tuple[Alert, ...] = ()

    def take(self, records: Sequence[Any]) -> None:
        known = {alert.id: alert for alert in self._alerts}
        for record in records:
            try:
                alert = _alert.decode(record.value or b"")
            except msgspec.DecodeError:
                continue  # the page counts them
            known[alert.id] = alert
        self._alerts = tuple(sorted(known.values(), key=when))[-self._kept :]

    def __call__(self) -> tuple[Alert, ...]:
        return self._alerts


class MarketMirror(Mirror):
    """The live tables as instructions read them (streams/chat/turns.py, Market).

    States are shared between those who ask: nobody changes them.
    """

    def __init__(self, settings: Settings) -> None:
        self._states, self._last_alerts = States(), LastAlerts()
        tables = {changelog(settings, table): Follow(self._states.take) for table in (WINDOWS, GROUPS)}
        alerts = {ALERTS.of(settings): Follow(self._last_alerts.take, ALERTS_KEPT)}
        super().__init__(settings, tables | alerts, "market")

    def state(self, key: str) -> WindowState | None:
        return self._states.get(key)

    def states(self, scope: Scope) -> Iterator[WindowState]:
        return self._states.of(scope)

    def alerts(self) -> Sequence[Alert]:
        return self._last_alerts()


def when(alert: Alert) -> tuple[datetime, str]:
    return alert.at, alert.id


_stored = msgspec.json.Decoder(Stored)
_key = msgspec.json.Decoder(str)
_passage = msgspec.json.Decoder(Passage)
_alert = msgspec.json.Decoder(Alert)
