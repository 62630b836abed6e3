"""What Faust's producer and consumer do for us by private parts of theirs: this fails where an upgrade changes them."""

import asyncio
import inspect
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from kafka import KafkaConsumer, TopicPartition
from mode.utils.queues import FlowControlEvent

from streams.admin import ensure_topics, kafka_client_config
from streams.events import Output
from streams.exact import BATCH_BYTES, FETCH_BYTES, Appended, DirectConsumer, ExactApp
from streams.settings import Settings
from streams.topics import SCORED_NEWS


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


def test_faust_still_lets_a_delivery_race_the_next_rebalance() -> None:
    source = "".join(inspect.getsource(Consumer._drain_messages).split())
    assert "callback=self.callback" in source
    assert "awaitself.wait_first(callback(message),self.suspend_flow.wait())" in source


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


def test_no_more_of_a_partition_is_fetched_at_once_than_may_be_held(tmp_path: Path) -> None:
    async def most() -> Any:
        app = ExactApp(Settings(data_dir=tmp_path))
        client = app.consumer._thread._create_worker_consumer(app.transport)
        await client.stop()
        return client._max_partition_fetch_bytes

    assert asyncio.run(most()) == FETCH_BYTES >= BATCH_BYTES  # what we append ourselves always fits
