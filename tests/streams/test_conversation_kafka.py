"""A conversation through a real Kafka and a real worker: answered, handed over, seen to by a person, answered again."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaProducer

from streams.admin import ensure_topics, group_lag, kafka_client_config
from streams.records import Answer, Handover, HandoverReply, Question, Record
from streams.settings import Settings
from streams.topics import CHAT_ANSWERS, CHAT_QUESTIONS, DEAD_LETTERS, HANDOVER_REPLIES, HANDOVERS, Topic
from tests.support.topic_reader import read_topic
from tests.support.worker_process import WorkerProcess, until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


class Customer:
    """Writes questions and a person's replies, and reads what is said."""

    def __init__(self, settings: Settings, producer: KafkaProducer, worker: WorkerProcess) -> None:
        self.settings, self.producer, self.worker = settings, producer, worker

    def send(self, topic: Topic, record: Record, conversation: str) -> None:
        value = msgspec.json.encode(record)
        self.producer.send(topic.of(self.settings), key=conversation.encode(), value=value).get(30)

    def ask(self, id: str, text: str, conversation: str = "c1") -> Answer:
        self.send(CHAT_QUESTIONS, Question(id=id, text=text, conversation_id=conversation), conversation)
        return self.hear(f"{id}:answer")

    def reply(self, id: str, text: str, closes: bool = False, conversation: str = "c1") -> Answer:
        told = HandoverReply(id=id, conversation_id=conversation, text=text, by="Ada", closes=closes)
        self.send(HANDOVER_REPLIES, told, conversation)
        return self.hear(f"{id}:reply")

    def hear(self, id: str) -> Answer:
        until(lambda: any(answer.id == id for answer in self.answers()), self.worker)
        (found,) = [answer for answer in self.answers() if answer.id == id]
        return found

    def answers(self) -> list[Answer]:
        records = read_topic(self.settings, CHAT_ANSWERS.of(self.settings))
        return [msgspec.json.decode(record.value, type=Answer) for record in records]

    def handovers(self) -> list[Handover]:
        records = read_topic(self.settings, HANDOVERS.of(self.settings))
        return [msgspec.json.decode(record.value, type=Handover) for record in records]


@pytest.fixture
def customer(kafka_settings: Settings, tmp_path: Path) -> Iterator[Customer]:
    ensure_topics(kafka_settings)
    command = ("streams", "worker")
    with (
        closing(KafkaProducer(**kafka_client_config(kafka_settings), acks="all")) as producer,
        WorkerProcess(kafka_settings, tmp_path, command=command, GRETCHEN_INSTANCE_ID="one") as worker,
    ):
        until(worker.ready, worker)
        yield Customer(kafka_settings, producer, worker)


def test_a_person_takes_a_conversation_over_and_gives_it_back_while_workers_die(customer: Customer) -> None:
    worker = customer.worker
    first = customer.ask("q1", "How do I change my PIN?")
    assert (first.way, first.intent, first.abstained) == ("template", "change_pin", False)

    asked = customer.ask("q2", "I want to talk to a human")
    assert (asked.way, asked.abstained) == ("handover", True)
    (handover,) = customer.handovers()
    assert (handover.id, handover.reason, handover.conversation_id) == ("q2:handover", "asked", "c1")
    assert [line.text for line in handover.transcript if line.role == "customer"] == [
        "How do I change my PIN?",
        "I want to talk to a human",
    ]

    worker.kill()
    worker.start()
    told = customer.reply("r1", "Hello, this is Ada. What is it about?")
    assert (told.way, told.by, told.text) == ("person", "Ada", "Hello, this is Ada. What is it about?")
    assert customer.ask("q3", "How do I change my PIN?").way == "handover"
    assert [(each.id, each.reason) for each in customer.handovers()[1:]] == [("q3:handover", "with-person")]
    assert customer.ask("other", "How do I change my PIN?", "c2").way == "template"

    worker.kill()
    worker.start()
    customer.reply("r2", "Done. Goodbye.", closes=True)
    last = customer.ask("q4", "How do I change my PIN?")
    assert (last.way, last.intent) == ("template", "change_pin")
    assert last.conversation is not None and last.conversation.turns == 4

    customer.send(HANDOVER_REPLIES, HandoverReply(id="r3", conversation_id="c3", text="Hi", by="Ada"), "c3")
    until(lambda: group_lag(customer.settings) == 0, worker, every_s=0.5)
    assert sorted(answer.id for answer in customer.answers()) == sorted(
        ["q1:answer", "q2:answer", "r1:reply", "q3:answer", "other:answer", "r2:reply", "q4:answer"]
    )
    (letter,) = read_topic(customer.settings, DEAD_LETTERS.of(customer.settings))
    assert (letter.headers["reason"], letter.headers["topic"]) == (b"conversation", b"handover-replies")
    assert worker.terminate() == 0
