"""The agents' shells: take a batch, decide by pure functions, publish, keep the tables, acknowledge; in that order."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from models.engines import Request
from streams.batching import Batch
from streams.chat.answer import answer_question
from streams.chat.templates import Templates
from streams.events import Output, dead_letter, header, output
from streams.exact import ExactApp
from streams.intake import Refused, decode, decode_news, decode_question
from streams.metrics import Metrics
from streams.news.alerts import EpisodeState, decode_episodes, raise_once
from streams.news.score import first_mentions, observations, scored_news
from streams.news.surge import SurgeRule, observe
from streams.news.windows import decode_state, encode_state, summarize
from streams.records import EntityObservation, Origin, Summary
from streams.serving import Scorer
from streams.settings import Settings
from streams.tables import ExactTable, TopicTable
from streams.topics import (
    ALERTS,
    CHAT_ANSWERS,
    CHAT_QUESTIONS,
    ENTITY_SENTIMENTS,
    NEWS,
    SCORED_NEWS,
    SUMMARIES,
    Topic,
)

if TYPE_CHECKING:
    from streams.news.entities import Gazetteer

Clock = Callable[[], datetime]
Tables = dict[tuple[int, str], tuple[int, Any]]
"""(partition, key) -> (source offset, new state): what a batch changes in a table."""


@dataclass(frozen=True)
class Desk:
    """What every step needs: where to send, what to count, what time it is."""

    app: ExactApp
    settings: Settings
    metrics: Metrics
    clock: Clock

    def received_at(self, message: Any) -> datetime:
        """When the record was appended: the same at every replay, so that a verdict on its date is, too."""
        return min(datetime.fromtimestamp(message.timestamp, UTC), self.clock())

    def refuse(self, topic: Topic, message: Any, refused: Refused) -> Output:
        self.metrics.dead_letters.labels(refused.reason).inc()
        return dead_letter(self.settings, topic, message, refused)

    async def publish(self, agent: str, outputs: Sequence[Output]) -> list[Any]:
        """The broker's metadata, in order, once all are acknowledged."""
        begun = time.monotonic()
        sent = await self.app.publish(outputs)
        self.metrics.stage.labels(agent, "publish").observe(time.monotonic() - begun)
        for each in outputs:
            self.metrics.records_out.labels(each.topic.removeprefix(self.settings.topic_prefix)).inc()
        return sent

    def finish(self, agent: str, topic: Topic, batch: Batch) -> None:
        batch.ack()
        now = self.clock().timestamp()
        self.metrics.batches.labels(agent).inc()
        self.metrics.records_in.labels(topic.name).inc(len(batch.events))
        for event in batch.events:
            self.metrics.latency.labels(agent).observe(max(0.0, now - event.message.timestamp))


async def score_batch(desk: Desk, scorer: Scorer, gazetteer: "Gazetteer", batch: Batch) -> None:
    """news -> scored-news, entity-sentiments."""
    agent, outputs, taken = "score_news", list[Output](), []
    for event in batch.events:
        message, settings = event.message, desk.settings
        try:
            news = decode_news(
                event.value,
                header(message.headers, "ce_type"),
                desk.received_at(message),
                settings.max_text_chars,
                settings.max_future_s,
            )
        except Refused as refused:
            outputs.append(desk.refuse(NEWS, message, refused))
            continue
        mentions = first_mentions(gazetteer.find(news.text))
        taken.append((message, news, mentions))
    results = await scorer.predict([Request(n.text, tuple((m.start, m.end) for m in found)) for _, n, found in taken])
    for (message, news, mentions), result in zip(taken, results, strict=True):
        if result is None:
            outputs.append(desk.refuse(NEWS, message, Refused("engine", "the engine fails on this text")))
            continue
        encoded, prediction = result
        if encoded.truncated:
            desk.metrics.truncated.inc()
        scored = scored_news(
            news,
            news.published_at or desk.received_at(message),
            mentions,
            prediction,
            encoded.truncated,
            scorer.engine,
            Origin(message.partition, message.offset),
        )
        outputs.append(output(desk.settings, SCORED_NEWS, scored.id, scored))
        outputs += [output(desk.settings, ENTITY_SENTIMENTS, each.entity, each) for each in observations(scored)]
    await desk.publish(agent, outputs)
    desk.finish(agent, NEWS, batch)


