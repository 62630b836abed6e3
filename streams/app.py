"""create_app: the worker as a value. Nothing is wired by importing this module."""

from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from models.engines import Engine
from streams.chat.templates import Templates
from streams.exact import ExactApp, batches
from streams.metrics import Metrics
from streams.news.surge import SurgeRule
from streams.serving import Scorer
from streams.settings import Settings
from streams.steps import Clock, Desk, alert_batch, answer_batch, score_batch, watch_batch
from streams.topics import CHAT_QUESTIONS, ENTITY_SENTIMENTS, NEWS, SUMMARIES, Topic

if TYPE_CHECKING:
    from streams.news.entities import Gazetteer

BYTES_PER_TOKEN = 5  # of a record's JSON, roughly: enough to bound a batch before it is tokenized


def tokens(value: bytes) -> int:
    """An estimate of a record's tokens."""
    return len(value) // BYTES_PER_TOKEN + 1


def create_app(
    settings: Settings,
    *,
    news_engine: Engine,
    intents_engine: Engine,
    threshold: float,
    gazetteer: "Gazetteer",
    templates: Templates,
    clock: Clock,
    registry: CollectorRegistry,
) -> ExactApp:
    """The Faust app with its four agents. `threshold`: the intents model's probability below which nobody guesses."""
    app = ExactApp(settings)
    metrics = Metrics(registry)
    desk = Desk(app, settings, metrics, clock)
    windows, episodes, rule = app.exact_table("windows"), app.exact_table("episodes"), SurgeRule()
    news, chat = Scorer(news_engine, metrics, "score_news"), Scorer(intents_engine, metrics, "answer_questions")

    def source(topic: Topic) -> Any:
        raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
        return app.topic(topic.of(settings), **raw)

    def taken(stream: Any) -> Any:
        return batches(stream, settings.batch_records, settings.batch_tokens, tokens, settings.linger_ms / 1000)

    async def score_news(stream: Any) -> None:
        async for batch in taken(stream):
            await score_batch(desk, news, gazetteer, batch)

    async def watch_entities(stream: Any) -> None:
        async for batch in taken(stream):
            await watch_batch(desk, windows, rule, batch)

    async def raise_alerts(stream: Any) -> None:
        async for batch in taken(stream):
            await alert_batch(desk, episodes, batch)

    async def answer_questions(stream: Any) -> None:
        async for batch in taken(stream):
            await answer_batch(desk, chat, threshold, templates, batch)

    for topic, agent in (
        (NEWS, score_news),
        (ENTITY_SENTIMENTS, watch_entities),
        (SUMMARIES, raise_alerts),
        (CHAT_QUESTIONS, answer_questions),
    ):
        app.agent(source(topic), name=agent.__name__)(agent)
    return app
