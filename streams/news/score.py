"""Verdicts out of predictions: for the whole text and for each entity it names. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.engines import Engine, Prediction
from streams.records import EntityObservation, EntitySentiment, News, Origin, ScoredNews, Sentiment

if TYPE_CHECKING:
    from streams.news.entities import Mention

SENTIMENT, TOPIC, ENTITY_SENTIMENT = "sentiment", "topic", "entity_sentiment"  # the heads of a news model
DIGITS = 4


def named(labels: Sequence[str], row: npt.NDArray[np.float32]) -> dict[str, float]:
    """Label -> probability, rounded for the wire."""
    return {label: round(p, DIGITS) for label, p in zip(labels, row.tolist(), strict=True)}


def top(probabilities: Mapping[str, float]) -> str:
    """The likeliest label; of equals the first in the artifact's order."""
    return max(probabilities, key=probabilities.__getitem__)


def likeliest(labels: Sequence[str], row: npt.NDArray[np.float32]) -> tuple[str, float]:
    """`top(named(labels, row))` with its probability, but for the cost of rounding all: there are twenty topics."""
    values = row.tolist()
    highest = round(max(values), DIGITS)
    least = highest - 10**-DIGITS  # what is less can't be rounded to it
    return next(
        (label, highest) for label, p in zip(labels, values, strict=True) if p >= least and round(p, DIGITS) == highest
    )


def first_mentions(mentions: "Sequence[Mention]") -> "list[Mention]":
    """One an entity: a news counts once for each, or the watermark would skip the second."""
    firsts: dict[str, Mention] = {}
    for mention in mentions:
        firsts.setdefault(mention.entity, mention)
    return list(firsts.values())


def entity_sentiments(mentions: "Sequence[Mention]", prediction: Prediction, engine: Engine) -> list[EntitySentiment]:
    """One verdict a mention, in their order; `prediction` was made with the mentions' spans."""
    verdicts = []
    for mention, row in zip(mentions, prediction[ENTITY_SENTIMENT], strict=True):
        probabilities = named(engine.labels[ENTITY_SENTIMENT], row)
        verdicts.append(
            EntitySentiment(
                entity=mention.entity,
                name=mention.name,
                start=mention.start,
                end=mention.end,
                sentiment=sentiment(probabilities),
                probabilities=probabilities,
            )
        )
    return verdicts


def sentiment(probabilities: Mapping[str, float]) -> Sentiment:
    return top(probabilities)  # type: ignore[return-value]  # an artifact's labels are checked when it is loaded


def scored_news(
    news: News,
    published_at: datetime,
    mentions: "Sequence[Mention]",
    prediction: Prediction,
    truncated: bool,
    engine: Engine,
    origin: Origin,
) -> ScoredNews:
    """The record for `scored-news`."""
    probabilities = named(engine.labels[SENTIMENT], prediction[SENTIMENT])
    topic, topic_probability = likeliest(engine.labels[TOPIC], prediction[TOPIC])
    return ScoredNews(
        id=news.id,
        text=news.text,
        published_at=published_at,
        source=news.source,
        url=news.url,
        sentiment=sentiment(probabilities),
        probabilities=probabilities,
        topic=topic,
        topic_probability=topic_probability,
        entities=entity_sentiments(mentions, prediction, engine),
        truncated=truncated,
        model=engine.version,
        origin=origin,
    )


def observations(scored: ScoredNews) -> list[EntityObservation]:
    """The records for `entity-sentiments`, one an entity."""
    return [
        EntityObservation(
            id=f"{scored.id}:{entity.entity}",
            news_id=scored.id,
            entity=entity.entity,
            name=entity.name,
            at=scored.published_at,
            sentiment=entity.sentiment,
            probabilities=entity.probabilities,
            topic=scored.topic,
            text=scored.text,
            source=scored.source,
            url=scored.url,
            origin=scored.origin,
        )
        for entity in scored.entities
    ]
