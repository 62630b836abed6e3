"""The Kafka side of the page: reads the output topics into the board, puts questions and actions into theirs.

No consumer group and no commits: a page starts with the end of each partition, so that a restart shows what was there,
and any number of pages may run. The topics are made by `gretchen topics` or a worker; the page waits for them.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from models.errors import BrokerUnavailable
from streams.connection import aiokafka_options
from streams.records import AlertAction, ChatFeedback, HandoverReply, Question, Record
from streams.settings import Settings
from streams.topics import (
    ALERT_ACTIONS,
    ALERTS,
    CHAT_ANSWERS,
    CHAT_FEEDBACK,
    CHAT_QUESTIONS,
    DEAD_LETTERS,
    HANDOVER_REPLIES,
    HANDOVERS,
    NEWS,
    SCORED_NEWS,
    SUMMARIES,
    Topic,
)
from streams.web.board import Board, BrokerState
from streams.web.hub import Hub
from streams.web.outbox import ANSWER_S, Outbox
from streams.web.read import apply
from streams.web.stopping import stopped

TAILS: tuple[tuple[Topic, int], ...] = (
    (NEWS, 0),
    (SCORED_NEWS, 200),
    (SUMMARIES, 4000),
    (ALERTS, 400),
    (ALERT_ACTIONS, 1000),
    (CHAT_QUESTIONS, 100),
    (CHAT_ANSWERS, 100),
    (HANDOVERS, 100),
    (HANDOVER_REPLIES, 400),  # of those that close: further back than the hand-overs, as several may belong to one
    (CHAT_FEEDBACK, 100),
    (DEAD_LETTERS, 20),
)
"""Records of each partition that a page starts with."""

PROBE_S = 2.0  # how often the broker is asked for its topics and their ends
LONGEST_WAIT_S = 5.0

log = logging.getLogger("gretchen.page")


def client_options(settings: Settings) -> dict[str, Any]:
    """What aiokafka's clients are opened with. Raises SettingsError for an unreadable CA file."""
    return aiokafka_options(settings, "page", ANSWER_S)


