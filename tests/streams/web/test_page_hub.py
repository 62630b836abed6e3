"""Snapshots and deltas to many browsers."""

import asyncio
import json
from typing import Any

import pytest
from sse_starlette import ServerSentEvent

from streams.web.board import Board
from streams.web.hub import QUEUED, Full, Hub
from tests.support.page_records import scored


def told(event: ServerSentEvent) -> dict[str, Any]:
    return json.loads(str(event.data))  # type: ignore[no-any-return]


def headline(board: Board, name: str) -> None:
    board.add_headline(scored(name, name), 1000, 1000, True)


def hub_at(now_ms: int = 10_000) -> Hub:
    hub = Hub(Board(), lambda: now_ms, most=3)
    hub.flush()
    return hub


def test_a_subscriber_gets_a_snapshot_then_only_what_came_after_it() -> None:
    async def story() -> None:
        hub = hub_at()
        headline(hub.board, "before")
        events = hub.subscribe()
        headline(hub.board, "after")
        hub.flush()
        first, second = await anext(events), await anext(events)
        assert (first.event, second.event) == ("snapshot", "delta")
        assert [view["id"] for view in told(first)["headlines"]] == ["before"]
        assert [view["id"] for view in told(second)["headlines"]] == ["after"]

    asyncio.run(story())


def test_two_subscribers_get_the_same_message_encoded_once() -> None:
    async def story() -> None:
        hub = hub_at()
        one, two = hub.subscribe(), hub.subscribe()
        headline(hub.board, "a")
        hub.flush()
        await anext(one)
        await anext(two)
        assert await anext(one) is await anext(two)

    asyncio.run(story())


def test_the_status_comes_every_second_though_nothing_happens() -> None:
    now = [10_000]
    hub = Hub(Board(), lambda: now[0])

    async def story() -> None:
        events = hub.subscribe()
        await anext(events)
        for now[0] in range(10_000, 13_000, 250):
            hub.flush()
        hub.close()
        assert len([event async for event in events]) == 0  # closing drops what is queued
        assert hub.sequence == 1 + 1 + 2  # the first flush, the snapshot, then one a second

    asyncio.run(story())


def test_a_subscriber_that_lags_is_let_go_and_the_others_stay() -> None:
    async def story() -> None:
        hub = hub_at()
        slow, quick = hub.subscribe(), hub.subscribe()
        await anext(quick)
        for i in range(QUEUED + 5):
            headline(hub.board, f"n{i}")
            hub.flush()
            await anext(quick)
        assert [event async for event in slow] == []
        assert (len(hub.subscribers), hub.dropped) == (1, 1)

    asyncio.run(story())


def test_a_browser_too_many_is_refused_and_one_that_leaves_makes_room() -> None:
    async def story() -> None:
        hub = hub_at()
        events = [hub.subscribe() for _ in range(3)]
        with pytest.raises(Full):
            hub.subscribe()
        await anext(events[0])
        await events[0].aclose()  # type: ignore[attr-defined]
        hub.subscribe()

    asyncio.run(story())


def test_closing_ends_every_stream_and_later_ones_at_once() -> None:
    async def story() -> None:
        hub = hub_at()
        events = hub.subscribe()
        await anext(events)
        hub.close()
        assert [event async for event in events] == []
        late = [event async for event in hub.subscribe()]
        assert [event.event for event in late] == ["snapshot"]

    asyncio.run(story())


def test_a_restart_gives_everyone_a_snapshot_and_no_change_twice() -> None:
    async def story() -> None:
        hub = hub_at()
        events = hub.subscribe()
        headline(hub.board, "a")
        hub.restart()
        hub.flush()
        assert told(await anext(events))["headlines"] == []
        again = await anext(events)
        assert again.event == "snapshot"
        assert [view["id"] for view in told(again)["headlines"]] == ["a"]
        assert hub.sequence == 3  # the flush after the restart had nothing to say

    asyncio.run(story())