async def watch_batch(desk: Desk, table: ExactTable, rule: SurgeRule, batch: Batch) -> None:
    """entity-sentiments -> windows, summaries: one for each transition, and one for each entity at the batch's end."""
    agent, outputs, changed = "watch_entities", list[Output](), Tables()
    for event in batch.events:
        message = event.message
        try:
            observation = decode(event.value, EntityObservation, header(message.headers, "ce_type"))
        except Refused as refused:
            outputs.append(desk.refuse(ENTITY_SENTIMENTS, message, refused))
            continue
        slot = (message.partition, observation.entity)
        old = changed[slot][1] if slot in changed else load(table, event, observation.entity, decode_state)
        state, transitions = observe(old, observation, rule)
        if state is old:
            continue
        changed[slot] = (message.offset, state)
        for transition in transitions:
            summary = summarize(state, transition)
            outputs.append(output(desk.settings, SUMMARIES, summary.entity, summary))
    for _, state in changed.values():
        outputs.append(output(desk.settings, SUMMARIES, state.entity, summarize(state)))
    await desk.publish(agent, outputs)
    await keep(table, changed, encode_state)
    desk.finish(agent, ENTITY_SENTIMENTS, batch)


async def alert_batch(desk: Desk, table: TopicTable, batch: Batch) -> None:
    """summaries -> alerts, which are their own memory: what lies in the topic is not told again."""
    agent, outputs, states = "raise_alerts", list[Output](), dict[tuple[int, str], EpisodeState]()
    for event in batch.events:
        message = event.message
        try:
            summary = decode(event.value, Summary, header(message.headers, "ce_type"))
        except Refused as refused:
            outputs.append(desk.refuse(SUMMARIES, message, refused))
            continue
        if summary.transition is None:
            continue
        slot = (message.partition, summary.entity)
        old = states[slot] if slot in states else load(table, event, summary.entity, decode_episodes)
        states[slot], alert = raise_once(old, summary)
        if alert is not None:
            record = output(desk.settings, ALERTS, alert.entity, alert)
            outputs.append(record._replace(partition=message.partition))  # where the table looks for it
            desk.metrics.alerts.labels(alert.status, alert.severity).inc()
    sent = await desk.publish(agent, outputs)
    table.remember(outputs, sent)
    desk.finish(agent, SUMMARIES, batch)


async def answer_batch(desk: Desk, scorer: Scorer, threshold: float, templates: Templates, batch: Batch) -> None:
    """chat-questions -> chat-answers."""
    agent, outputs, taken = "answer_questions", list[Output](), []
    for event in batch.events:
        message, settings = event.message, desk.settings
        try:
            question = decode_question(
                event.value,
                header(message.headers, "ce_type"),
                desk.received_at(message),
                settings.max_text_chars,
                settings.max_future_s,
            )
        except Refused as refused:
            outputs.append(desk.refuse(CHAT_QUESTIONS, message, refused))
            continue
        taken.append((message, question))
    results = await scorer.predict([Request(question.text) for _, question in taken])
    for (message, question), result in zip(taken, results, strict=True):
        if result is None:
            outputs.append(desk.refuse(CHAT_QUESTIONS, message, Refused("engine", "the engine fails on this text")))
            continue
        origin = Origin(message.partition, message.offset)
        answer = answer_question(question, result[1], scorer.engine, threshold, templates, desk.clock(), origin)
        if answer.abstained:
            desk.metrics.abstentions.inc()
        outputs.append(output(desk.settings, CHAT_ANSWERS, answer.conversation_id, answer))
    await desk.publish(agent, outputs)
    desk.finish(agent, CHAT_QUESTIONS, batch)


def load(table: ExactTable, event: Any, key: str, decoder: Callable[[bytes], Any]) -> Any:
    value = table.read(event, key)
    return None if value is None else decoder(value)


async def keep(table: ExactTable, changed: Tables, encoder: Callable[[Any], bytes]) -> None:
    """Write a batch's states, one call a partition."""
    for partition in sorted({partition for partition, _ in changed}):
        values = {key: (at, encoder(state)) for (p, key), (at, state) in changed.items() if p == partition}
        await table.put(partition, values)
