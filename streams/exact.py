"""The Faust app under which effects are exact: at-least-once delivery, idempotent effects.

In every batch, each step awaited before the next:

    1. outputs to Kafka, with deterministic ids   2. new table values to the changelog
    3. the local store                            4. the source is acknowledged, in offset order

A kill between two steps makes the batch come again; ids and the watermarks inside the values make the second
time a no-op. A worker that can't finish what it began stops at once (`fail_stop`) and is started again: going
on would let a later record of a key overtake a lost one. docs/exactness.md walks through it line by line;
tests/streams/test_kill.py judges an upgrade of Faust, whose private parts are touched here, in recovery.py,
batching.py and tables.py, and nowhere else.
"""

import asyncio
import logging
import os
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import faust
from aiokafka.partitioner import murmur2
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.batching import Fence
from streams.events import Output
from streams.recovery import ActiveSet, ExactTables
from streams.settings import Settings
from streams.tables import ExactTable, Fold, Row, TopicTable

log = logging.getLogger(__name__)

FAIL_STOP = 70  # EX_SOFTWARE
COMPACTION_LAG_MS = 3_600_000  # a zombie's late write must still be seen beside the value it would undo
CHANGELOG = {
    "min.compaction.lag.ms": str(COMPACTION_LAG_MS),
    # older than that, one value a key is enough, soon: a recovery and every query read the whole changelog. What Kafka
    # still writes to is never compacted, so its pieces are small; by default they are 1 GiB or a week
    "segment.bytes": str(64 << 20),
    "segment.ms": "600000",
    "min.cleanable.dirty.ratio": "0.1",
    "max.compaction.lag.ms": str(2 * COMPACTION_LAG_MS),
}
# of each partition of each table, some twenty in a worker: RocksDB's own 64 MiB to write in would grow for hours, and 4
# in tables that are written now and then; a flush leaves a fraction of it, as states are written again and again
STORE = {
    "write_buffer_size": 1 << 20,
    "max_write_buffer_number": 2,
    "block_cache_size": 4 << 20,  # states at work are kept decoded, see Lives
}
BATCH_BYTES = 256 << 10  # of a partition in one append; brokers take 1 MiB, and a larger record goes alone
FETCH_BYTES = BATCH_BYTES  # of a partition at once: until their turn comes, records take five times their size
GATHER_S = (0.0, 0.005, 0.01)  # between two looks at what was fetched, while none, one, more batches are at work
GATHER_WAITING_S = 0.0002  # longer by that for each record that waits for its batch
GATHER_MOST_S = 0.05
TURN = 100  # records, then others may run
COMMIT_EVERY = 10_000  # Faust's own: so many acknowledged records are committed before their time
FENCE_SHARE = 0.8  # of the session timeout: how long a rebalance waits for the batch at work
DRAIN_S = 5.0  # how long a SIGTERM waits for it; the rest of the shutdown takes about two seconds


class Appended(NamedTuple):
    """Where a record lies."""

    partition: int
    offset: int


class Piece(NamedTuple):
    """A batch of records of one partition, and which of the outputs they are."""

    tp: TP
    builder: Any
    numbers: list[int]

    def took(self, number: int, each: Output) -> bool:
        """False where it is full."""
        taken = self.builder.append(timestamp=None, key=each.key, value=each.value, headers=list(each.headers))
        if taken is not None:
            self.numbers.append(number)
        return taken is not None


