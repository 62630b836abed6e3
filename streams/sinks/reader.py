"""One sink's consumer group: alerts out of Kafka, in order per partition, committed once the sink is done with them.

Each partition is a lane. What it holds before the committed offset is read again at the start and delivered to nobody:
it says which episodes are open and which alerts were told. A lane that waits for a receiver is paused, and Kafka keeps
what waits behind it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaConnectionError, KafkaError

from streams.settings import Settings
from streams.sinks.clients import client_options, keep_reading, stop_client
from streams.sinks.outlet import Stopped
from streams.sinks.tell import Teller
from streams.sinks.told import Told
from streams.topics import ALERTS

NEW_SINK_S = 3600.0  # a sink that has never run starts with the alerts of the last hour
HISTORY_S = 7 * 86_400.0  # an episode that has said nothing for so long is forgotten at a restart
STOP_S = 8.0  # all in all a process told to stop is gone within 10
LOOK_S = 5.0  # how often it is counted what waits

log = logging.getLogger(__name__)


class Lane:
    """One partition: `next_offset` is the first record that the sink is not done with."""

    def __init__(self, next_offset: int) -> None:
        self.begins_at = self.next_offset = next_offset
        self.caught_up = False  # all before begins_at is read
        self.told = Told()
        self.task: asyncio.Task[None] | None = None


class Reader(ConsumerRebalanceListener):  # type: ignore[misc]
    """Reads for as long as it is run, over lost brokers and rebalances."""

    def __init__(self, settings: Settings, teller: Teller, stop: asyncio.Event) -> None:
        self.settings, self.teller, self.stop = settings, teller, stop
        self.sink = teller.sink
        self.lanes: dict[TopicPartition, Lane] = {}
        self.joined = self.lost = False
        self.waiting = 0

    def told(self) -> list[Told] | None:
        """What the sink was told, of all its lanes; None while that is still being read."""
        lanes = list(self.lanes.values())
        return [lane.told for lane in lanes] if lanes and all(lane.caught_up for lane in lanes) else None

    async def run(self) -> None:
        """Until the process is told to stop."""
        await keep_reading(self.read, self.stop, repr(self.sink))

    async def read(self) -> None:
        """From one connection until it fails; when told to stop, what is at work gets STOP_S to be finished."""
        consumer = AIOKafkaConsumer(**client_options(self.settings), **self.group_options())
        consumer.subscribe([ALERTS.of(self.settings)], listener=self)
        look_at_s = 0.0
        try:
            await consumer.start()
            while not self.stop.is_set():
                with contextlib.suppress(IllegalStateError):  # a rebalance came in between: look again
                    await self.open_lanes(consumer)
                for place, records in (await consumer.getmany(timeout_ms=200)).items():
                    self.take(consumer, place, records)
                self.raise_failures()
                if time.monotonic() >= look_at_s:
                    await self.count_waiting(consumer)
                    look_at_s = time.monotonic() + LOOK_S
            if at_work := [lane.task for lane in self.lanes.values() if lane.task]:
                await asyncio.wait(at_work, timeout=STOP_S)
        finally:
            self.joined = False
            await self.close_lanes(list(self.lanes))
            await stop_client(consumer)

    def group_options(self) -> dict[str, Any]:
        settings = self.settings
        options: dict[str, Any] = {
            "group_id": f"{settings.app_id}-notify-{self.sink.name}",
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "session_timeout_ms": int(settings.session_timeout_s * 1000),
            "heartbeat_interval_ms": int(settings.session_timeout_s * 250),
        }
        if settings.instance_id:
            options["group_instance_id"] = f"{settings.instance_id}-{self.sink.name}"
        return options

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self.joined = True

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """What is at work is left to the next owner, who delivers it again under the same id."""
        await self.close_lanes(revoked)

    async def close_lanes(self, places: Collection[TopicPartition]) -> None:
        tasks = [lane.task for place in places if (lane := self.lanes.pop(place, None)) and lane.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def open_lanes(self, consumer: Any) -> None:
        """Send each new partition back to its history; what came of it before is read again. Notes who has caught up.

        Not done in on_partitions_assigned, as aiokafka swallows what fails there.
        """
        for place, lane in list(self.lanes.items()):
            lane.caught_up = lane.caught_up or await consumer.position(place) >= lane.begins_at
        new = [place for place in consumer.assignment() if place not in self.lanes]
        if not new:
            return
        # in this order, as records come and go in between: what was done, then where it ends, then what is recent
        done = {place: await consumer.committed(place) for place in new}
        firsts, ends = await consumer.beginning_offsets(new), await consumer.end_offsets(new)
        now_ms = time.time() * 1000
        history = await consumer.offsets_for_times(dict.fromkeys(new, int(now_ms - HISTORY_S * 1000)))
        recent = await consumer.offsets_for_times(dict.fromkeys(new, int(now_ms - NEW_SINK_S * 1000)))
        for place, next_offset in done.items():
            if next_offset is None:
                next_offset = recent[place].offset if recent[place] else ends[place]
                await consumer.commit({place: next_offset})  # from here on nothing is passed over
            elif not firsts[place] <= next_offset <= ends[place]:  # records were deleted, or the topic was made anew
                next_offset = firsts[place]
            consumer.seek(place, min(next_offset, history[place].offset if history[place] else next_offset))
            self.lanes[place] = Lane(next_offset)

    def take(self, consumer: Any, place: TopicPartition, records: Sequence[Any]) -> None:
        lane = self.lanes.get(place)
        if lane is None:  # assigned a moment ago: read again once its lane is open
            return
        for record in records:
            if record.offset < lane.begins_at:
                self.teller.remember(lane.told, record)
        if new := [record for record in records if record.offset >= lane.begins_at]:
            consumer.pause(place)
            lane.task = asyncio.create_task(self.work(consumer, place, lane, new))

    async def work(self, consumer: Any, place: TopicPartition, lane: Lane, records: Sequence[Any]) -> None:
        for record in records:
            try:
                await self.teller.finish(lane.told, record)
            except Stopped:
                return
            lane.next_offset = record.offset + 1
            await consumer.commit({place: lane.next_offset})
        consumer.resume(place)

    def raise_failures(self) -> None:
        """Raises what a lane failed by: of Kafka's, a new connection is made; anything else ends the process."""
        for lane in self.lanes.values():
            if lane.task and lane.task.cancelled():
                raise KafkaConnectionError("a commit was broken off")
            if lane.task and lane.task.done():
                lane.task.result()

    async def count_waiting(self, consumer: Any) -> None:
        """Also sees whether Kafka answers at all: reading would wait for it in silence."""
        places = list(self.lanes)
        try:
            ends = await consumer.end_offsets(places) if places else {}
        except KafkaError as error:
            if not self.lost:
                log.warning("%r: no Kafka answers (%s); trying on", self.sink, str(error) or type(error).__name__)
            self.lost = True
            return
        if self.lost:
            log.info("%r: Kafka answers again", self.sink)
        self.lost = False
        self.waiting = sum(max(0, ends.get(place, 0) - lane.next_offset) for place, lane in self.lanes.items())
