"""The texts that all contenders score: real headlines with the entities they name, distinct, shuffled once and for all.

SEntFiN's headlines where the data folder has them, else the sample's. Where more are wanted than there are, the next
round over them has one word of each headline changed, so that nobody gains by remembering a text.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from benchmarks.speed.results import Plan
from models.data.corpus import DECISION, find_span, normalize, rows_of
from models.engines import Request
from models.tasks.task import load_task
from streams.demo.playlist import SAMPLE, lines
from streams.news.entities import Gazetteer, load_watchlist
from streams.records import News

SEED = 5
SMOKE_TEXTS = 96


class Headline(NamedTuple):
    """A text and the names in it that want a verdict."""

    text: str
    names: tuple[str, ...]

    def request(self) -> Request:
        found = (find_span(self.text, name) for name in self.names)
        return Request(self.text, tuple(dict.fromkeys(span for span in found if span)))


def headlines(plan: Plan, count: int | None = None) -> list[Request]:
    """`count` distinct ones (None: a round's), the same in the same order for the same data."""
    wanted = count if count is not None else min(plan.texts, SMOKE_TEXTS) if plan.smoke else plan.texts
    rng = random.Random(SEED)
    real = distinct(base(plan))
    rng.shuffle(real)
    chosen = real[:wanted]
    seen = {headline.text for headline in chosen}
    words = [word for headline in real for word in headline.text.split()]
    while len(chosen) < wanted:
        other = changed(real[len(chosen) % len(real)], words, rng)
        if other.text not in seen:
            seen.add(other.text)
            chosen.append(other)
    return [headline.request() for headline in chosen]


def source(plan: Plan) -> str:
    """What the texts are, for the reader of the figures."""
    return "SEntFiN headlines" if has_sentfin(plan) else "the sample's headlines, a word changed where they repeat"


def base(plan: Plan) -> list[Headline]:
    return list(sentfin(plan) if has_sentfin(plan) else sample())


def has_sentfin(plan: Plan) -> bool:
    return (plan.data / "sentfin" / "SEntFiN.csv").exists()


def sentfin(plan: Plan) -> Iterator[Headline]:
    """Every row, repeats too. Raises InputError for a file of another layout."""
    (own,) = (each for each in load_task("news").sources if each.name == "sentfin")
    for row in rows_of(own, plan.data):
        if normalize(row.text):
            yield Headline(row.text, tuple(match["name"] for match in DECISION.finditer(row.label)))


def sample() -> Iterator[Headline]:
    gazetteer = Gazetteer(load_watchlist(SAMPLE.parent / "news" / "watchlist.csv"))
    for line in lines("news.jsonl"):
        text = msgspec.json.decode(line, type=News).text
        yield Headline(text, tuple(text[mention.start : mention.end] for mention in gazetteer.find(text)))


def distinct(headlines: list[Headline]) -> list[Headline]:
    return list({headline.text: headline for headline in headlines}.values())


def changed(headline: Headline, words: list[str], rng: random.Random) -> Headline:
    """With one word, that belongs to no name where there is such a one, replaced by another headline's."""
    pieces = headline.text.split(" ")
    named = {piece for name in headline.names for piece in name.split()}
    free = [n for n, piece in enumerate(pieces) if piece not in named] or [len(pieces) - 1]
    pieces[rng.choice(free)] = rng.choice(words)
    return Headline(" ".join(pieces), headline.names)
