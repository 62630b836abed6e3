"""A conversation over a WebSocket: questions in, what happens in the conversation out."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from models.errors import BrokerUnavailable
from streams.web.gate import PROTOCOL, Gate, protocols
from streams.web.refusals import refusal
from streams.web.take import Refused, Spoken, read_bytes
from streams.web.talks import Event, Talks

QUEUED = 64  # events a client may lag behind
LAGGING = 1013  # a close code: try again later


class Trouble(msgspec.Struct, frozen=True):
    """A message that was not taken; `status` as over HTTP."""

    status: int
    error: str
    type: str = "error"


class Socket:
    """`ask` sends a text, with the id its author gave it; `begin` is the first message, of what was said before."""

    def __init__(
        self,
        websocket: WebSocket,
        gate: Gate,
        seat: Callable[[str], AbstractContextManager[None]],
        talks: Talks,
        ask: Callable[[str, str | None], Awaitable[None]],
        begin: Callable[[], bytes],
    ) -> None:
        self.websocket = websocket
        self.gate = gate
        self.seat = seat
        self.talks = talks
        self.ask = ask
        self.begin = begin
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUED)
        self.lagging = asyncio.Event()

    async def serve(self, conversation: str) -> None:
        """Until the client leaves or lags. Raises nothing."""
        try:
            take = self.gate.admit(self.websocket)
            with self.seat("WebSockets"):
                offered = PROTOCOL in protocols(self.websocket)
                await self.websocket.accept(PROTOCOL if offered else None)
                await self.converse(conversation, take)
        except Refused as error:
            await self.websocket.send_denial_response(refusal(error))

    async def converse(self, conversation: str, take: Callable[[], None]) -> None:
        stop = self.talks.listen(conversation, self.hear)
        self.queue.put_nowait(self.begin())
        tasks = [asyncio.create_task(work) for work in (self.send(), self.listen(take), self.lagging.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self.websocket.client_state is WebSocketState.CONNECTED:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await self.websocket.close(LAGGING, "too slow: come back")

    def hear(self, event: Event) -> None:
        self.put(msgspec.json.encode(event))

    def put(self, message: bytes) -> None:
        try:
            self.queue.put_nowait(message)
        except asyncio.QueueFull:
            self.lagging.set()

    async def send(self) -> None:
        while True:
            await self.websocket.send_text((await self.queue.get()).decode())

    async def listen(self, take: Callable[[], None]) -> None:
        """Ends when the client leaves."""
        while (message := await self.websocket.receive())["type"] == "websocket.receive":
            try:
                take()
                spoken = read_bytes(message.get("text") or message.get("bytes") or b"", Spoken, "question")
                await self.ask(spoken.text, spoken.id)
            except Refused as error:
                self.put(msgspec.json.encode(Trouble(error.status, str(error))))
            except BrokerUnavailable as error:
                self.put(msgspec.json.encode(Trouble(503, str(error))))
