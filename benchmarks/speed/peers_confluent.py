"""A plain consume, infer, produce loop on confluent-kafka (librdkafka): the floor of what a stream costs."""

from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from benchmarks.speed.classifying import classifier
from benchmarks.speed.peers import CONSUME_S, Config, Told, labelled, read_config, text_of


def main(config: Config) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": config.bootstrap_servers,
            "group.id": config.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": config.bootstrap_servers,
            "enable.idempotence": True,  # acks=all goes with it
            "linger.ms": 5,
            "partitioner": "murmur2_random",
        }
    )
    classify, told = classifier(config.classifier, Path(config.model)), Told()
    consumer.subscribe([config.news])
    while not told.to_stop:
        messages = consumer.consume(config.batch, CONSUME_S)
        if not messages:
            continue
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
        for message, label in zip(messages, classify([text_of(each.value()) for each in messages]), strict=True):
            producer.produce(
                config.scored, key=message.key(), value=labelled(message.key(), label), on_delivery=delivered
            )
        if producer.flush(60):
            raise KafkaException("outputs are not acknowledged")
        consumer.commit(asynchronous=False)
    consumer.close()


def delivered(error: KafkaError | None, message: Message) -> None:
    if error is not None:
        raise KafkaException(error)


if __name__ == "__main__":
    main(read_config())
