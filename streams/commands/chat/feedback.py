"""`gretchen chat feedback`: what to learn from in the conversations that Kafka holds."""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import click
import msgspec

from streams.chat.learn.feedback import rows_of
from streams.records import Answer, ChatFeedback
from streams.settings import Settings, load_settings
from streams.topics import CHAT_ANSWERS, CHAT_FEEDBACK, Topic


@click.command("feedback")
@click.option(
    "--out", type=click.File("w", encoding="utf-8", lazy=False), default="-", help="Default: standard output."
)
def command(out: Any) -> None:
    """Write the conversations with feedback, or with a person's reply, as a file that 'gretchen chat learn' reads.

    Texts are masked, as the records are. An answer of Gretchen's is in it only if somebody liked it; `good`
    and `intent` are what was said of a turn's answer.
    """
    settings = load_settings(os.environ)
    feedback = {one.answer_id: one for one in records(settings, CHAT_FEEDBACK, ChatFeedback)}
    rows = turns = 0
    for row in rows_of(records(settings, CHAT_ANSWERS, Answer), feedback):
        out.write(json.dumps(row, ensure_ascii=False) + "\n")
        rows += 1
        turns += row["role"] == "customer"
    click.echo(f"{rows:,} turns, {turns:,} of them customers'; {len(feedback):,} answers were judged", err=True)
    if out is sys.stdout:
        out.flush()


def records(settings: Settings, topic: Topic, kind: type[Any]) -> Iterator[Any]:
    """All records of a topic, up to its present end; what others wrote there is passed over. Raises BrokerUnavailable,
    TopicMismatch."""
    from kafka import KafkaConsumer, TopicPartition
    from kafka.errors import KafkaError

    from streams.admin import kafka_client_config, unavailable
    from streams.queries import partitions_of, to_the_end

    name = topic.of(settings)
    places = [TopicPartition(name, n) for n in range(partitions_of(settings, [name])[name])]
    decoder = msgspec.json.Decoder(kind)
    try:
        consumer = KafkaConsumer(**kafka_client_config(settings), enable_auto_commit=False, check_crcs=False)
        try:
            for record in to_the_end(settings, consumer, places, None):
                try:
                    yield decoder.decode(record.value)
                except msgspec.MsgspecError:
                    continue
        finally:
            consumer.close()
    except KafkaError as error:
        raise unavailable(settings, error) from None
