"""Ends a Kafka client in bounded time."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger("gretchen.page")


async def stopped(stopping: Coroutine[Any, Any, None]) -> None:
    """Waits for a client to stop; a broker that is away must not hold that up.

    aiokafka's stop() may end as if it was cancelled, when its fetches pause between retries: that is not our end.
    """
    task = asyncio.create_task(stopping)
    await asyncio.wait([task], timeout=1.0)
    if not task.done() or task.cancelled() or task.exception():
        task.cancel()
        log.debug("a Kafka client did not stop in time")
