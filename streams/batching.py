"""Micro-batches out of a Faust stream, acknowledged in offset order, and the fence that a rebalance waits at.

Private parts of Faust, line numbers of faust-streaming 0.15.3; see docs/exactness.md.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from faust.types import TP
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.admin import kafka_client_config
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.exact import ExactApp

LOOK_MS = 10_000


class Fence:
    """A rebalance waits for the batches at work before the group may hand their partitions on: Faust awaits the
    on_partitions_revoked signal before it rejoins. (stream_wait_empty=True waits too, but can hang on unacked
    events.)"""

    def __init__(self, app: "ExactApp", timeout_s: float) -> None:
        self._app, self._timeout_s, self._busy, self._idle = app, timeout_s, 0, asyncio.Event()
        self._idle.set()
        self._closed = False
        app.on_partitions_revoked.connect(self._revoked, weak=False)

    async def _revoked(self, app: Any, revoked: Any, **kwargs: Any) -> None:
        try:
            await asyncio.wait_for(self._idle.wait(), self._timeout_s)
        except TimeoutError:
            self._app.fail_stop(f"a batch did not end within {self._timeout_s:.0f} s of a rebalance")

    def is_open(self, generation: int) -> bool:
        """Records of this generation are still ours."""
        app = self._app
        return bool(app.flow_control.is_active() and not app.rebalancing and app.consumer_generation_id == generation)

    def admits(self, generation: int) -> bool:
        """A batch of this generation may begin."""
        return not self._closed and self.is_open(generation)

    async def close(self, timeout_s: float) -> None:
        """Let no batch begin any more, and wait for those at work; what takes longer comes again to the next owner."""
        self._closed = True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), timeout_s)

    @property
    def busy(self) -> int:
        """How many batches are at work."""
        return self._busy

    def work(self, change: int) -> None:
        self._busy += change
        if self._busy:
            self._idle.clear()
        else:
            self._idle.set()


class Batch(NamedTuple):
    """Events in offset order per partition; `ack` once their effects are in Kafka."""

    events: list[Any]
    ack: Callable[[], None]


async def batches(
    stream: Any,
    records: int,
    weight_limit: int,
    weigh: Callable[[bytes], int],
    linger_s: float,
    since_append: bool = False,
) -> AsyncIterator[Batch]:
    """Micro-batches from a stream's queue, bounded by records, by weight and by the wait since the first record came:
    here, or `since_append` in Kafka, so that one that waited for its fetch does not wait as long once more.

    Unlike Stream.take(), which acks in a `finally`: a failing body loses its batch. Stale events are dropped. A hole in
    the offsets is fatal, as Faust would commit past it (transport/consumer.py:1140, _add_gap 1157), unless Kafka has a
    hole there itself.
    """
    stream._finalized = True
    started = await stream.maybe_start()
    app, channel, loop = stream.app, stream.channel, asyncio.get_running_loop()
    queue, expected = channel.queue, dict[tuple[int, TP], int]()

    async def look(message: Any, start: int) -> None:
        found = await asyncio.to_thread(next_offset, app.settings, message.tp, start)
        if app.fence.is_open(message.generation_id) and found != message.offset:
            app.fail_stop(f"hole in {message.tp}: expected offset {start}, got {message.offset}, Kafka has {found}")

    async def take(event: Any, into: list[Any]) -> int:
        message, is_open = event.message, app.fence.is_open
        if not is_open(message.generation_id):
            return 0  # fetched before a rebalance: it comes again
        place = (message.generation_id, message.tp)
        start = expected[place] if place in expected else app.consumer._committed_offset[message.tp]
        if start is not None and message.offset > start:
            await look(message, start)
            if not is_open(message.generation_id):
                return 0
        expected[place] = message.offset + 1
        if not message.tracked:
            message.tracked = True
            app.consumer._unacked_messages.add(message)
        into.append(event)
        return weigh(event.value or b"")

    def acknowledge(events: list[Any], generation: int) -> None:
        if app.fence.is_open(generation):  # not once a rebalance began: Faust dropped its lists, the records come again
            for event in events:
                app.consumer.ack(event.message)  # event.ack() counts whom else it was given to: nobody

    try:
        while not stream.should_stop:
            events: list[Any] = []
            first = await channel.__anext__()
            weight = await take(first, events)
            waited_s = max(0.0, time.time() - first.message.timestamp) if since_append else 0.0
            deadline = loop.time() + linger_s - waited_s
            while len(events) < records and weight < weight_limit:
                if queue.empty():  # a timeout for each event would cost more than the event
                    try:
                        async with asyncio.timeout_at(deadline):
                            event = await queue.get()
                    except TimeoutError:
                        break
                else:
                    event = queue.get_nowait()
                weight += await take(event, events)
            generation = app.consumer_generation_id
            events = [event for event in events if event.message.generation_id == generation]
            if events and app.fence.admits(generation):  # no await between this look and work(): the fence sees us
                app.fence.work(+1)
                try:
                    yield Batch(events, partial(acknowledge, events, generation))
                finally:
                    app.fence.work(-1)
    except StopAsyncIteration:
        return
    finally:
        stream._channel_stop_iteration(channel)
        if started:
            await stream.stop()
            stream.service_reset()


def next_offset(settings: Settings, tp: TP, offset: int) -> int | None:
    """Where Kafka's first record at or after an offset lies; None when none comes within 10 s, or no Kafka answers.

    Not the offset itself where retention or compaction removed it, or the end of a transaction lies there.
    """
    place = TopicPartition(tp.topic, tp.partition)
    try:
        with closing(KafkaConsumer(**kafka_client_config(settings), auto_offset_reset="earliest")) as consumer:
            consumer.assign([place])
            consumer.seek(place, offset)
            for records in consumer.poll(LOOK_MS, max_records=1).values():
                return int(records[0].offset)
    except KafkaError:
        pass
    return None