class Feed:
    """Reads for as long as it is run, over lost brokers; remembers where it was in each partition."""

    def __init__(self, settings: Settings, hub: Hub, now_ms: Callable[[], int]) -> None:
        self.settings = settings
        self.hub = hub
        self.board: Board = hub.board
        self.now_ms = now_ms
        self.outbox = Outbox(settings)
        self.topics = {topic.of(settings): topic for topic, _ in TAILS}
        self.tails = {topic.of(settings): tail for topic, tail in TAILS}
        self.next_offsets: dict[TopicPartition, int] = {}
        self.live_from: dict[TopicPartition, int] = {}
        self.loading: set[TopicPartition] = set()
        self.present: set[str] = set()

    async def run(self) -> None:
        """Until cancelled. A broker that is away is told to the page and tried again, with growing pauses."""
        failures = 0
        while True:
            try:
                await self.read()
            except (KafkaError, OSError, TimeoutError) as error:
                failures = 0 if self.board.broker == "connected" else failures + 1
                self.lost(error)
            wait_s = min(LONGEST_WAIT_S, 0.5 * 2**failures)
            await asyncio.sleep(wait_s * random.uniform(0.7, 1.0))

    def lost(self, error: BaseException) -> None:
        if self.board.broker != "down":
            log.warning(
                "no Kafka answers at %s (%s); trying on. Check that it runs, and KAFKA_BOOTSTRAP_SERVERS",
                self.settings.bootstrap_servers,
                str(error) or type(error).__name__,
            )
        self.board.broker = "down"
        self.board.trouble = f"No Kafka answers at {self.settings.bootstrap_servers}; trying on."

    async def read(self) -> None:
        """Reads from one connection until it fails."""
        consumer = AIOKafkaConsumer(
            **client_options(self.settings),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",  # where the log was cut off before what we wanted next
            max_partition_fetch_bytes=1 << 20,
        )
        admin = AIOKafkaAdminClient(**client_options(self.settings))
        try:
            await asyncio.wait_for(consumer.start(), 2 * ANSWER_S)
            await asyncio.wait_for(admin.start(), ANSWER_S)
            probe_at = 0.0
            loop = asyncio.get_running_loop()
            while True:
                if loop.time() >= probe_at:
                    await asyncio.wait_for(self.probe(admin, consumer), ANSWER_S)
                    probe_at = loop.time() + PROBE_S
                if not consumer.assignment():
                    await asyncio.sleep(0.3)
                    continue
                batches = await consumer.getmany(timeout_ms=200, max_records=2000)
                for partition, records in batches.items():
                    self.take(partition, records)
                    await asyncio.sleep(0)  # a large batch must not hold up the browsers
                self.settle()
        finally:
            self.present = set()
            await stopped(consumer.stop())
            await stopped(consumer._client.close())  # stop() leaves it open when it trips over its own fetches
            await stopped(admin.close())

    async def probe(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> None:
        """Sees that the broker answers, finds new topics and partitions, counts the dead letters."""
        described = await admin.describe_topics()  # of all: naming one that is missing could make it
        partitions = {
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            if topic["topic"] in self.topics
            for partition in topic["partitions"]
        }
        self.present = {partition.topic for partition in partitions}
        dead = [p for p in partitions if self.topics[p.topic] is DEAD_LETTERS]
        if partitions != consumer.assignment():
            await self.assign(consumer, partitions)
        if dead:
            first, end = await consumer.beginning_offsets(dead), await consumer.end_offsets(dead)
            self.board.dead_letters = sum(end[p] - first[p] for p in dead)
        missing = sorted(self.topics.keys() - self.present)
        state: BrokerState = "no topics" if missing else "loading" if self.loading else "connected"
        if state != self.board.broker:
            log.info("%s at %s", state, self.settings.bootstrap_servers)
        self.board.broker = state
        told = f"Kafka answers, but has no topic {', '.join(missing)}: is a worker running?"
        self.board.trouble = told if missing else ""

    async def assign(self, consumer: AIOKafkaConsumer, partitions: set[TopicPartition]) -> None:
        """Each new partition starts at its tail, each known one where we were, if that is still there."""
        first = await consumer.beginning_offsets(list(partitions))
        ends = await consumer.end_offsets(list(partitions))
        consumer.assign(list(partitions))
        for partition in partitions:
            end = ends[partition]
            tail = max(first[partition], end - self.tails[partition.topic])
            start = self.next_offsets.get(partition, tail)
            if not first[partition] <= start <= end:  # the topic was made anew
                start = tail
            if partition not in self.live_from or self.live_from[partition] > end:
                self.live_from[partition] = end
            if start < self.live_from[partition]:
                self.loading.add(partition)
            self.next_offsets[partition] = start
            consumer.seek(partition, start)

    def take(self, partition: TopicPartition, records: list[ConsumerRecord[bytes, bytes]]) -> None:
        topic = self.topics[partition.topic]
        live_from, now_ms = self.live_from[partition], self.now_ms()
        for record in records:
            apply(self.board, topic, record, now_ms, record.offset >= live_from, self.settings.topic_prefix)
        self.next_offsets[partition] = records[-1].offset + 1

    def settle(self) -> None:
        """Sends everyone a snapshot once all that was there at the start is read."""
        if self.loading:
            self.loading = {p for p in self.loading if self.next_offsets[p] < self.live_from[p]}
            if not self.loading:
                if self.board.broker == "loading":
                    self.board.broker = "connected"
                self.hub.restart()

    async def close(self) -> None:
        await self.outbox.close()

    async def ask(self, question: Question) -> None:
        """Puts a question into its topic. Raises BrokerUnavailable."""
        await self.put(CHAT_QUESTIONS, question, question.id, question.conversation_id or question.id)

    async def act(self, action: AlertAction) -> None:
        """Puts what an operator did into its topic. Raises BrokerUnavailable."""
        await self.put(ALERT_ACTIONS, action, action.id, action.id)

    async def reply(self, reply: HandoverReply) -> None:
        """Puts what a person tells a customer into its topic. Raises BrokerUnavailable."""
        await self.put(HANDOVER_REPLIES, reply, reply.id, reply.conversation_id)

    async def judge(self, feedback: ChatFeedback) -> None:
        """Puts what somebody thinks of an answer into its topic. Raises BrokerUnavailable."""
        await self.put(CHAT_FEEDBACK, feedback, feedback.id, feedback.answer_id)

    async def put(self, topic: Topic, record: Record, id: str, key: str) -> None:
        """Returns once Kafka has it; raises BrokerUnavailable."""
        name = topic.of(self.settings)
        if name not in self.present:  # sending would make the topic, with a wrong number of partitions
            raise BrokerUnavailable(self.board.trouble or f"the topic {name} is not there yet; try again shortly")
        await self.outbox.put(name, record, id, key)
