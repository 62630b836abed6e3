"""The process that delivers alerts: each sink by its own consumer group, so that none waits for another."""

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from streams.admin import unavailable
from streams.endpoints import serve_endpoints
from streams.events import Output
from streams.settings import Settings
from streams.sinks import senders
from streams.sinks.clients import client_options, stop_client
from streams.sinks.config import Alertmanager, Sink
from streams.sinks.follow import follow_actions, follow_storms
from streams.sinks.metrics import Metrics
from streams.sinks.outlet import Outlet
from streams.sinks.reader import STOP_S, Reader
from streams.sinks.repeats import repeat_open
from streams.sinks.storms import Storms
from streams.sinks.tell import Teller
from streams.sinks.wanted import Actions

LOOK_S = 1.0
LATEST_EXIT_S = STOP_S + 3.0

log = logging.getLogger(__name__)


async def notify(settings: Settings, sinks: Sequence[Sink], write: Callable[[str], None]) -> None:
    """Until SIGTERM or Ctrl-C; what is being delivered then gets STOP_S to be finished. `write` prints a line."""
    stop, caught_up, storms_known = asyncio.Event(), asyncio.Event(), asyncio.Event()
    actions, storms = Actions(), Storms()
    metrics = Metrics(CollectorRegistry(), {sink.KIND for sink in sinks})
    on_signals(stop)
    readers: list[Reader] = []
    serve_endpoints(
        metrics.registry,
        lambda: ready(readers, caught_up),
        settings.metrics_host,
        settings.notify_port,
        "GRETCHEN_NOTIFY_PORT",
    )
    producer = AIOKafkaProducer(**client_options(settings), acks="all", max_request_size=4 << 20)

    async def publish(output: Output) -> None:
        await producer.send_and_wait(output.topic, output.value, key=output.key, headers=list(output.headers))

    try:
        await producer.start()
    except KafkaError as error:
        raise unavailable(settings, error) from None
    headers = {"User-Agent": f"gretchen/{version('gretchen')} (alerts)"}
    async with httpx.AsyncClient(headers=headers, timeout=None) as client, asyncio.TaskGroup() as background:
        tasks = [
            background.create_task(follow_storms(settings, storms, storms_known, stop)),
            background.create_task(follow_actions(settings, actions, caught_up, stop)),
        ]
        await first_of(storms_known, stop)
        await first_of(caught_up, stop)
        async with asyncio.TaskGroup() as group:
            for sink in sinks if caught_up.is_set() and storms_known.is_set() else ():
                outlet = Outlet(sink, metrics, stop)
                send = senders.sender(sink, client, write)
                teller = Teller(settings, sink, outlet, send, publish, actions, storms, metrics)
                reader = Reader(settings, teller, stop)
                readers.append(reader)
                group.create_task(reader.run())
                if isinstance(sink, Alertmanager):
                    again = partial(senders.repeat, sink, client)
                    group.create_task(repeat_open(sink, outlet, reader.told, again, actions, metrics))
            tasks.append(background.create_task(show(readers, caught_up, metrics)))
            log.info("%d sinks: %s", len(sinks), ", ".join(f"{sink.name} ({sink.KIND})" for sink in sinks))
        for task in tasks:
            task.cancel()
        await stop_client(producer)
    log.info("stopped; what is not delivered is still in Kafka")


def on_signals(stop: asyncio.Event) -> None:
    """SIGTERM and SIGINT set `stop`, and the process is gone some seconds later whatever hangs: a name lookup can't be
    broken off. Nothing is lost by that: what is not committed is delivered by the next process."""

    def stopping() -> None:
        stop.set()
        watchdog = threading.Timer(LATEST_EXIT_S, os._exit, (0,))
        watchdog.daemon = True
        watchdog.start()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends us the usual way
            loop.add_signal_handler(number, stopping)


async def first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


def ready(readers: Sequence[Reader], caught_up: asyncio.Event) -> bool:
    return caught_up.is_set() and bool(readers) and all(reader.joined and not reader.lost for reader in readers)


async def show(readers: Sequence[Reader], caught_up: asyncio.Event, metrics: Metrics) -> None:
    """The gauges, until cancelled."""
    while True:
        metrics.show_breakers((reader.sink.KIND, reader.teller.outlet.breaker.state) for reader in readers)
        metrics.show_waiting((reader.sink.KIND, reader.waiting) for reader in readers)
        metrics.ready.set(ready(readers, caught_up))
        await asyncio.sleep(LOOK_S)
