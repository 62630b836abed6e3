"""Exact effects on Faust 0.15.3: everything that touches its private parts, and why.

Delivery is at least once; effects are idempotent. In every batch, each step awaited before the next:

    1. outputs to Kafka, with deterministic ids 2. new table values to the changelog 3. local store 4. ack the
    source

A kill between two steps makes the batch come again; ids and the watermarks inside the values make the second
time a no-op. A worker that can't finish what it began stops at once (`fail_stop`) and is started again: going
on would let a later record of a key overtake a lost one. Line numbers refer to faust-streaming 0.15.3;
tests/streams/test_kill.py judges an upgrade.
"""

import asyncio
import logging
import os
import ssl
import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import faust
import faust.tables
from faust.streams import _current_event
from faust.tables.recovery import Recovery
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.settings import Settings

log = logging.getLogger(__name__)

FAIL_STOP = 70  # EX_SOFTWARE
COMPACTION_LAG_MS = 3_600_000  # a zombie's late write must still be seen beside the value it would undo
FENCE_SHARE = 0.8  # of the session timeout: how long a rebalance waits for the batch at work

Headers = Sequence[tuple[str, bytes]]


class Output(NamedTuple):
    """A serialized record to send; `partition` None: by the key."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers = ()
    partition: int | None = None


class ActiveSet(set[Any]):
    """Never false. Faust hands its live set of active partitions to the fetcher thread, where an EMPTY set means all
    partitions (aiokafka's fetcher.py:1221): a long poll that meets a rebalance drains paused partitions, Faust
    discards what it got (transport/consumer.py:758), and the position has moved on: holes, or a recovery that
    never ends."""

    def __bool__(self) -> bool:
        return True


class ExactRecovery(Recovery):  # type: ignore[misc]
    """The end of a recovery in a safe order: seek, resume the flow, and stream partitions last.

    Faust (tables/recovery.py:624-667) resumes the partitions, then seeks, then flow_control.resume() empties
    every queue (mode/utils/queues.py:97-101): records fetched meanwhile are gone until the next rebalance, the
    partition's commits stall, and later records lift the watermark over the missing ones. It also resumes the
    flow although a newer rebalance has suspended it already (the generation changes only at the end of a
    rebalance).
    """

    _seen = -1

    async def on_rebalance(self, assigned: Any, revoked: Any, newly_assigned: Any, generation_id: int = 0) -> None:
        self._seen = self.app.rebalancing_count
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    def _stale(self, generation_id: int) -> bool:
        return bool(self.app.consumer_generation_id != generation_id or self.app.rebalancing_count != self._seen)

    async def _seek(self, consumer: Any, assignment: set[TP]) -> None:
        await consumer.perform_seek()
        new = [  # a partition without a commit is not sought back (transport/consumer.py:901)
            tp for tp in assignment if not self._is_changelog_tp(tp) and consumer._committed_offset.get(tp) is None
        ]
        if new:
            earliest = await consumer.earliest_offsets(*new)
            await consumer.seek_wait(earliest)
            consumer._committed_offset.update(earliest)

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        app, consumer = self.app, self.app.consumer
        await app.on_rebalance_complete.send()
        self._set_recovery_ended()
        for table in self.tables.values():
            await table.on_recovery_completed(self.actives_for_table[table], self.standbys_for_table[table])
        assignment = consumer.assignment()
        if assignment and not self._stale(generation_id):
            await self._wait(self._seek(consumer, assignment), timeout=app.conf.broker_request_timeout)
        await app._fetcher.maybe_start()
        if self._stale(generation_id):
            return  # the recovery of the newer rebalance goes on
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_flow()
        self.tables.on_actives_ready()
        if not app.assignor.assigned_standbys():
            self.tables.on_standbys_ready()
        app.on_rebalance_end()
        consumer.resume_partitions({tp for tp in assignment if not self._is_changelog_tp(tp)})
        self.log.info("Worker ready")


class ExactTables(faust.tables.TableManager):  # type: ignore[misc]
    """Recovers by ExactRecovery."""

    _recovery: ExactRecovery | None

    @property
    def recovery(self) -> ExactRecovery:
        if self._recovery is None:
            self._recovery = ExactRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery


class ExactApp(faust.App):  # type: ignore[misc]
    """A Faust app whose agents take `batches`, `publish` and keep ExactTables."""

    def __init__(self, settings: Settings, on_fail_stop: Callable[[], None] | None = None) -> None:
        self.settings = settings
        self.on_fail_stop = on_fail_stop
        super().__init__(**faust_settings(settings), TableManager=ExactTables)
        self.fence = Fence(self, settings.session_timeout_s * FENCE_SHARE)

    def _new_producer_transport(self) -> Any:  # no setting makes the producer idempotent: only transactions do
        transport = super()._new_producer_transport()

        class Producer(driver.Producer):  # type: ignore[misc]
            def _settings_extra(self) -> Mapping[str, Any]:
                return {"acks": "all", "enable_idempotence": True}

        transport.Producer = Producer
        return transport

    def _new_consumer(self) -> Any:
        consumer = super()._new_consumer()
        consumer._active_partitions = ActiveSet(consumer._active_partitions)
        return consumer

    @property
    def ready(self) -> bool:
        """Partitions are assigned, tables recovered, records flow."""
        recovery = self.tables._recovery
        return bool(
            recovery is not None
            and recovery.completed.is_set()
            and not self.rebalancing
            and self.flow_control.is_active()
        )

    def fail_stop(self, why: str) -> None:
        """End the process now. Whatever was not acknowledged comes again to the next owner."""
        log.critical("fail-stop: %s", why)
        logging.shutdown()
        if self.on_fail_stop is not None:
            self.on_fail_stop()
        os._exit(FAIL_STOP)

    async def publish(self, outputs: Iterable[Output]) -> list[Any]:
        """Send in order and return the broker's metadata in the same order, all acknowledged.

        A failure is fatal. Each future is awaited: producer.flush() gives up after 0.1 s.
        """
        try:
            futures = [
                await self.producer.send(each.topic, each.key, each.value, each.partition, None, list(each.headers))
                for each in outputs
            ]
            return [await future for future in futures]
        except Exception as error:
            self.fail_stop(f"publish: {error!r}")
            raise

    def exact_table(self, name: str) -> "ExactTable":
        """A table of this app, its changelog partitioned as every topic is."""
        table = ExactTable(
            self,
            name=name,
            partitions=self.settings.partitions,
            key_type=str,
            value_type=bytes,
            beacon=self.tables.beacon,
            extra_topic_configs={"min.compaction.lag.ms": str(COMPACTION_LAG_MS)},
        )
        self.tables.add(table)
        return table


def faust_settings(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of faust.App."""
    servers = ";".join(f"kafka://{server.strip()}" for server in settings.bootstrap_servers.split(","))
    chosen: dict[str, Any] = {
        "id": settings.app_id,
        "broker": servers,
        "store": "memory://" if settings.table_store == "memory" else "rocksdb://",
        "datadir": str(settings.data_dir / settings.app_id),
        "topic_partitions": settings.partitions,
        "topic_replication_factor": settings.replication_factor,
        "stream_wait_empty": False,  # unacked batches would hang SIGTERM
        "stream_recovery_delay": 0.0,
        "stream_buffer_maxsize": max(4096, 4 * settings.batch_records),
        "producer_acks": -1,
        "producer_max_request_size": 4 << 20,  # a dead letter of the largest record, with its headers
        "broker_session_timeout": settings.session_timeout_s,
        "broker_heartbeat_interval": settings.session_timeout_s / 4,
        "broker_commit_interval": 1.0,
        "consumer_auto_offset_reset": "earliest",
        "web_enabled": False,
        "autodiscover": False,
    }
    if settings.instance_id:
        chosen["consumer_group_instance_id"] = settings.instance_id
    if settings.security_protocol != "PLAINTEXT":
        chosen["broker_credentials"] = credentials(settings)
    return chosen


def credentials(settings: Settings) -> Any:
    """TLS and SASL as Faust wants them: SASL without an ssl context would silently be SASL_PLAINTEXT."""
    tls = settings.security_protocol.endswith("SSL")
    context = ssl.create_default_context(cafile=settings.ssl_cafile or None) if tls else None
    if settings.security_protocol == "SSL":
        return faust.SSLCredentials(context=context)
    return faust.SASLCredentials(
        mechanism=settings.sasl_mechanism,
        username=settings.sasl_username,
        password=settings.sasl_password,
        ssl_context=context,
    )


class Fence:
    """A rebalance waits for the batches at work before the group may hand their partitions on: Faust awaits the
    on_partitions_revoked signal before it rejoins. (stream_wait_empty=True waits too, but can hang on unacked
    events.)"""

    def __init__(self, app: ExactApp, timeout_s: float) -> None:
        self._app, self._timeout_s, self._busy, self._idle = app, timeout_s, 0, asyncio.Event()
        self._idle.set()
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
    stream: Any, records: int, weight_limit: int, weigh: Callable[[bytes], int], linger_s: float
) -> AsyncIterator[Batch]:
    """Micro-batches from a stream's queue, bounded by records, by weight and by the wait since the first record.

    Unlike Stream.take(), which acks in a `finally`: a failing body loses its batch. Stale events are dropped; a hole in
    the offsets is fatal, as Faust would commit past it (transport/consumer.py:1140, _add_gap 1157).
    """
    stream._finalized = True
    started = await stream.maybe_start()
    app, channel, loop = stream.app, stream.channel, asyncio.get_running_loop()
    queue, expected = channel.queue, dict[tuple[int, TP], int]()

    def take(event: Any, into: list[Any]) -> int:
        message = event.message
        if not app.fence.is_open(message.generation_id):
            return 0  # fetched before a rebalance: it comes again
        place = (message.generation_id, message.tp)
        start = expected.get(place, app.consumer._committed_offset[message.tp])
        if start is not None and message.offset > start:
            app.fail_stop(f"hole in {message.tp}: expected offset {start}, got {message.offset}")
        expected[place] = message.offset + 1
        if not message.tracked:
            message.tracked = True
            app.consumer._unacked_messages.add(message)
        into.append(event)
        return weigh(event.value or b"")

    def acknowledge(events: list[Any], generation: int) -> None:
        if app.fence.is_open(generation):  # not once a rebalance began: Faust dropped its lists, the records come again
            for event in events:
                event.ack()

    try:
        while not stream.should_stop:
            events: list[Any] = []
            weight = take(await channel.__anext__(), events)
            deadline = loop.time() + linger_s
            while len(events) < records and weight < weight_limit:
                try:
                    async with asyncio.timeout_at(deadline):
                        weight += take(queue.get_nowait() if not queue.empty() else await queue.get(), events)
                except TimeoutError:
                    break
            generation = app.consumer_generation_id
            events = [event for event in events if event.message.generation_id == generation]
            if events and app.fence.is_open(generation):  # no await between this look and work(): the fence sees us
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


