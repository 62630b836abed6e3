"""The page as a real HTTP server in a thread, over a board that the test fills: all but Kafka is the real thing."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from models.errors import BrokerUnavailable
from streams.news.windows import WindowState
from streams.records import AlertAction, ChatFeedback, HandoverReply, Question
from streams.web.app import create_app
from streams.web.board import Board
from streams.web.gate import Access
from streams.web.guard import Allowance
from streams.web.hub import Hub, pump
from streams.web.meter import measure
from streams.web.reach import Reach
from streams.web.serve import Server, bind, now_ms

T = TypeVar("T")


class LivePage:
    """`url` while entered. `do` runs a function of the board in the server's loop, and returns when it has run."""

    def __init__(
        self,
        port: int = 0,
        allowance: Allowance | None = None,
        most: int = 100,
        access: Access | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        """`host` is what the page takes itself to be bound to; it is bound to loopback all the same."""
        self.board = Board()
        self.board.broker = "connected"
        self.hub = Hub(self.board, now_ms, most)
        self.allowance = allowance
        self.access = access
        self.host = host
        self.replies: list[HandoverReply] = []
        self.judged: list[ChatFeedback] = []
        self.asked: list[Question] = []
        self.acted: list[AlertAction] = []
        self.states: dict[str, WindowState] = {}
        self.answer: Callable[[Question], None] = lambda question: None
        self.pass_on: Callable[[HandoverReply], None] = lambda reply: None
        self.broken = False
        self.socket: socket.socket = bind("127.0.0.1", port)
        self.port: int = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()), daemon=True)
        self.running = threading.Event()

    async def ask(self, question: Question) -> None:
        self.reach_kafka()
        self.asked.append(question)
        self.answer(question)

    async def act(self, action: AlertAction) -> None:
        """What an operator did comes back as from the topic."""
        self.reach_kafka()
        self.acted.append(action)
        self.board.add_action(action)

    async def reply(self, reply: HandoverReply) -> None:
        self.reach_kafka()
        self.replies.append(reply)
        self.pass_on(reply)

    async def judge(self, feedback: ChatFeedback) -> None:
        """What somebody thinks of an answer comes back as from the topic."""
        self.reach_kafka()
        self.judged.append(feedback)
        self.board.add_feedback(feedback)

    def read(self, key: str) -> WindowState | None:
        self.reach_kafka()
        return self.states.get(key)

    def reach_kafka(self) -> None:
        if self.broken:
            raise BrokerUnavailable("no Kafka answers at 127.0.0.1:9092; nothing was sent, try again")

    async def run(self) -> None:
        self.loop = asyncio.get_running_loop()
        registry = CollectorRegistry()
        measure(self.hub, registry)
        reach = Reach(self.ask, self.act, self.reply, self.judge, lambda key: self.read(key))
        app = create_app(self.hub, reach, self.host, self.allowance, registry, self.access)
        self.server = Server(app, self.hub)
        pumping = asyncio.create_task(pump(self.hub, 0.05))
        self.loop.call_soon(self.running.set)
        await self.server.serve(sockets=[self.socket])
        pumping.cancel()

    def do(self, change: Callable[[Board], T]) -> T:
        result: list[Any] = []
        done = threading.Event()

        def run() -> None:
            try:
                result.append(change(self.board))
            finally:
                done.set()

        self.loop.call_soon_threadsafe(run)
        assert done.wait(30)
        return result[0]  # type: ignore[no-any-return]

    def __enter__(self) -> "LivePage":
        self.thread.start()
        assert self.running.wait(30)
        until = time.monotonic() + 30
        while not self.server.started and self.thread.is_alive() and time.monotonic() < until:
            time.sleep(0.01)
        assert self.server.started
        return self

    def __exit__(self, *error: object) -> None:
        self.server.should_exit = True
        self.thread.join(30)
        assert not self.thread.is_alive(), "the page did not end"
