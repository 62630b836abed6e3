"""create_app: the worker as a value. Nothing is wired by importing this module."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from models.engines import Engine
from streams.batching import Batch, batches
from streams.chat.templates import Templates
from streams.desk import Clock, Desk
from streams.exact import ExactApp
from streams.metrics import Metrics
from streams.news.alerts import fold_alert
from streams.news.rules import RuleBook
from streams.serving import Scorer
from streams.settings import Settings
from streams.steps import answer_batch, score_batch
from streams.tables import ExactTable
from streams.topics import ALERTS, CHAT_QUESTIONS, ENTITY_SENTIMENTS, GROUP_SENTIMENTS, NEWS, SUMMARIES, SURGES, Topic
from streams.watching import Lives, Told, alert_batch, entity_told, group_told, storm_batch, ticks, watch_batch

if TYPE_CHECKING:
    from streams.news.entities import Gazetteer

Step = Callable[[Batch], Awaitable[None]]

GROUPS_LINGER_S = 1.0  # every batch of news has a share in some thirty groups, whose states are written once a batch
BYTES_PER_TOKEN = 5  # of a record's JSON, roughly: enough to bound a batch before it is tokenized


MODELS = ("score_news", "answer_questions")  # agents whose batches go to an engine


def one(value: bytes) -> int:
    """For agents without an engine a record is as long as another."""
    return 1


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
    rules: Callable[[], RuleBook],
    clock: Clock,
    registry: CollectorRegistry,
) -> ExactApp:
    """The Faust app with its agents. `threshold`: the intents model's probability below which nobody guesses; `rules`:
    asked for every batch, so that they may change meanwhile."""
    app = ExactApp(settings)
    metrics = Metrics(registry)
    desk = Desk(app, settings, metrics, clock)
    windows, groups, storms = (app.exact_table(name) for name in ("windows", "groups", "storms"))
    episodes = app.topic_table("episodes", ALERTS.of(settings), fold_alert)
    news, chat = Scorer(news_engine, metrics, "score_news"), Scorer(intents_engine, metrics, "answer_questions")

    def watch(agent: str, topic: Topic, table: ExactTable, read: Callable[[Any], Told]) -> Step:
        lives = Lives(app)
        return lambda batch: watch_batch(desk, agent, topic, table, lives, rules, read, batch)

    steps: dict[str, tuple[Topic, Step]] = {
        "score_news": (NEWS, lambda batch: score_batch(desk, news, gazetteer, rules().sectors, batch)),
        "watch_entities": (ENTITY_SENTIMENTS, watch("watch_entities", ENTITY_SENTIMENTS, windows, entity_told)),
        "watch_groups": (GROUP_SENTIMENTS, watch("watch_groups", GROUP_SENTIMENTS, groups, group_told)),
        "group_surges": (SURGES, lambda batch: storm_batch(desk, storms, rules().storm, batch)),
        "raise_alerts": (SUMMARIES, lambda batch: alert_batch(desk, episodes, rules, batch)),
        "answer_questions": (CHAT_QUESTIONS, lambda batch: answer_batch(desk, chat, threshold, templates, batch)),
    }
    raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    for name, (topic, step) in steps.items():
        linger_s = max(settings.linger_ms / 1000, GROUPS_LINGER_S if name == "watch_groups" else 0.0)
        app.agent(app.topic(topic.of(settings), **raw), name=name)(agent_of(app, name, step, linger_s))
    watched = ((ENTITY_SENTIMENTS, windows), (GROUP_SENTIMENTS, groups), (SURGES, storms))

    async def tell_time() -> None:
        if app.ready:
            await app.publish(ticks(desk, watched, lambda topic: app.places_of(topic.of(settings))))

    app.timer(settings.tick_s, name="tell_time")(tell_time)
    return app


def agent_of(app: ExactApp, name: str, step: Step, linger_s: float) -> Callable[[Any], Awaitable[None]]:
    """Batch after batch until the worker ends. An error nobody foresaw ends it at once: going on would leave a hole."""
    settings = app.settings
    records, weight = settings.batch_records, settings.batch_tokens
    weigh = tokens if name in MODELS else one

    async def agent(stream: Any) -> None:
        try:
            async for batch in batches(stream, records, weight, weigh, linger_s):
                await step(batch)
        except Exception as error:  # noqa: BLE001 - the worker's boundary: fail_stop logs the whole error
            app.fail_stop(f"{name}: {error!r}")

    agent.__name__ = agent.__qualname__ = name  # what Faust's log calls it
    return agent
