"""What the tables of all workers hold, read from their changelogs: needs no worker, and no routing to one.

docs/queries.md says why it is asked there. A value is in its changelog before the record behind it is acknowledged.
"""

import time
from collections.abc import Callable, Collection, Iterator
from typing import Any, get_args

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.partitioner.default import murmur2

from models.errors import BrokerUnavailable, TopicMismatch
from streams.admin import admin_client, kafka_client_config, partition_counts, unavailable
from streams.news.groups import ALL, OWN, group_of
from streams.news.upgrade import read_stored
from streams.news.windows import WindowState
from streams.records import Scope
from streams.settings import Settings

WINDOWS, GROUPS = "windows", "groups"
CLOCK_RECORDS = 500
FETCH_BYTES = 4 << 20  # of a partition at once
PATIENCE_S = 30.0  # without a record from a broker that has some
SCOPES: tuple[Scope, ...] = get_args(Scope)

Stored = tuple[int, msgspec.Raw]
"""A changelog's value: the offset of the record that made it, the state."""

_stored = msgspec.json.Decoder(Stored)
_key = msgspec.json.Decoder(str)


def read_state(settings: Settings, key: str) -> WindowState | None:
    """The state of one stream, an entity's key or a group's ('topic:earnings'); None if nothing was said about it.

    Reads one partition. Raises BrokerUnavailable, and TopicMismatch where no worker has run yet.
    """
    name = changelog(settings, table_of(group_of(key).scope))
    partitions = partitions_of(settings, [name])[name]
    found = read_values(settings, [TopicPartition(name, partition_of(key, partitions))], lambda each: each == key)
    return read_stored(found[key]) if key in found else None


def read_clock(settings: Settings) -> float | None:
    """The latest moment that the stream of all news believes, in seconds; None before any news.

    Looks among the last records of its partition first: a busy cluster writes it every second. Raises as `read_state`.
    """
    name = changelog(settings, GROUPS)
    places = [TopicPartition(name, partition_of(ALL, partitions_of(settings, [name])[name]))]
    for last in (CLOCK_RECORDS, None):
        found = read_values(settings, places, lambda each: each == ALL, last)
        if ALL in found:
            return read_stored(found[ALL]).clock_s
    return None


def read_states(settings: Settings, scopes: Collection[Scope] = SCOPES) -> dict[str, WindowState]:
    """Key -> state of all streams of these scopes; takes some 40 KB each: `each_state` is for who needs few of them."""
    return {state.entity: state for state in each_state(settings, scopes)}


def each_state(settings: Settings, scopes: Collection[Scope] = SCOPES) -> Iterator[WindowState]:
    """Every stream's state of these scopes, decoded one at a time, in no order.

    Until its turn a state is held as the bytes it is in Kafka. Raises as `read_state` does.
    """
    names = [changelog(settings, table) for table in dict.fromkeys(map(table_of, scopes))]
    counts = partitions_of(settings, names)
    places = [TopicPartition(name, n) for name in names for n in range(counts[name])]
    found = read_values(settings, places, lambda key: group_of(key).scope in scopes)
    while found:
        yield read_stored(found.popitem()[1])


def table_of(scope: Scope) -> str:
    """The table that holds a scope's streams."""
    return WINDOWS if scope == "entity" else GROUPS


def changelog(settings: Settings, table: str) -> str:
    """As Faust names it."""
    return f"{settings.app_id}-{table}-changelog"


def partition_of(key: str, partitions: int) -> int:
    """Where a stream lives: what is said about it is keyed by it, and partitioned as Java's client does."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


def partitions_of(settings: Settings, names: list[str]) -> dict[str, int]:
    """Topic -> partitions. Raises TopicMismatch for one that is not there."""
    with admin_client(settings) as admin:
        counts = partition_counts(admin, names)
    for name in names:
        if not counts.get(name):
            raise TopicMismatch(
                f"{settings.bootstrap_servers} has no topic {name}: no 'gretchen worker' with "
                f"GRETCHEN_APP_ID={settings.app_id} has run there yet; start one, or set GRETCHEN_APP_ID"
            )
    return counts


def read_values(
    settings: Settings, places: list[TopicPartition], wanted: Callable[[str], bool], last: int | None = None
) -> dict[str, msgspec.Raw]:
    """Key -> state as JSON, of the keys wanted, up to the partitions' present ends; `last`: of so many offsets each."""
    found: dict[str, tuple[int, msgspec.Raw]] = {}
    try:
        # check_crcs: kafka-python reckons CRC32C in Python, 30 times the time of all the rest; TCP has a checksum, too
        consumer = KafkaConsumer(
            **kafka_client_config(settings),
            enable_auto_commit=False,
            check_crcs=False,
            max_poll_records=5000,
            max_partition_fetch_bytes=FETCH_BYTES,
        )
        try:
            for record in to_the_end(settings, consumer, places, last):
                key = _key.decode(record.key)
                if key.startswith(OWN) or not wanted(key):
                    continue
                offset, state = _stored.decode(record.value)
                # as in a recovery: what has seen more wins, for a zombie may have appended an older value later
                if key not in found or offset >= found[key][0]:
                    found[key] = (offset, state)
        finally:
            consumer.close()
    except KafkaError as error:
        raise unavailable(settings, error) from None
    return {key: state for key, (_, state) in found.items()}


def to_the_end(
    settings: Settings, consumer: KafkaConsumer, places: list[TopicPartition], last: int | None
) -> Iterator[Any]:
    """All records that have a key and a value, up to the present ends; `last`: of so many offsets."""
    consumer.assign(places)
    ends = consumer.end_offsets(places)
    begins = consumer.beginning_offsets(places)
    for place in places:
        consumer.seek(place, begins[place] if last is None else max(begins[place], ends[place] - last))
    deadline = time.monotonic() + PATIENCE_S
    while left := [place for place, end in ends.items() if consumer.position(place) < end]:
        polled = consumer.poll(500)
        if polled:
            deadline = time.monotonic() + PATIENCE_S
        elif time.monotonic() > deadline:
            raise BrokerUnavailable(
                f"{settings.bootstrap_servers} sent nothing of {left[0].topic}/{left[0].partition} for "
                f"{PATIENCE_S:.0f} s, {len(left)} of {len(places)} partitions are not read; see the broker's log"
            )
        for records in polled.values():
            yield from (record for record in records if record.key and record.value)
