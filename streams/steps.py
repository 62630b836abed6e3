"""The news model's shell: take a batch, ask the engine, decide by pure functions, publish, acknowledge."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from models.engines import Request
from streams.batching import Batch
from streams.desk import Desk
from streams.events import Output, output
from streams.intake import Refused, decode_news
from streams.news.groups import group_sentiments
from streams.news.score import first_mentions, observations, scored_news
from streams.records import Origin, ScoredNews
from streams.serving import Scorer
from streams.topics import ENTITY_SENTIMENTS, GROUP_SENTIMENTS, NEWS, SCORED_NEWS

if TYPE_CHECKING:
    from streams.news.entities import Gazetteer


async def score_batch(
    desk: Desk, scorer: Scorer, gazetteer: "Gazetteer", sectors: Callable[[], Mapping[str, str]], batch: Batch
) -> Callable[[], Awaitable[None]]:
    """news -> scored-news, entity-sentiments, group-sentiments. `sectors`: entity -> sector.

    What it returns publishes and acknowledges: scoring knows no state, so the engine need not wait for Kafka.
    """
    agent, outputs, taken, all_scored = "score_news", list[Output](), [], list[ScoredNews]()
    for event in batch.events:
        message = event.message
        try:
            news = desk.read(event, decode_news)
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
        all_scored.append(scored)
    outputs += [
        output(desk.settings, GROUP_SENTIMENTS, each.group, each) for each in group_sentiments(all_scored, sectors())
    ]

    async def tell() -> None:
        await desk.publish(agent, outputs)
        desk.finish(agent, NEWS, batch)

    return tell
