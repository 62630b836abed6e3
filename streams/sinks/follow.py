"""Follows what holds for all sinks, whichever partitions each reads: operators' actions, and storms."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from streams.events import header
from streams.intake import Refused, decode
from streams.news.groups import STORM
from streams.queries import partition_of
from streams.records import Alert, AlertAction
from streams.settings import Settings
from streams.sinks.clients import client_options, keep_reading, stop_client
from streams.sinks.storms import Storms
from streams.sinks.wanted import Actions
from streams.topics import ALERT_ACTIONS, ALERTS

STORMS_S = 7 * 86_400.0  # how far back storms are read; what is older no alert belongs to that is still delivered

log = logging.getLogger(__name__)


async def follow_actions(settings: Settings, actions: Actions, caught_up: asyncio.Event, stop: asyncio.Event) -> None:
    """Until cancelled. `caught_up` is set once all that was there at the start is known."""
    places = [TopicPartition(ALERT_ACTIONS.of(settings), n) for n in range(settings.partitions)]

    async def read_on() -> None:
        await read(settings, places, None, lambda record: take(actions, record), caught_up)

    await keep_reading(read_on, stop, "operators' actions")


async def follow_storms(settings: Settings, storms: Storms, caught_up: asyncio.Event, stop: asyncio.Event) -> None:
    """As `follow_actions`: of the alerts' partition in which all storms are, which another process may have."""
    places = [TopicPartition(ALERTS.of(settings), partition_of(STORM, settings.partitions))]

    async def read_on() -> None:
        await read(settings, places, STORMS_S, lambda record: take_storm(storms, record), caught_up)

    await keep_reading(read_on, stop, "storms")


async def read(
    settings: Settings,
    places: Sequence[TopicPartition],
    back_s: float | None,
    take: Callable[[ConsumerRecord[bytes, bytes]], None],
    caught_up: asyncio.Event,
) -> None:
    """From `back_s` ago, None: from the beginning; a second time changes nothing."""
    consumer = AIOKafkaConsumer(**client_options(settings), group_id=None, auto_offset_reset="earliest")
    try:
        await consumer.start()
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        if back_s is not None:
            begin_ms = int((time.time() - back_s) * 1000)
            for place, found in (await consumer.offsets_for_times(dict.fromkeys(places, begin_ms))).items():
                consumer.seek(place, found.offset if found else ends[place])
        while True:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    take(record)
            if not caught_up.is_set() and all([await consumer.position(p) >= end for p, end in ends.items()]):
                caught_up.set()
    finally:
        await stop_client(consumer)


def take(actions: Actions, record: ConsumerRecord[bytes, bytes]) -> None:
    try:
        actions.add(msgspec.json.decode(record.value or b"", type=AlertAction))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("%s/%d@%d is no action: %s", record.topic, record.partition, record.offset, error)


def take_storm(storms: Storms, record: ConsumerRecord[bytes, bytes]) -> None:
    """Anything but a storm's alert is passed over, in silence: the sinks' own readers say what can't be read."""
    if record.key != STORM.encode():
        return
    try:
        alert = decode(record.value, Alert, header(record.headers, "ce_type"))
    except Refused:
        return
    storms.add(alert, record.timestamp / 1000)
