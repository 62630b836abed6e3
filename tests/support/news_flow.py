"""Input for the kill tests, and what must come of it whatever is killed: the truth, by the pure functions.

News are a second apart, so that all of a run lies within the lateness that windows allow: then counts do not depend
on how the partitions were interleaved.
"""

import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import msgspec
from kafka import KafkaProducer

from streams.admin import kafka_client_config
from streams.records import SENTIMENTS
from streams.settings import Settings
from streams.topics import CHAT_ANSWERS, CHAT_QUESTIONS, HANDOVER_REPLIES, NEWS, Topic
from tests.support.topic_reader import read_topic

BEGIN = datetime(2025, 3, 3, 8, 0, tzinfo=UTC)
SURGING = 2  # every second headline of a chunk is bad news about the chunk's own entity
BROKEN_EVERY, POISON_EVERY, QUESTION_EVERY = 97, 89, 10
HUMAN_EVERY, POISONED_EVERY = 9, 13  # of the questions


class NewsFlow:
    """Writes chunks of news, questions and broken records, and replies, and remembers what they were."""

    def __init__(self, settings: Settings, seed: int = 1) -> None:
        self.settings, self.random = settings, random.Random(seed)
        self.producer = KafkaProducer(**kafka_client_config(settings), acks="all", linger_ms=5)
        self.sent = 0
        self.texts: dict[str, list[str]] = {}  # news id -> entities, then the sentiment
        self.questions = dict[str, str]()  # question id -> conversation
        self.replies = set[str]()
        self.topics = dict[str, Topic]()  # of what was sent
        self.places: dict[str, Any] = {}  # what was sent -> the future of its place
        self.refused = set[str]()  # among them

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.producer.close()

    def send(self, news: int, chunk: int) -> None:
        """`news` headlines with what goes along; those of a chunk have a surge about E<50 + chunk>."""
        for _ in range(news):
            i, self.sent = self.sent, self.sent + 1
            name, at = f"n{i}", BEGIN + timedelta(seconds=i)
            entities = [f"E{e:02d}" for e in self.random.sample(range(40), self.random.choice((0, 1, 1, 2, 3)))]
            sentiment = self.random.choice(SENTIMENTS)
            if i % SURGING == 0:
                entities, sentiment = [f"E{50 + chunk:02d}"], "negative"
            text = f"{' '.join(entities)} {sentiment} {i}"
            if i % POISON_EVERY == 1:
                text += " poison"
                self.refused.add(name)
            else:
                self.texts[name] = [*entities, sentiment]
            self._put(NEWS, name, {"id": name, "text": text, "published_at": at.isoformat()})
            if i % BROKEN_EVERY == 2:
                self.refused.add(f"broken{i}")
                self._put(NEWS, f"broken{i}", None)
            if i % QUESTION_EVERY == 3:
                self._ask(i // QUESTION_EVERY)
        self.producer.flush()

    def _ask(self, n: int) -> None:
        """The n-th question: some want a person, some break the engine."""
        name, conversation = f"q{n}", f"c{n % 7}"
        text = f"question {n}" + (" human" if n % HUMAN_EVERY == 4 else "")
        if n % POISONED_EVERY == 7:
            text += " poison"
            self.refused.add(name)
        else:
            self.questions[name] = conversation
        record = {"id": name, "text": text, "conversation_id": conversation}
        self._put(CHAT_QUESTIONS, name, record, conversation)

    def reply(self) -> None:
        """A person's word in each conversation that somebody was answered in; every second closes it."""
        answered = read_topic(self.settings, CHAT_ANSWERS.of(self.settings))
        for conversation in sorted({(record.key or b"").decode() for record in answered}):
            n = len(self.replies)
            self.replies.add(f"r{n}")
            record = {
                "id": f"r{n}",
                "conversation_id": conversation,
                "text": f"reply {n}",
                "by": "Ada",
                "closes": self.random.random() < 0.5,
            }
            self._put(HANDOVER_REPLIES, f"r{n}", record, conversation)
        self.producer.flush()

    def _put(self, topic: Topic, name: str, record: dict[str, Any] | None, key: str | None = None) -> None:
        value = b"{not json" if record is None else msgspec.json.encode(record)
        self.topics[name] = topic
        self.places[name] = self.producer.send(topic.of(self.settings), key=(key or name).encode(), value=value)

    def place(self, name: str) -> tuple[int, int]:
        """Partition and offset of what was sent."""
        sent = self.places[name].get(timeout=30)
        return sent.partition, sent.offset

    def counts(self) -> dict[str, Counter[str]]:
        """Entity -> how often each sentiment was said of it."""
        counted: dict[str, Counter[str]] = defaultdict(Counter)
        for *entities, sentiment in self.texts.values():
            for entity in entities:
                counted[entity][sentiment] += 1
        return counted