class IdempotentProducer(driver.Producer):  # type: ignore[misc]
    """What Kafka has appended and not acknowledged, because it died in between say, is not appended again."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}

    async def append(self, outputs: Sequence[Output]) -> list[Appended]:
        """Where each was appended, in the order given, once all are acknowledged; a partition's in the order given.

        In aiokafka's own batches: a future a record, as send() gives, is most of what a short record costs.
        """
        producer = self._ensure_producer()
        partitions = {topic: await self.partitions_of(topic) for topic in {each.topic for each in outputs}}
        pieces: list[Piece] = []
        filling: dict[tuple[str, int], Piece] = {}
        for n, each in enumerate(outputs):
            place = each.topic, self.partition_of(each, partitions[each.topic])
            piece = filling.get(place)
            if piece is None or not piece.took(n, each):
                piece = filling[place] = Piece(TP(*place), producer.create_batch(), [])
                pieces.append(piece)
                if not piece.took(n, each):
                    raise ValueError(f"a record of {len(each.value)} bytes for {each.topic} fits into no batch")
        sent = [
            await producer.send_batch(piece.builder, piece.tp.topic, partition=piece.tp.partition) for piece in pieces
        ]
        appended: list[Any] = [None] * len(outputs)
        for piece, future in zip(pieces, sent, strict=True):
            first = (await future).offset
            for relative, n in enumerate(piece.numbers):
                appended[n] = Appended(piece.tp.partition, first + relative)
        return appended

    async def partitions_of(self, topic: str) -> int:
        """Of a topic that is followed from now on: one that the client knows by chance, since it asked for all, it
        forgets as it begins to follow another, and a batch that is to be sent once more has then no leader for good."""
        client = self._ensure_producer().client
        if topic not in client._topics:
            await client.add_topic(topic)
        return len(await client._wait_on_metadata(topic))

    def partition_of(self, each: Output, partitions: int) -> int:
        """As Java's client chooses, by whom producers of ours and of others must agree."""
        if each.partition is not None:
            return each.partition
        if each.key is None:
            return int(self.key_partition(each.topic, None).partition)  # any
        return int((hash_of(each.key) & 0x7FFFFFFF) % partitions)


hash_of = lru_cache(maxsize=4096)(murmur2)  # in Python: an entity's key would take longer than its record


class DirectConsumer(driver.Consumer):  # type: ignore[misc]
    """Hands a record to its agent's queue at once where nothing has to be waited for.

    Nearly every record just follows the one before, and has an agent whose queue has room: it goes straight there. Of
    the others Faust lets every delivery race the next rebalance (transport/consumer.py:1220, wait_first): four tasks
    and a wait a record. Only a delivery that waits, for a full queue or a suspended flow, needs that.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        deliver: Callable[[Any], Any] = self.callback  # type: ignore[has-type]
        self._delivered: TP | None = None

        def noted(message: Any) -> Any:
            self._delivered = message.tp
            return deliver(message)

        self.callback = noted

    async def getmany(self, timeout: float) -> AsyncIterator[Any]:
        """A fetch of one record costs as much as one of fifty, and Kafka answers as soon as there is one: what comes
        while batches are at work is gathered, as it would wait for them anyway, and for what waits before it."""
        await asyncio.sleep(self._gather_s())
        delivered = 0
        async for tp, message in super().getmany(timeout=timeout):
            if self._deliver(tp, message):
                delivered += 1
                if delivered % TURN == 0:
                    await asyncio.sleep(0)
            else:
                yield tp, message

    def _gather_s(self) -> float:
        queues = {id(channel.queue): channel.queue for of in self.app.topics._tp_index.values() for channel in of}
        waiting: int = sum(queue.qsize() for queue in queues.values())
        return min(GATHER_S[min(self.app.fence.busy, 2)] + GATHER_WAITING_S * waiting, GATHER_MOST_S)

    def _deliver(self, tp: TP, message: Any) -> bool:
        """Do what Faust would do with the record (transport/consumer.py:1201-1223, transport/conductor.py:101-142), if
        that is to put it into its agent's queue and nothing else."""
        app, read = self.app, self._read_offset[tp]
        channels = app.topics._tp_index.get(tp, ())
        if len(channels) != 1 or read is None or message.offset != read + 1 or not app.flow_control.is_active():
            return False
        (channel,) = channels
        queue = channel.queue
        if channel.key_type is not bytes or queue.qsize() >= queue.pressure_high_size or self._n_acked >= COMMIT_EVERY:
            return False
        message.incref()
        queue.force_put_nowait(faust.Event(app, message.key, message.value, None, message))
        self._read_offset[tp] = message.offset
        return True

    async def wait_first(self, *waited: Any, timeout: Any = None) -> Any:
        tp, self._delivered = self._delivered, None
        if tp is None or not self._flows(tp):
            return await super().wait_first(*waited, timeout=timeout)
        delivery, suspended = waited
        suspended.close()
        return await delivery

    def _flows(self, tp: TP) -> bool:
        app = self.app
        return app.flow_control.is_active() and not any(
            channel.queue.full() for channel in app.topics._tp_index.get(tp, ())
        )


