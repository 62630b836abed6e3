"""Headlines into the news topic: as many as wanted ahead of time, or at a pace that heeds nobody (an open loop)."""

import random
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import KafkaException, Producer

from benchmarks.speed.results import Plan
from benchmarks.speed.texts import headlines
from streams.records import News
from streams.settings import Settings
from streams.topics import NEWS

HEADERS = [("ce_specversion", b"1.0"), ("ce_source", b"bench"), ("ce_type", News.TYPE.encode())]
MOST_TEXTS = 20_000  # distinct ones; where more are wanted, a number behind each makes the next round's differ
FLUSH_S = 60.0
NAP_S = 0.001
SEED = 7


class Fed(NamedTuple):
    id: str
    text: str


def news(plan: Plan, count: int) -> list[Fed]:
    """The same for the same data, ids `n0`, `n1` …"""
    return [Fed(f"n{n}", request.text) for n, request in enumerate(headlines(plan, count))]


def endless(plan: Plan, most_texts: int = MOST_TEXTS) -> Iterator[Fed]:
    """As `news`, without an end."""
    texts, n = [request.text for request in headlines(plan, most_texts)], 0
    while True:
        turn, place = divmod(n, len(texts))
        yield Fed(f"n{n}", f"{texts[place]} {turn}" if turn else texts[place])
        n += 1


class Feeder:
    """Writes acknowledged (acks=all, idempotent), keyed by the news id, partitioned as Java does."""

    def __init__(self, settings: Settings) -> None:
        self._topic, self._failed = NEWS.of(settings), list[str]()
        self._producer = Producer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "log_level": 2,  # what matters is raised
                "enable.idempotence": True,
                "linger.ms": 1,
                "partitioner": "murmur2_random",
                "queue.buffering.max.messages": 1_000_000,
            }
        )

    def preload(self, records: Sequence[Fed]) -> None:
        """All of them, acknowledged on return. Raises KafkaException."""
        for record in records:
            self.send(record)
        self.flush()

    def play(self, records: Iterator[Fed], rate: float, seconds: float, *, poisson: bool = False) -> int:
        """`rate` a second for `seconds`, at an even pace or with exponential gaps between; how many that were. Who is
        late is sent at once: a slow consumer slows nobody."""
        rng, begun, due_s, sent = random.Random(SEED), time.perf_counter(), 0.0, 0
        while due_s < seconds:
            early_s = due_s - (time.perf_counter() - begun)
            if early_s > 0:
                self._producer.poll(0)
                time.sleep(min(early_s, NAP_S))
                continue
            self.send(next(records))
            sent += 1
            due_s += rng.expovariate(rate) if poisson else 1 / rate
        self.flush()
        return sent

    def send(self, record: Fed) -> None:
        value = msgspec.json.encode(News(id=record.id, text=record.text))
        while True:
            try:
                self._producer.produce(
                    self._topic, key=record.id, value=value, headers=HEADERS, on_delivery=self._delivered
                )
                return
            except BufferError:
                self._producer.poll(0.1)

    def flush(self) -> None:
        left = self._producer.flush(FLUSH_S)
        if left or self._failed:
            raise KafkaException(f"{left} news not acknowledged within {FLUSH_S:.0f} s, failed: {self._failed[:1]}")

    def _delivered(self, error: Any, message: Any) -> None:
        if error is not None:
            self._failed.append(str(error))
