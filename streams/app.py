"""create_app: the worker as a value. Nothing is wired by importing this module."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from models.engines import Engine
from streams.batching import Batch, batches
from streams.chat.memory import fold_answer, heard_before
from streams.conversing import Answerer, Talk, converse_batch, feedback_batch, relay_batch
from streams.desk import Clock, Desk
from streams.exact import ExactApp
from streams.metrics import Metrics
from streams.news.alerts import fold_alert
from streams.news.rules import RuleBook
from streams.serving import Scorer
from streams.settings import Settings
from streams.steps import score_batch
from streams.tables import ExactTable
from streams.topics import (
    ALERTS,
    CHAT_ANSWERS,
    CHAT_FEEDBACK,
    CHAT_QUESTIONS,
    ENTITY_SENTIMENTS,
    GROUP_SENTIMENTS,
    HANDOVER_REPLIES,
    NEWS,
    SUMMARIES,
    SURGES,
    Topic,
)
from streams.watching import Lives, Told, alert_batch, entity_told, group_told, storm_batch, ticks, watch_batch

if TYPE_CHECKING:
    from streams.news.entities import Gazetteer

Tell = Callable[[], Awaitable[None]]
"""What a step leaves to be done for its batch after all of the batch before it."""
Step = Callable[[Batch], Awaitable[Tell | None]]

GROUPS_LINGER_S = 1.0  # every batch of news has a share in some thirty groups, whose states are written once a batch
ENTITIES_LINGER_S = (
    0.25  # likewise a state an entity: each by itself would cost more than its news, at half load and above
)
QUESTIONS = 16  # of a batch: each may be read in documents, and a rebalance or SIGTERM waits for the batch at work
BYTES_PER_TOKEN = 5  # of a record's JSON, roughly: enough to bound a batch before it is tokenized
LOOK_S = 0.05
KEPT = timedelta(days=30)  # a conversation of which nothing is heard; a person's reply comes too late after that
FORGET_S, LOOKED_AT = 10.0, 200  # conversations of a partition: 1.7 million a day, in milliseconds each time


def one(value: bytes) -> int:
    """For agents without an engine a record is as long as another."""
    return 1


def tokens(value: bytes) -> int:
    """An estimate of a record's tokens."""
    return len(value) // BYTES_PER_TOKEN + 1


class Work(NamedTuple):
    """An agent: what it reads, what it does with a batch, how large a batch may become, when the first may begin.

    `at_once`: of how many batches the steps may run at once; more than one only where a step knows no state.
    `since_append`: the linger is that of the first record since its append; not where a batch costs more than its
    records, whose lingers have to be whole when old ones are caught up with.
    """

    topic: Topic
    step: Step
    linger_s: float
    records: int
    weigh: Callable[[bytes], int] = one
    may_begin: Callable[[], bool] = lambda: True
    at_once: int = 1
    since_append: bool = False


