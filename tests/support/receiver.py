"""A web server on loopback that takes POSTs and answers as a test wants: well, badly or not at all."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import NamedTuple

import msgspec


class Posted(NamedTuple):
    """A request that came; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def record(self) -> dict[str, object]:
        return msgspec.json.decode(self.body, type=dict[str, object])


class Answer(NamedTuple):
    """`pieces` are written one by one; between them the server waits for `gap_s` or until the test ends."""

    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    pieces: tuple[bytes, ...] = (b"ok",)
    gap_s: float = 0.0


@dataclass
class Receiver:
    url: str
    answer: Callable[[Posted], Answer] = lambda _: Answer()
    posted: list[Posted] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    written: int = 0

    def hang(self, _: Posted) -> Answer:
        """No answer until the test is over."""
        self.ended.wait(30)
        return Answer()

    def in_turn(self, *answers: Answer) -> None:
        """One after the other, then the last for good."""
        left = list(answers)
        self.answer = lambda _: left.pop(0) if len(left) > 1 else left[0]

    def keys(self) -> list[str]:
        return [posted.headers["idempotency-key"] for posted in self.posted]


@contextmanager
def receive(port: int = 0) -> Iterator[Receiver]:
    """A running receiver."""

    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted = Posted(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            receiver.posted.append(posted)
            answer = receiver.answer(posted)
            try:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(sum(map(len, answer.pieces))))
                self.end_headers()
                for piece in answer.pieces:
                    self.wfile.write(piece)
                    receiver.written += len(piece)
                    if answer.gap_s:
                        receiver.ended.wait(answer.gap_s)
            except ConnectionError:  # the sender had enough
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    web = ThreadingHTTPServer(("127.0.0.1", port), Page)
    web.daemon_threads = True
    receiver = Receiver(f"http://127.0.0.1:{web.server_address[1]}")
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.ended.set()
        web.shutdown()
        web.server_close()
        thread.join()
