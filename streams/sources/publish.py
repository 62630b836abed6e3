"""Records into Kafka, acknowledged: acks=all, idempotent, keyed, with CloudEvents headers.

Equal keys meet in one partition because kafka-python's default partitioner is the Java client's murmur2, as Faust's is.
"""

import contextlib
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Protocol
from urllib.parse import quote

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from models.errors import BrokerUnavailable
from streams.admin import kafka_client_config
from streams.settings import Settings
from streams.topics import Topic

MAX_VALUE_BYTES = 900_000
"""A larger value would be refused by a broker with the default message.max.bytes."""


class Outgoing(NamedTuple):
    """A record ready to be sent: `id` is deterministic, `value` is JSON; None takes away what a compacted topic has."""

    id: str
    key: bytes
    value: bytes | None


class Delivery(Protocol):
    """A record under way (kafka-python's future has this shape)."""

    is_done: bool

    def get(self, timeout: float) -> object: ...


class Publisher:
    """Sends records to one topic. A context manager; leaving it waits `close_s` for what is under way, at most.

    `source` becomes ce_source. Safe to call from several threads.
    """

    def __init__(
        self, settings: Settings, topic: Topic, source: str, linger_ms: int = 5, close_s: float = 10.0
    ) -> None:
        self._topic = topic.of(settings)
        self._servers = settings.bootstrap_servers
        self._close_s = close_s
        self._abandoned = threading.Event()
        self._headers = [
            ("ce_source", quote(source).encode()),
            ("ce_type", topic.record.TYPE.encode()),
            ("ce_specversion", b"1.0"),
        ]
        delivery_s = max(settings.broker_wait_s, 20.0) + 10.0
        try:
            self._producer = KafkaProducer(
                **kafka_client_config(settings),
                acks="all",
                enable_idempotence=True,
                linger_ms=linger_ms,
                batch_size=128 * 1024,
                delivery_timeout_ms=int(delivery_s * 1000),
                request_timeout_ms=15_000,
                max_block_ms=int(settings.broker_wait_s * 1000),
                bootstrap_timeout_ms=int(settings.broker_wait_s * 1000),
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        except KafkaError as error:
            raise self.unavailable(error) from error

    def send(self, record: Outgoing) -> Delivery:
        """Queue one record. The future fails with KafkaError when Kafka did not take it in time.

        Raises BrokerUnavailable when not even the topic's partitions can be learned.
        """
        headers = [("ce_id", record.id.encode()), *self._headers]
        try:
            delivery: Delivery = self._producer.send(self._topic, record.value, record.key, headers)
        except KafkaTimeoutError as error:
            raise self.unavailable(error) from error
        return delivery

    def deliver(self, records: Sequence[Outgoing]) -> None:
        """Send all of `records` and return when each is acknowledged.

        Raises BrokerUnavailable for the first that is not, also when another thread calls `abandon`.
        """
        try:
            for delivery in [self.send(record) for record in records]:
                while not delivery.is_done and not self._abandoned.is_set():
                    with contextlib.suppress(KafkaTimeoutError):
                        delivery.get(timeout=0.2)
                delivery.get(timeout=0.0)
        except KafkaError as error:
            raise self.unavailable(error) from error

    def abandon(self) -> None:
        """Wait for nothing any more: what is not acknowledged counts as not sent."""
        self._abandoned.set()

    def unavailable(self, error: KafkaError) -> BrokerUnavailable:
        """A failed delivery in the user's words."""
        return BrokerUnavailable(
            f"{self._servers} did not acknowledge a record for {self._topic}: {error}; check that Kafka runs there "
            "('gretchen doctor') and start again: what was not acknowledged is sent again"
        )

    def __enter__(self) -> "Publisher":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(KafkaTimeoutError):  # what matters was awaited record by record
            self._producer.close(timeout=0.0 if self._abandoned.is_set() else self._close_s)