def create_app(
    settings: Settings,
    *,
    news_engine: Engine,
    answer: Answerer,
    gazetteer: "Gazetteer",
    rules: Callable[[], RuleBook],
    clock: Clock,
    metrics: Metrics,
    informed: Callable[[], bool] = lambda: True,
) -> ExactApp:
    """The Faust app with its agents. `rules`: asked for every batch, so that they may change meanwhile; `informed`:
    whether what `answer` reads from is there, so that questions may be taken."""
    app = ExactApp(settings)
    desk = Desk(app, settings, metrics, clock)
    windows, groups, storms = (app.exact_table(name) for name in ("windows", "groups", "storms"))
    episodes = app.topic_table("episodes", ALERTS.of(settings), fold_alert)
    conversations = app.topic_table("conversations", CHAT_ANSWERS.of(settings), fold_answer)
    news, talk = Scorer(news_engine, metrics, "score_news"), Talk(conversations, answer, asyncio.Lock())
    linger_s, chat_linger_s = settings.linger_ms / 1000, settings.chat_linger_ms / 1000

    def watch(agent: str, topic: Topic, table: ExactTable, read: Callable[[Any], Told]) -> Step:
        lives = Lives(app)
        return lambda batch: watch_batch(desk, agent, topic, table, lives, rules, read, batch)

    entities_linger_s, groups_linger_s = max(linger_s, ENTITIES_LINGER_S), max(linger_s, GROUPS_LINGER_S)
    many = settings.batch_records
    agents = {
        "score_news": Work(
            NEWS,
            partial(score_batch, desk, news, gazetteer, lambda: rules().sectors),
            linger_s,
            many,
            tokens,
            at_once=2,
            since_append=True,
        ),
        "watch_entities": Work(
            ENTITY_SENTIMENTS, watch("watch_entities", ENTITY_SENTIMENTS, windows, entity_told), entities_linger_s, many
        ),
        "watch_groups": Work(
            GROUP_SENTIMENTS, watch("watch_groups", GROUP_SENTIMENTS, groups, group_told), groups_linger_s, many
        ),
        "group_surges": Work(SURGES, lambda batch: storm_batch(desk, storms, rules().storm, batch), linger_s, many),
        "raise_alerts": Work(SUMMARIES, lambda batch: alert_batch(desk, episodes, rules, batch), linger_s, many),
        "answer_questions": Work(
            CHAT_QUESTIONS, lambda batch: converse_batch(desk, talk, batch), chat_linger_s, QUESTIONS, tokens, informed
        ),
        "relay_replies": Work(HANDOVER_REPLIES, lambda batch: relay_batch(desk, talk, batch), chat_linger_s, many),
        "count_feedback": Work(CHAT_FEEDBACK, lambda batch: feedback_batch(desk, batch), linger_s, many),
    }
    raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    for name, work in agents.items():
        app.agent(app.topic(work.topic.of(settings), **raw), name=name)(agent_of(app, name, work))
    watched = ((ENTITY_SENTIMENTS, windows), (GROUP_SENTIMENTS, groups), (SURGES, storms))

    async def tell_time() -> None:
        if app.ready:
            await app.publish(ticks(desk, watched, lambda topic: app.places_of(topic.of(settings))))

    async def forget() -> None:
        conversations.forget(partial(heard_before, moment=clock() - KEPT), LOOKED_AT)

    app.timer(settings.tick_s, name="tell_time")(tell_time)
    app.timer(FORGET_S, name="forget")(forget)
    return app


def agent_of(app: ExactApp, name: str, work: Work) -> Callable[[Any], Awaitable[None]]:
    """Batch after batch until the worker ends. An error nobody foresaw ends it at once: going on would leave a hole."""
    weight = app.settings.batch_tokens

    async def in_turn(batch: Batch, before: asyncio.Task[None] | None) -> None:
        try:
            tell = await work.step(batch)
            if before is not None:
                await before
            if tell is not None:
                await tell()
        except Exception as error:  # noqa: BLE001 - the worker's boundary: fail_stop logs the whole error
            app.fail_stop(f"{name}: {error!r}")
        finally:
            app.fence.work(-1)

    async def agent(stream: Any) -> None:
        at_work: list[asyncio.Task[None]] = []
        try:
            while not work.may_begin():
                await asyncio.sleep(LOOK_S)
            async for batch in batches(stream, work.records, weight, work.weigh, work.linger_s, work.since_append):
                app.fence.work(+1)  # a rebalance waits for it
                at_work.append(asyncio.create_task(in_turn(batch, at_work[-1] if at_work else None)))
                if len(at_work) == work.at_once:
                    await at_work.pop(0)
        except Exception as error:  # noqa: BLE001 - the same boundary
            app.fail_stop(f"{name}: {error!r}")

    agent.__name__ = agent.__qualname__ = name  # what Faust's log calls it
    return agent
