"""What Faust's producer and consumer do for us by private parts of theirs: this fails where an upgrade changes them."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.partitioner import DefaultPartitioner
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaConsumer, TopicPartition
from mode.utils.queues import FlowControlEvent, FlowControlQueue

from streams.admin import ensure_topics, kafka_client_config
from streams.events import Output
from streams.exact import (
    BATCH_BYTES,
    COMMIT_EVERY,
    FETCH_BYTES,
    GATHER_MOST_S,
    Appended,
    DirectConsumer,
    ExactApp,
    IdempotentProducer,
)
from streams.settings import Settings
from streams.topics import SCORED_NEWS, TOPICS


async def published(settings: Settings, *batches: Sequence[Output]) -> list[list[Appended]]:
    app = ExactApp(settings)
    async with app.producer:
        return [await app.publish(batch) for batch in batches]


@pytest.mark.kafka
def test_records_lie_where_publish_says_and_in_its_order(kafka_settings: Settings) -> None:
    ensure_topics(kafka_settings)
    topic = SCORED_NEWS.of(kafka_settings)
    sizes = [10, BATCH_BYTES // 3, BATCH_BYTES // 3, BATCH_BYTES // 2, BATCH_BYTES + 1, 10, *[100] * 500]
    outputs = [
        Output(topic, b"key %d" % (n % 7), b"%d %b" % (n, b"x" * size), [("ce_id", b"%d" % n)])
        for n, size in enumerate(sizes)
    ]
    placed = [Output(topic, None, b"placed", (), 2)]
    (appended, [last], nothing) = asyncio.run(published(kafka_settings, outputs, placed, []))
    consumer = KafkaConsumer(**kafka_client_config(kafka_settings), auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, n) for n in range(kafka_settings.partitions)])
    found: dict[Appended, Any] = {}
    while len(found) < len(outputs) + 1:
        for records in consumer.poll(5000).values():
            found |= {Appended(record.partition, record.offset): record for record in records}
    consumer.close()
    assert [found[place].value for place in appended] == [each.value for each in outputs]
    assert [found[place].headers for place in appended] == [list(each.headers) for each in outputs]
    assert (found[last].value, last.partition, nothing) == (b"placed", 2, [])
    for key in {each.key for each in outputs}:
        places = [place for place, each in zip(appended, outputs, strict=True) if each.key == key]
        assert len({place.partition for place in places}) == 1
        assert places == sorted(places)


@pytest.mark.kafka
def test_a_topic_once_appended_to_stays_known_while_another_is_waited_for(kafka_settings: Settings) -> None:
    *known, late = (topic.of(kafka_settings) for topic in TOPICS)
    ensure_topics(kafka_settings, TOPICS[:-1])

    async def publish() -> set[str]:
        app = ExactApp(kafka_settings)
        async with app.producer:
            client = app.producer._ensure_producer().client
            await client.force_metadata_update()  # as after a request that failed: of all topics
            await app.publish([Output(name, b"key", b"value", ()) for name in known])
            waiting = asyncio.ensure_future(app.publish([Output(late, b"key", b"value", ())]))
            await asyncio.sleep(1)
            meanwhile: set[str] = client.cluster.topics()
            await asyncio.to_thread(ensure_topics, kafka_settings, TOPICS[-1:])
            await asyncio.wait_for(waiting, 30)
            return meanwhile

    assert set(known) <= asyncio.run(publish())


def test_faust_still_lets_a_delivery_race_the_next_rebalance() -> None:
    source = "".join(inspect.getsource(Consumer._drain_messages).split())
    assert "callback=self.callback" in source
    assert "awaitself.wait_first(callback(message),self.suspend_flow.wait())set_read_offset(tp,offset)" in source
    assert "ifself._n_acked>=commit_every:" in source


@pytest.mark.parametrize(("full", "suspended", "raced"), [(False, False, 0), (True, False, 1), (False, True, 1)])
def test_only_a_delivery_that_has_to_wait_races(
    full: bool, suspended: bool, raced: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tp, delivered, races = TP("news", 0), list[Any](), list[Any]()

    async def deliver(message: Any) -> str:
        delivered.append(message)
        return "delivered"

    async def race(consumer: Any, *waited: Any, timeout: Any = None) -> None:
        races.append(waited)
        for each in waited:
            each.close()

    async def drain() -> Any:
        flow = FlowControlEvent()
        if not suspended:
            flow.resume()
        channel = SimpleNamespace(queue=SimpleNamespace(full=lambda: full))
        consumer = DirectConsumer.__new__(DirectConsumer)
        monkeypatch.setattr(driver.Consumer, "__init__", lambda self, callback: setattr(self, "callback", callback))
        monkeypatch.setattr(driver.Consumer, "wait_first", race)
        DirectConsumer.__init__(consumer, deliver)
        consumer.app = SimpleNamespace(flow_control=flow, topics=SimpleNamespace(_tp_index={tp: [channel]}))
        message = SimpleNamespace(tp=tp)
        return await consumer.wait_first(consumer.callback(message), asyncio.Event().wait())

    result = asyncio.run(drain())
    assert (len(races), len(delivered)) == (raced, 1 - raced)
    assert result == (None if raced else "delivered")


@pytest.mark.parametrize(
    ("odd", "faust"),
    [
        ({}, []),
        ({"read": None}, [0]),  # the first of a partition: Faust compares it with the commit
        ({"offsets": [0, 1, 4, 5]}, [4]),  # a hole in the offsets, of which Faust keeps account
        ({"offsets": [0, 1, 1, 2]}, [1]),  # one that was read before
        ({"queued": 2}, [2, 3]),  # a queue that is nearly full: Faust stops fetching
        ({"acked": COMMIT_EVERY}, [0, 1, 2, 3]),  # Faust commits first
        ({"suspended": True}, [0, 1, 2, 3]),
        ({"channels": 2}, [0, 1, 2, 3]),
        ({"key_type": str}, [0, 1, 2, 3]),  # to be decoded
    ],
)
def test_only_a_record_that_just_follows_goes_past_faust(
    odd: dict[str, Any], faust: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tp, case = TP("news", 0), {"read": -1, "offsets": [0, 1, 2, 3], "queued": 0, "acked": 0, "channels": 1} | odd

    async def fetched(consumer: Any, timeout: float) -> AsyncIterator[Any]:
        for offset in case["offsets"]:
            yield tp, ConsumerMessage("news", 0, offset, 0.0, 0, (), b"key", b"%d" % offset, None, tp=tp)

    async def drain() -> tuple[list[int], list[Any]]:
        app = ExactApp(Settings(data_dir=tmp_path))
        app.flow_control.suspend() if case.get("suspended") else app.flow_control.resume()
        consumer, queue = app.consumer, FlowControlQueue(maxsize=6, flow_control=app.flow_control)
        for _ in range(case["queued"]):
            queue.force_put_nowait(None)
        channel = SimpleNamespace(queue=queue, key_type=case.get("key_type", bytes))
        app.topics._tp_index[tp] = [channel] * case["channels"]
        consumer._read_offset[tp], consumer._n_acked = case["read"], case["acked"]
        left = []
        async for place, message in consumer.getmany(timeout=1.0):
            left.append(message.offset)
            consumer._read_offset[place] = message.offset  # as Faust's drain does
        return left, [queue.get_nowait() for _ in range(queue.qsize())][case["queued"] :]

    monkeypatch.setattr(driver.Consumer, "getmany", fetched)
    left, delivered = asyncio.run(drain())
    assert left == faust
    assert sorted([*left, *(int(event.value) for event in delivered)]) == case["offsets"]
    assert all(event.message.refcount == 1 and event.key == b"key" for event in delivered)


@pytest.mark.parametrize(
    ("busy", "waiting", "gather_s"),
    [(0, 0, 0.0), (1, 0, 0.005), (3, 0, 0.01), (1, 100, 0.025), (2, 5000, GATHER_MOST_S)],
)
def test_fetches_are_gathered_longer_the_more_is_to_be_done(
    busy: int, waiting: int, gather_s: float, tmp_path: Path
) -> None:
    async def gathered() -> float:
        app, queue = ExactApp(Settings(data_dir=tmp_path)), asyncio.Queue[int]()
        app.fence.work(busy)
        for n in range(waiting):
            queue.put_nowait(n)
        channel = SimpleNamespace(queue=queue)  # of an agent's topic: one for all its partitions
        app.topics._tp_index |= {TP("news", 0): [channel], TP("news", 1): [channel]}
        return float(app.consumer._gather_s())

    assert asyncio.run(gathered()) == pytest.approx(gather_s)


@given(key=st.binary(min_size=1), partitions=st.integers(1, 100))
def test_a_key_has_the_partition_that_other_clients_give_it(key: bytes, partitions: int) -> None:
    producer = IdempotentProducer.__new__(IdempotentProducer)
    theirs = DefaultPartitioner()(key, list(range(partitions)), [])
    assert producer.partition_of(Output("news", key, b""), partitions) == theirs
    assert producer.partition_of(Output("news", key, b"", (), 7), partitions) == 7


def test_no_more_of_a_partition_is_fetched_at_once_than_may_be_held(tmp_path: Path) -> None:
    async def most() -> Any:
        app = ExactApp(Settings(data_dir=tmp_path))
        client = app.consumer._thread._create_worker_consumer(app.transport)
        await client.stop()
        return client._max_partition_fetch_bytes

    assert asyncio.run(most()) == FETCH_BYTES >= BATCH_BYTES  # what we append ourselves always fits
