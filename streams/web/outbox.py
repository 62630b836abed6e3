"""What the page puts into Kafka: one producer, opened with the first record and anew after a failure."""

import asyncio
from urllib.parse import quote

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from models.errors import BrokerUnavailable
from streams.connection import aiokafka_options
from streams.records import Record
from streams.settings import Settings
from streams.web.stopping import stopped

ANSWER_S = 5.0  # how long a broker may take


class Outbox:
    """Not thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.opening = asyncio.Lock()
        self.producer: AIOKafkaProducer | None = None

    async def put(self, topic: str, record: Record, id: str, key: str) -> None:
        """Returns once Kafka has it; raises BrokerUnavailable."""
        producer = None
        try:
            producer = await self.open()
            headers = [
                ("ce_id", quote(id).encode()),
                ("ce_source", b"gretchen/page"),
                ("ce_type", record.TYPE.encode()),
                ("ce_specversion", b"1.0"),
            ]
            sent = producer.send_and_wait(topic, msgspec.json.encode(record), key=key.encode(), headers=headers)
            await asyncio.wait_for(sent, ANSWER_S)
        except (KafkaError, OSError, TimeoutError):
            await self.close(producer)
            where = self.settings.bootstrap_servers
            raise BrokerUnavailable(f"no Kafka answers at {where}; nothing was sent, try again") from None

    async def open(self) -> AIOKafkaProducer:
        async with self.opening:
            if self.producer is None:
                producer = AIOKafkaProducer(**aiokafka_options(self.settings, "page", ANSWER_S), acks="all")
                try:
                    await asyncio.wait_for(producer.start(), ANSWER_S)
                except BaseException:
                    await stopped(producer.stop())
                    raise
                self.producer = producer
            return self.producer

    async def close(self, failed: AIOKafkaProducer | None = None) -> None:
        """Of several that failed with the same producer the first ends it; without `failed`, whichever is open."""
        if self.producer is not None and failed in (None, self.producer):
            producer, self.producer = self.producer, None
            await stopped(producer.stop())
