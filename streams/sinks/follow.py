"""Follows what operators do: the whole alert-actions topic into Actions, then whatever is added."""

import asyncio
import logging

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from streams.records import AlertAction
from streams.settings import Settings
from streams.sinks.clients import client_options, keep_reading, stop_client
from streams.sinks.wanted import Actions
from streams.topics import ALERT_ACTIONS

log = logging.getLogger(__name__)


async def follow_actions(settings: Settings, actions: Actions, caught_up: asyncio.Event, stop: asyncio.Event) -> None:
    """Until cancelled. `caught_up` is set once all that was there at the start is known."""
    await keep_reading(lambda: read(settings, actions, caught_up), stop, "operators' actions")


async def read(settings: Settings, actions: Actions, caught_up: asyncio.Event) -> None:
    """From the beginning, which changes nothing the second time."""
    consumer = AIOKafkaConsumer(**client_options(settings), group_id=None, auto_offset_reset="earliest")
    partitions = [TopicPartition(ALERT_ACTIONS.of(settings), n) for n in range(settings.partitions)]
    try:
        await consumer.start()
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while True:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    take(actions, record)
            if not caught_up.is_set() and all([await consumer.position(p) >= end for p, end in ends.items()]):
                caught_up.set()
    finally:
        await stop_client(consumer)


def take(actions: Actions, record: ConsumerRecord[bytes, bytes]) -> None:
    try:
        actions.add(msgspec.json.decode(record.value or b"", type=AlertAction))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("%s/%d@%d is no action: %s", record.topic, record.partition, record.offset, error)
