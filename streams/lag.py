"""How far the group is behind, told to Prometheus from committed offsets, by a thread of its own.

Neither the event loop nor the group's health matters to it: a worker that is stalled, or not ready yet, tells it too.
"""

import logging
import math
import threading
from collections.abc import Callable

from kafka import TopicPartition
from prometheus_client import Gauge

from models.errors import BrokerUnavailable
from streams.admin import CONSUMED, partition_lags
from streams.settings import Settings

EVERY_S = 5.0

log = logging.getLogger(__name__)

Look = Callable[[Settings], dict[TopicPartition, int]]


class LagWatch:
    """Looks every few seconds until `stop`; while no Kafka answers the lag is NaN, not what it was."""

    def __init__(self, settings: Settings, gauge: Gauge, every_s: float = EVERY_S, look: Look = partition_lags) -> None:
        self._settings, self._gauge, self._every_s, self._look = settings, gauge, every_s, look
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lag", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns at once; a look that is under way ends by itself."""
        self._stopped.set()

    def _run(self) -> None:
        answered = True
        while not self._stopped.is_set():
            try:
                lags = lag_by_topic(self._settings, self._look(self._settings))
                answered = True
            except BrokerUnavailable as error:
                lags = dict.fromkeys(lag_by_topic(self._settings, {}), math.nan)
                if answered:  # once, not every few seconds
                    log.warning("lag unknown: %s", error)
                answered = False
            for topic, lag in lags.items():
                self._gauge.labels(topic).set(lag)
            self._stopped.wait(self._every_s)


def lag_by_topic(settings: Settings, lags: dict[TopicPartition, int]) -> dict[str, float]:
    """Each topic the group reads, without the prefix, with the sum over its partitions."""
    return {
        topic.name: float(sum(lag for place, lag in lags.items() if place.topic == topic.of(settings)))
        for topic in CONSUMED
    }
