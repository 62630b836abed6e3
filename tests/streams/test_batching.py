"""How long a batch waits for more, and how long a computation keeps others waiting."""

import asyncio
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from streams import watching
from streams.batching import batches
from streams.watching import Turns

PLACE = TP("news", 0)


class Channel:
    """What a stream of Faust reads from."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()

    async def __anext__(self) -> Any:
        return await self.queue.get()


def stream_of(channel: Channel) -> Any:
    """A stream whose worker owns its partition and always has."""

    async def maybe_start() -> bool:
        return False

    fence = SimpleNamespace(is_open=lambda generation: True, admits=lambda generation: True, work=lambda change: None)
    consumer = SimpleNamespace(_committed_offset={PLACE: 0}, _unacked_messages=set())
    app = SimpleNamespace(fence=fence, consumer=consumer, consumer_generation_id=1)
    return SimpleNamespace(
        app=app,
        channel=channel,
        should_stop=False,
        maybe_start=maybe_start,
        _channel_stop_iteration=lambda channel: None,
    )


class Message:
    """A record, by identity, appended so long ago."""

    def __init__(self, offset: int, age_s: float) -> None:
        self.offset, self.timestamp = offset, time.time() - age_s
        self.tp, self.generation_id, self.tracked = PLACE, 1, False


def offsets_of_first_batch(
    ages_s: Sequence[float], linger_s: float, since_append: bool, late_after_s: float
) -> list[int]:
    """Of records that lie there, so old, and of one more that comes later."""

    async def run() -> list[int]:
        channel = Channel()

        def put(offset: int, age_s: float) -> None:
            channel.queue.put_nowait(SimpleNamespace(message=Message(offset, age_s), value=b"{}"))

        for offset, age_s in enumerate(ages_s):
            put(offset, age_s)
        asyncio.get_running_loop().call_later(late_after_s, put, len(ages_s), 0.0)
        found = batches(stream_of(channel), 100, 100, lambda value: 1, linger_s, since_append)
        batch = await asyncio.wait_for(anext(found), 20.0)
        await found.aclose()  # type: ignore[attr-defined]
        return [event.message.offset for event in batch.events]

    return asyncio.run(run())


@pytest.mark.parametrize("age_s", [0.0, 3600.0])
def test_a_batch_waits_for_more_from_when_its_first_record_came(age_s: float) -> None:
    assert offsets_of_first_batch([age_s], 1.0, since_append=False, late_after_s=0.05) == [0, 1]


def test_what_has_waited_in_kafka_as_long_waits_no_more_and_takes_along_what_is_there() -> None:
    began = time.monotonic()
    assert offsets_of_first_batch([3600.0, 0.0, 0.0], 10.0, since_append=True, late_after_s=0.05) == [0, 1, 2]
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("age_s", [0.0, -3600.0])
def test_a_fresh_record_waits_whole_whatever_the_clock_of_who_sent_it(age_s: float) -> None:
    assert offsets_of_first_batch([age_s], 1.0, since_append=True, late_after_s=0.05) == [0, 1]


def test_a_long_computation_lets_others_run_and_a_short_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def others_had(turn_s: float) -> int:
        monkeypatch.setattr(watching, "TURN_S", turn_s)
        ran = 0

        async def other() -> None:
            nonlocal ran
            while True:
                ran += 1
                await asyncio.sleep(0)

        task, turns = asyncio.create_task(other()), Turns()
        for _ in range(20):
            time.sleep(0.001)
            await turns.pause()
        task.cancel()
        return ran

    assert asyncio.run(others_had(0.002)) >= 5
    assert asyncio.run(others_had(60.0)) == 0