class ExactTable(faust.Table):  # type: ignore[misc]
    """Values are bytes. Writes go to the changelog first, acked, then to the local store together with their offset.

    Faust's __setitem__ puts into RocksDB at once and sends the changelog later: after a kill -9 the local store
    holds a value that the changelog never got, the watermark in it skips the replay, and the next owner never
    sees it.
    """

    async def put(self, partition: int, values: Mapping[str, tuple[int, bytes]]) -> None:
        """Write key -> (offset of the source record that made it, value); durable when it returns."""
        topic = self.changelog_topic.get_topic_name()
        rows = [
            Output(
                topic,
                self.app.serializers.dumps_key(str, key, serializer=self.key_serializer),
                wrap(*each),
                (),
                partition,
            )
            for key, each in values.items()
        ]
        metadata = await self.app.publish(rows)
        super().apply_changelog_batch(
            SimpleNamespace(
                key=key,
                value=row.value,
                message=SimpleNamespace(
                    tp=TP(topic, partition),
                    topic=topic,
                    offset=sent.offset,
                    partition=partition,
                    key=row.key,
                    value=row.value,
                ),
            )
            for key, row, sent in zip(values, rows, metadata, strict=True)
        )

    def read(self, event: Any, key: str) -> bytes | None:
        """The value, None without one; `event` is of the partition the key lives in."""
        stored = self._stored(event, key)
        return None if stored is None else unwrap(stored)[1]

    def _stored(self, event: Any, key: str) -> bytes | None:
        token = _current_event.set(weakref.ref(event))  # RocksDB finds its partition through the current event
        try:
            value: bytes | None = self.data[key]
            return value
        except KeyError:
            return None
        finally:
            _current_event.reset(token)

    def apply_changelog_batch(self, batch: Any) -> None:
        """Recovery: the value that has seen most of its source wins, not the last written one: a zombie (paused past
            its
        session) may append an old value after the new owner's."""
        best: dict[tuple[int, str], Any] = {}
        for event in batch:
            slot = (event.message.partition, event.key)
            old = best[slot].value if slot in best else self._stored(event, event.key)
            if event.value is None or old is None or unwrap(event.value)[0] >= unwrap(old)[0]:
                best[slot] = event
        super().apply_changelog_batch(sorted(best.values(), key=lambda event: event.message.offset))


def wrap(offset: int, value: bytes) -> bytes:
    """A stored value, JSON too: [source offset, value]."""
    return b"[%d,%b]" % (offset, value)


def unwrap(stored: bytes) -> tuple[int, bytes]:
    """Inverse of `wrap`."""
    comma = stored.index(b",")
    return int(stored[1:comma]), stored[comma + 1 : -1]