class ExactApp(faust.App):  # type: ignore[misc]
    """A Faust app whose agents take `batches`, `publish` and keep ExactTables."""

    def __init__(self, settings: Settings, on_fail_stop: Callable[[], None] | None = None) -> None:
        self.settings = settings
        self.on_fail_stop = on_fail_stop
        super().__init__(**faust_settings(settings), TableManager=ExactTables)
        self.fence = Fence(self, settings.session_timeout_s * FENCE_SHARE)

    def _new_producer(self) -> Any:
        """No setting makes the producer idempotent, only transactions do. It is made by `transport`, and not by
        `producer_transport` as one might think (app/base.py:1918)."""
        self.transport.Producer = IdempotentProducer
        return super()._new_producer()

    def _new_consumer(self) -> Any:
        self.transport.Consumer = DirectConsumer
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

    def places_of(self, topic: str) -> list[Any]:
        """This worker's active partitions of a topic, to read their tables by."""
        return [Row(tp, -1, "", b"", b"") for tp in self.assignor.assigned_actives() if tp.topic == topic]

    def fail_stop(self, why: str) -> None:
        """End the process now. Whatever was not acknowledged comes again to the next owner."""
        log.critical("fail-stop: %s", why, exc_info=sys.exc_info()[0] is not None)
        logging.shutdown()
        if self.on_fail_stop is not None:
            self.on_fail_stop()
        os._exit(FAIL_STOP)

    async def on_stop(self) -> None:
        """Finish the batches at work and acknowledge them; then Faust commits, and leaves."""
        await self.fence.close(DRAIN_S)
        await super().on_stop()

    async def publish(self, outputs: Sequence[Output]) -> list[Appended]:
        """Where each was appended, in the order given, once all are acknowledged. A failure is fatal."""
        try:
            appended: list[Appended] = await self.producer.append(outputs)
            return appended
        except Exception as error:
            self.fail_stop(f"publish: {error!r}")
            raise

    def exact_table(self, name: str) -> ExactTable:
        """A table of this app, its changelog partitioned as every topic is."""
        table: ExactTable = self._add_table(ExactTable, name, extra_topic_configs=CHANGELOG)
        return table

    def topic_table(self, name: str, topic: str, fold: Fold) -> TopicTable:
        """What `fold` makes of an output topic's records, by key."""
        raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
        source = self.topic(topic, partitions=self.settings.partitions, acks=False, allow_empty=True, **raw)
        table: TopicTable = self._add_table(TopicTable, name, changelog_topic=source)
        table.fold = fold
        return table

    def _add_table(self, kind: type[ExactTable], name: str, **options: Any) -> Any:
        table = kind(
            self,
            name=name,
            partitions=self.settings.partitions,
            key_type=str,
            value_type=bytes,
            beacon=self.tables.beacon,
            options=dict(STORE),
            **options,
        )
        return self.tables.add(table)


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
        "consumer_max_fetch_size": FETCH_BYTES,
        "producer_max_request_size": 4 << 20,  # a dead letter of the largest record, with its headers
        "producer_max_batch_size": BATCH_BYTES,
        "broker_session_timeout": settings.session_timeout_s,
        "broker_heartbeat_interval": settings.session_timeout_s / 4,
        "broker_commit_every": COMMIT_EVERY,
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
