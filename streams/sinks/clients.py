"""aiokafka's clients: opened, read from over lost brokers, closed for good."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.errors import KafkaError

from streams.connection import aiokafka_options
from streams.settings import Settings

REQUEST_S = 10.0
AGAIN_S = 2.0

log = logging.getLogger(__name__)


def client_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for any aiokafka client of ours. Raises SettingsError for an unreadable CA file."""
    return aiokafka_options(settings, "notify", REQUEST_S)


async def keep_reading(read: Callable[[], Awaitable[None]], stop: asyncio.Event, who: str) -> None:
    """`read` from one connection after the other, until `stop` is set."""
    while not stop.is_set():
        try:
            await read()
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("%s: Kafka: %s; trying on", who, str(error) or type(error).__name__)
            await asyncio.sleep(AGAIN_S)
        except asyncio.CancelledError:
            # aiokafka lets out what it cancels itself (group_coordinator.py, _stop_heartbeat_task): not meant for us
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            log.warning("%s: aiokafka broke off; trying on", who)
            await asyncio.sleep(AGAIN_S)


async def stop_client(client: Any) -> None:
    """Waits for a client to stop, but not for a broker that is away."""
    stopping = asyncio.ensure_future(client.stop())
    await asyncio.wait([stopping], timeout=REQUEST_S)
    if not stopping.done():
        stopping.cancel()
    elif not stopping.cancelled() and stopping.exception():
        log.debug("a Kafka client did not stop: %r", stopping.exception())
