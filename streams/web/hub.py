"""One board, many browsers: every subscriber gets a snapshot, then the same messages; a slow one is let go.

All of it lives in one event loop and is not thread-safe.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import msgspec
from sse_starlette import ServerSentEvent

from streams.web.board import Board
from streams.web.views import View

QUEUED = 32  # messages a browser may lag behind: 8 s of them
SUBSCRIBERS = 100
STATUS_MS = 1000


class Full(Exception):
    """As many browsers as this page serves are connected."""


@dataclass(eq=False)
class Subscriber:
    queue: asyncio.Queue[ServerSentEvent | None] = field(default_factory=lambda: asyncio.Queue(QUEUED + 1))


class Hub:
    """Hands the board's changes on, a few times a second. `now_ms` is the clock."""

    def __init__(self, board: Board, now_ms: Callable[[], int], most: int = SUBSCRIBERS) -> None:
        self.board = board
        self.now_ms = now_ms
        self.most = most
        self.subscribers: set[Subscriber] = set()
        self.dropped = 0
        self.sequence = 0
        self.status_ms = 0
        self.closed = False

    def subscribe(self) -> AsyncIterator[ServerSentEvent]:
        """The snapshot, then what changes. Ends when the hub closes or the subscriber lags; browsers come back then.

        Raises Full.
        """
        if len(self.subscribers) >= self.most:
            raise Full
        self.flush()  # what changed until now is in the snapshot, and in nothing after it
        subscriber = Subscriber()
        subscriber.queue.put_nowait(self.event("snapshot", self.board.snapshot(self.now_ms())))
        if self.closed:
            subscriber.queue.put_nowait(None)
        self.subscribers.add(subscriber)
        return self.events(subscriber)

    async def events(self, subscriber: Subscriber) -> AsyncIterator[ServerSentEvent]:
        try:
            while (event := await subscriber.queue.get()) is not None:
                yield event
        finally:
            self.subscribers.discard(subscriber)

    def flush(self) -> None:
        """Sends what changed since the last call, with the status once a second: a silence means a dead connection."""
        now_ms = self.now_ms()
        delta = self.board.delta()
        if not 0 <= now_ms - self.status_ms < STATUS_MS:
            delta["status"] = self.board.status(now_ms)
            self.status_ms = now_ms
        if delta:
            self.publish("delta", delta)

    def restart(self) -> None:
        """Sends everyone a snapshot, as after the first load."""
        self.board.forget_changes()
        self.publish("snapshot", self.board.snapshot(self.now_ms()))

    def publish(self, kind: str, view: View) -> None:
        event = self.event(kind, view)  # encoded once, whatever the number of browsers
        for subscriber in list(self.subscribers):
            if subscriber.queue.qsize() >= QUEUED:
                self.let_go(subscriber)
                self.dropped += 1
            else:
                subscriber.queue.put_nowait(event)

    def let_go(self, subscriber: Subscriber) -> None:
        """Ends its stream at once: what is queued would only be late."""
        self.subscribers.discard(subscriber)
        while not subscriber.queue.empty():
            subscriber.queue.get_nowait()
        subscriber.queue.put_nowait(None)

    def event(self, kind: str, view: View) -> ServerSentEvent:
        self.sequence += 1
        return ServerSentEvent(msgspec.json.encode(view).decode(), event=kind, id=str(self.sequence), retry=1000)

    def close(self) -> None:
        self.closed = True
        for subscriber in list(self.subscribers):
            self.let_go(subscriber)


async def pump(hub: Hub, every_s: float = 0.25) -> None:
    """Flushes the hub until cancelled."""
    while True:
        hub.flush()
        await asyncio.sleep(every_s)
