"""The sample played with verdicts wrong at random: what opens, and whether that is its three surges."""

import json
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

import streams.sample
from streams.news.entities import Gazetteer
from streams.news.surge import Watching, fold
from streams.news.watchlist import load_watchlist
from streams.news.windows import Live, Sighting, WindowState
from streams.records import SENTIMENTS, News

FOLDER = Path(streams.sample.__file__).parent
Opening = tuple[str, datetime]
"""An entity, and the moment as the sample has it."""


class Sample:
    """The sample's news with the entities they name, and its truth."""

    def __init__(self) -> None:
        self.truth: dict[str, Any] = json.loads((FOLDER / "truth.json").read_text(encoding="utf-8"))
        gazetteer = Gazetteer(load_watchlist(FOLDER.parent / "news" / "watchlist.csv"))
        news = [msgspec.json.decode(line, type=News) for line in (FOLDER / "news.jsonl").read_bytes().splitlines()]
        self.named = [(item, list(dict.fromkeys(m.entity for m in gazetteer.find(item.text)))) for item in news]

    def opened(self, wrong: float, days_later: int, seed: int, watching: Watching | None = None) -> list[Opening]:
        """Each episode of a replay, as the stream has it; a share `wrong` of the verdicts is another at random."""
        chance, shift, watching = random.Random(seed), timedelta(days=days_later), watching or Watching()
        lives: dict[str, Live] = {}
        found = []
        for offset, (item, entities) in enumerate(self.named):
            for entity in entities:
                tone = self.truth["sentiment"][item.id]
                right = SENTIMENTS.index(tone) if tone in SENTIMENTS else chance.choice((0, 2))  # mixed fates
                verdict = (right + chance.choice((1, 2))) % 3 if chance.random() < wrong else right
                assert item.published_at is not None
                sighting = Sighting(
                    0, offset, item.id, item.published_at + shift, SENTIMENTS[verdict], verdict - 1.0,
                    float(verdict == 0), item.text, item.source, item.url,
                )  # fmt: skip
                live = lives.setdefault(entity, Live(WindowState(entity=entity)))
                told = fold(live, sighting, watching, entity) or []
                found += [(entity, each.at - shift) for each in told if each.status == "opened"]
        return found

    def hits(self, episodes: Sequence[Opening]) -> list[int]:
        """How many episodes opened within each of the surges."""
        return [
            sum(
                entity == surge["entity"]
                and datetime.fromisoformat(surge["from"]) <= at <= datetime.fromisoformat(surge["to"])
                for entity, at in episodes
            )
            for surge in self.truth["surges"]
        ]

    def is_the_truth(self, episodes: Sequence[Opening]) -> bool:
        """One episode within each surge, and no other."""
        hits = self.hits(episodes)
        return all(times == 1 for times in hits) and len(episodes) == len(hits)
