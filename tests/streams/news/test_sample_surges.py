"""The sample's three surges of bad news open one episode each, whatever day it is played and though verdicts err."""

import json
import random
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

import streams.sample
from streams.news.entities import Gazetteer
from streams.news.surge import SurgeRule, observe
from streams.news.watchlist import load_watchlist
from streams.news.windows import WindowState
from streams.records import SENTIMENTS, EntityObservation, News, Origin

FOLDER = Path(streams.sample.__file__).parent
TRUTH = json.loads((FOLDER / "truth.json").read_text(encoding="utf-8"))
GAZETTEER = Gazetteer(load_watchlist(FOLDER.parent / "news" / "watchlist.csv"))
NEWS = [msgspec.json.decode(line, type=News) for line in (FOLDER / "news.jsonl").read_bytes().splitlines()]
NAMED = [(item, list(dict.fromkeys(mention.entity for mention in GAZETTEER.find(item.text)))) for item in NEWS]


def opened(wrong: float, days_later: int, seed: int) -> list[tuple[str, datetime]]:
    """(entity, moment as in the sample) of each episode; a share `wrong` of the verdicts is another at random."""
    chance, shift = random.Random(seed), timedelta(days=days_later)
    states: dict[str, WindowState] = {}
    found = []
    for offset, (item, entities) in enumerate(NAMED):
        for entity in entities:
            tone = TRUTH["sentiment"][item.id]
            right = SENTIMENTS.index(tone) if tone in SENTIMENTS else chance.choice((0, 2))  # mixed fates
            verdict = (right + chance.choice((1, 2))) % 3 if chance.random() < wrong else right
            assert item.published_at is not None
            seen = EntityObservation(
                id=f"{item.id}:{entity}",
                news_id=item.id,
                entity=entity,
                name=entity,
                at=item.published_at + shift,
                sentiment=SENTIMENTS[verdict],
                probabilities={},
                topic="company",
                text=item.text,
                source=item.source,
                url=item.url,
                origin=Origin(0, offset),
            )
            states[entity], told = observe(states.get(entity), seen, SurgeRule())
            found += [(entity, each.at - shift) for each in told if each.kind == "opened"]
    return found


def is_the_truth(episodes: list[tuple[str, datetime]]) -> bool:
    """One episode within each surge, in their order, and no other."""
    return len(episodes) == len(TRUTH["surges"]) and all(
        entity == surge["entity"] and datetime.fromisoformat(surge["from"]) <= at <= datetime.fromisoformat(surge["to"])
        for (entity, at), surge in zip(episodes, TRUTH["surges"], strict=True)
    )


@pytest.mark.parametrize("days_later", range(0, 350, 50))
def test_each_surge_opens_once_and_nothing_else_does(days_later: int) -> None:
    assert is_the_truth(opened(0.0, days_later, seed=days_later))


def test_the_surges_are_found_though_verdicts_err() -> None:
    assert sum(is_the_truth(opened(0.15, 11 * seed, seed)) for seed in range(20)) >= 18
