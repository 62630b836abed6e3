"""aiokafka's clients: opened as the settings say, read from over lost brokers, closed for good."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.errors import KafkaError

from models.errors import SettingsError
from streams.settings import Settings

REQUEST_S = 10.0
AGAIN_S = 2.0

log = logging.getLogger(__name__)


def client_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for any aiokafka client. Raises SettingsError for an unreadable CA file."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "security_protocol": settings.security_protocol,
        "request_timeout_ms": int(REQUEST_S * 1000),
        "client_id": f"{settings.app_id}-notify",
    }
    if settings.security_protocol.endswith("SSL"):
        try:
            options["ssl_context"] = ssl.create_default_context(cafile=settings.ssl_cafile or None)
        except OSError as error:
            raise SettingsError(
                f"KAFKA_SSL_CAFILE: got {settings.ssl_cafile!r}, wanted a file of PEM certificates ({error})"
            ) from None
    if settings.security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password,
        }
    return options


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
