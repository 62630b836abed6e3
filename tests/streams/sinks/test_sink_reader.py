"""Where a sink begins to read, whatever is appended or committed while it asks Kafka about that."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndTimestamp

from streams.settings import Settings
from streams.sinks.reader import Reader
from tests.streams.sinks.test_sink_tell import Room

PLACE = TopicPartition("alerts", 0)
CALLS = range(1, 7)


class Consumer:
    """Of one partition: its log grows by a record before the `grows_at`-th answer, which its owner so far commits."""

    def __init__(self, grows_at: int, committed: int | None) -> None:
        self.grows_at, self.done = grows_at, committed
        self.end, self.calls, self.at = committed or 0, 0, -1

    def answer(self) -> None:
        self.calls += 1
        if self.calls == self.grows_at:
            self.end += 1
            if self.done is not None:
                self.done += 1  # by the owner before us

    def assignment(self) -> set[TopicPartition]:
        return {PLACE}

    async def committed(self, place: TopicPartition) -> int | None:
        self.answer()
        return self.done

    async def beginning_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        self.answer()
        return {PLACE: 0}

    async def end_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        self.answer()
        return {PLACE: self.end}

    async def offsets_for_times(
        self, times: dict[TopicPartition, int]
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        self.answer()
        return {PLACE: OffsetAndTimestamp(0, 0) if self.end else None}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.answer()
        self.done = offsets[PLACE]

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.at = offset


def opened(consumer: Consumer) -> int:
    """The first record that the sink is to be told."""
    teller: Any = Room().teller
    reader = Reader(Settings(), teller, asyncio.Event())
    asyncio.run(reader.open_lanes(consumer))
    return reader.lanes[PLACE].next_offset


@pytest.mark.parametrize("grows_at", CALLS)
def test_a_sink_that_never_ran_is_told_what_comes_while_it_finds_its_beginning(grows_at: int) -> None:
    consumer = Consumer(grows_at, committed=None)
    assert opened(consumer) == 0 == consumer.done
    assert consumer.at == 0 and consumer.calls == len(CALLS)


@pytest.mark.parametrize("grows_at", CALLS)
def test_a_sink_that_takes_over_tells_nothing_twice_that_was_committed_meanwhile(grows_at: int) -> None:
    assert opened(Consumer(grows_at, committed=5)) in (5, 6), "not from the beginning, as of a topic made anew"
