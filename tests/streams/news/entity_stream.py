"""Observations of one entity for the tests of windows, surges and alerts."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from streams.news.surge import SurgeRule, Watching, observe
from streams.news.windows import Episode, WindowState, sighting_of
from streams.records import SENTIMENTS, EntityObservation, Origin, Sentiment, Transition

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY = 3600.0, 86_400.0
PROBABILITIES = {
    "negative": {"negative": 0.9, "neutral": 0.08, "positive": 0.02},
    "neutral": {"negative": 0.1, "neutral": 0.8, "positive": 0.1},
    "positive": {"negative": 0.02, "neutral": 0.08, "positive": 0.9},
}


def seen(
    number: int,
    at_s: float,
    sentiment: Sentiment = "negative",
    *,
    entity: str = "Nokia",
    news_id: str | None = None,
    text: str | None = None,
    partition: int = 0,
    offset: int | None = None,
) -> EntityObservation:
    """Observation `number`, `at_s` seconds after START; also its offset unless another is given."""
    news_id = f"news-{number}" if news_id is None else news_id
    return EntityObservation(
        id=f"{news_id}:{entity}",
        news_id=news_id,
        entity=entity,
        name=entity,
        at=START + timedelta(seconds=at_s),
        sentiment=sentiment,
        probabilities=PROBABILITIES[sentiment],
        topic="company",
        text=f"Headline {number} tells of trouble at {entity}" if text is None else text,
        source="The Ledger Desk",
        url=f"https://ledgerdesk.example.com/{number}",
        origin=Origin(partition, number if offset is None else offset),
    )


def stream(*parts: Iterable[tuple[float, Sentiment]]) -> list[EntityObservation]:
    """Observations of (second, sentiment), in the order of time."""
    return [
        seen(i, at_s, sentiment) for i, (at_s, sentiment) in enumerate(sorted(one for part in parts for one in part))
    ]


def ordinary(days: float, a_day: float = 6.0, seed: int = 1, from_s: float = 0.0) -> list[tuple[float, Sentiment]]:
    """Days without a surge: independent mentions, a third of each sentiment."""
    chance = random.Random(seed)
    return [(from_s + chance.uniform(0, days * DAY), chance.choice(SENTIMENTS)) for _ in range(round(days * a_day))]


def burst(
    from_s: float, mentions: int, lasting_s: float, sentiment: Sentiment = "negative"
) -> list[tuple[float, Sentiment]]:
    """Evenly spaced mentions of one sentiment."""
    return [(from_s + i * lasting_s / mentions, sentiment) for i in range(mentions)]


def fold(
    observations: Iterable[EntityObservation], rule: SurgeRule | None = None, state: WindowState | None = None
) -> tuple[WindowState, list[Transition]]:
    """All observations in turn; the last state and every transition."""
    watching = Watching((rule or SurgeRule(),))
    transitions: list[Transition] = []
    for observation in observations:
        state, told = seen_by(state, observation, watching)
        transitions += told
    assert state is not None
    return state, transitions


def seen_by(
    state: WindowState | None, observation: EntityObservation, watching: Watching | None = None
) -> tuple[WindowState, list[Transition]]:
    """One observation; the state given is not changed."""
    return observe(state, sighting_of(observation), watching or Watching(), observation.entity, observation.name)


def episode_of(state: WindowState, kind: str = "negatives") -> Episode | None:
    """The open episode of a kind."""
    return state.detectors[kind].episode
