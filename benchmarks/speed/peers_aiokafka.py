"""The same loop on aiokafka, the client that Faust has; inference in a thread."""

import asyncio
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.speed.classifying import classifier
from benchmarks.speed.peers import CONSUME_S, Config, Told, labelled, read_config, text_of


async def loop(config: Config) -> None:
    consumer = AIOKafkaConsumer(
        config.news,
        bootstrap_servers=config.bootstrap_servers,
        group_id=config.group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=config.bootstrap_servers, enable_idempotence=True, acks="all", linger_ms=5
    )
    classify, told = classifier(config.classifier, Path(config.model)), Told()
    async with consumer, producer:
        while not told.to_stop:
            found = await consumer.getmany(timeout_ms=int(1000 * CONSUME_S), max_records=config.batch)
            messages = [message for batch in found.values() for message in batch]
            if not messages:
                continue
            labels = await asyncio.to_thread(classify, [text_of(message.value) for message in messages])
            under_way = [
                await producer.send(config.scored, key=message.key, value=labelled(message.key, label))
                for message, label in zip(messages, labels, strict=True)
            ]
            await asyncio.gather(*under_way)
            await consumer.commit()


def main(config: Config) -> None:
    asyncio.run(loop(config))


if __name__ == "__main__":
    main(read_config())
