"""The page's process: socket, web server and Kafka feed in one event loop, ended together within seconds."""

import asyncio
import contextlib
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from models.errors import SettingsError
from streams.queries import read_state
from streams.settings import Settings
from streams.web.app import create_app
from streams.web.board import Board
from streams.web.consume import Feed, client_options
from streams.web.gate import Access, access_of
from streams.web.guard import is_loopback
from streams.web.hub import Hub, pump
from streams.web.meter import measure
from streams.web.reach import Reach
from streams.web.take import API_BODY_BYTES

GRACE_S = 2
log = logging.getLogger("gretchen.page")


class Server(uvicorn.Server):
    """Ends the open event streams before it waits for the connections to close, and does not raise signals again."""

    def __init__(self, app: Starlette, hub: Hub) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            proxy_headers=False,  # a client must not choose the address it is rated by
            server_header=False,
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=API_BODY_BYTES,
            ws_per_message_deflate=False,  # a small message could unfold to a large one
            timeout_graceful_shutdown=GRACE_S,
        )
        super().__init__(config)
        self.hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.hub.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        main = threading.current_thread() is threading.main_thread()  # only there may signals be caught
        caught = (signal.SIGINT, signal.SIGTERM) if main else ()
        before = {sig: signal.signal(sig, self.handle_exit) for sig in caught}
        try:
            yield
        finally:
            for sig, handler in before.items():
                signal.signal(sig, handler)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises SettingsError if the address is taken or not this machine's."""
    try:
        info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(*info[:3])  # with its protocol, by which asyncio knows to turn Nagle's algorithm off
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(info[4])
        sock.listen(128)
    except OSError as error:
        raise SettingsError(
            f"the page can't listen on {host} port {port}: {error.strerror or error}; choose another with --host and"
            " --port (port 0: any free one), or end what uses it"
        ) from None
    return sock


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def serve(settings: Settings, tell: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT, then returns; `tell` gets the address once it answers."""
    client_options(settings)  # an unusable setting ends the page here, not in a retry
    access = access_of(settings)
    sock = bind(settings.page_host, settings.page_port)
    asyncio.run(serve_on(sock, settings, access, tell))


async def serve_on(sock: socket.socket, settings: Settings, access: Access, tell: Callable[[str], None]) -> None:
    hub = Hub(Board(), now_ms)
    feed = Feed(settings, hub, now_ms)
    registry = CollectorRegistry()
    measure(hub, registry)
    reach = Reach(feed.ask, feed.act, feed.reply, feed.judge, partial(read_state, settings))
    app = create_app(hub, reach, settings.page_host, registry=registry, access=access)
    server = Server(app, hub)
    host, port = sock.getsockname()[:2]
    tell(f"Gretchen's page: http://{f'[{host}]' if ':' in host else host}:{port}/")
    if not is_loopback(settings.page_host):
        log.warning("the page is open to the network and has no login: put a proxy that asks for one before it")
    tasks = [asyncio.create_task(feed.run()), asyncio.create_task(pump(hub))]
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        done, _ = await asyncio.wait([serving, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # a feed that ends has failed: say so rather than show a frozen page
    finally:
        server.should_exit = True
        for task in tasks:
            task.cancel()
        await asyncio.wait([serving, *tasks], timeout=GRACE_S + 1)
        await feed.close()
