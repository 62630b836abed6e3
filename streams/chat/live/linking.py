"""Finds in a question what it is about: entities, topics, sectors, times, numbers, with their places. Pure.

question -> candidates of every kind -> of those that overlap the longest -> links
"""

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Literal, NamedTuple

from streams.chat.live import time_phrases
from streams.chat.live.days import NUMBERS
from streams.chat.live.instruction import MOST_N
from streams.chat.live.names import Names
from streams.chat.live.time_phrases import TimePhrase
from streams.news.entities import Entity, Gazetteer, Mention
from streams.news.folding import fold
from streams.news.watchlist import EXACT, pattern

ALIASES = Path(__file__).with_name("aliases.toml")
LinkKind = Literal["entity", "topic", "sector", "time", "n"]
COUNTS = {**{word: n for word, n in NUMBERS.items() if n > 1 and word not in ("couple", "few")}, "dozen": 12}
NO_COUNT = r"(?! ?(?:%|percent|points?|times|years?|months?|dollars?|euros?|bn\b|billion|million|[ap]\.?m\b|o'clock))"
ONE_TEXT = r"one(?= (?:\w+ ){0,2}(?:headline|story|article|report|piece)\b)|(?<=just )one(?=\W*$)"
"""A single one that is counted; "which one", "is there one sector" count nothing."""
NOT_AFTER = r"(?<![\w.,/:$€£%&#-])(?<!which of the )(?<!who of the )(?<!one of the )"
COUNTED = rf"\d{{1,2}}|{'|'.join(COUNTS)}|{ONE_TEXT}"
COUNT = re.compile(rf"{NOT_AFTER}({COUNTED})(?![\w%/:&]|[.,]\d|-(?!most)){NO_COUNT}")
WORD_BEFORE, WORD_AFTER = re.compile(r"([^\s,.;:!?()]*)[\s(]*$"), re.compile(r"(?:'s)?\s*([^\s,.;:!?()]*)")


class Link(NamedTuple):
    """Characters [start, end) of a question, and what they mean: a name as instructions have it, a window, digits."""

    kind: LinkKind
    value: str
    start: int
    end: int


class Linker:
    """Built once from a watchlist and a model's topics; safe to use from several threads. Raises OSError, ValueError
    for aliases that can't be read."""

    def __init__(self, entities: Iterable[Entity], topics: Sequence[str], aliases: Path = ALIASES) -> None:
        entities = tuple(entities)
        self.names = Names.of(entities, topics)
        known = self.names.of_argument
        raw = tomllib.loads(aliases.read_text(encoding="utf-8"))
        never = tuple(raw["not"]["phrases"])
        self._spelled = Gazetteer(replace(each, excluded=(*each.excluded, *never)) for each in entities)
        tickers = frozenset(raw["tickers"]["small"])
        self._typed = Gazetteer(typed(entity, never, tickers) for entity in entities)
        self._topics = Gazetteer(called(raw["topics"], known["topic"], never))
        self._sectors = Gazetteer(called(raw["sectors"], known["sector"], never))
        self._before_news = Context(raw["before_news"], known["topic"])
        self._before_companies = Context(raw["before_companies"], known["sector"])
        self._common = {*map(pattern, raw["common"]["words"])} | {
            pattern(each) for entity in entities for each in entity.spellings() if each.startswith(EXACT)
        }
        self._before, self._after = frozenset(raw["common"]["before"]), frozenset(raw["common"]["after"])

    def find(self, question: str, now: datetime, zone: tzinfo) -> list[Link]:
        """Every link, in the order of the question; they don't overlap, the longest hold."""
        found: list[Link] = []
        for link in sorted(self._candidates(question, now, zone), key=lambda each: each.start - each.end):
            if all(link.end <= other.start or link.start >= other.end for other in found):
                found.append(link)
        return sorted(found, key=lambda each: each.start)

    def unread(self, question: str, links: Iterable[Link]) -> bool:
        """Whether more is said of time than was found; a name's words say nothing of it."""
        return time_phrases.unread(question, [TimePhrase(each.start, each.end, each.value) for each in links])

    def _candidates(self, question: str, now: datetime, zone: tzinfo) -> Iterator[Link]:
        """Those that hold against others of the same length first."""
        yield from (Link("topic", *each) for each in self._before_news.find(question))
        yield from (Link("sector", *each) for each in self._before_companies.find(question))
        yield from (Link("topic", each.entity, each.start, each.end) for each in self._topics.find(question))
        yield from (Link("sector", each.entity, each.start, each.end) for each in self._sectors.find(question))
        yield from (Link("entity", each.entity, each.start, each.end) for each in self._entities(question))
        for phrase in time_phrases.find(question, now, zone):
            yield Link("time", phrase.window, phrase.start, phrase.end)
        folded = fold(question)
        for match in COUNT.finditer(folded.text):
            number = int(match[1]) if match[1].isdigit() else COUNTS.get(match[1], 1)
            if 1 <= number <= MOST_N:
                yield Link("n", str(number), folded.starts[match.start(1)], folded.ends[match.end(1) - 1])

    def _entities(self, question: str) -> Iterator[Mention]:
        """As the watchlist spells them, and in small letters: those that are words, too, where names stand."""
        sure = self._spelled.find(question)
        words: list[Mention] = []
        for mention in self._typed.find(question):
            is_word = pattern(question[mention.start : mention.end]) in self._common
            (words if is_word else sure).append(mention)
        yield from sure
        ends, starts = {each.end for each in sure}, {each.start for each in sure}
        for mention in words:
            if self._is_placed(question, mention, ends, starts):
                yield mention

    def _is_placed(self, question: str, mention: Mention, ends: Collection[int], starts: Collection[int]) -> bool:
        """Whether words stand around it that stand around names, or other names ("nvidia amd intel")."""
        before, after = WORD_BEFORE.search(question[: mention.start]), WORD_AFTER.match(question, mention.end)
        return (
            before is not None
            and after is not None
            and (before[1].casefold() in self._before or before.end(1) in ends)
            and (after[1].casefold() in self._after or after.start(1) in starts)
        )


class Context:
    """Words that mean a group right before certain others."""

    def __init__(self, raw: Mapping[str, Any], known: Collection[str]) -> None:
        self._means = {word: value for word, value in raw.items() if word != "words" and value in known}
        words = "|".join(sorted(map(re.escape, self._means), key=len, reverse=True)) or "(?!)"
        self._pattern = re.compile(rf"\b({words})(?= (?:{'|'.join(raw['words'])})\b)", re.IGNORECASE)

    def find(self, question: str) -> Iterator[tuple[str, int, int]]:
        for match in self._pattern.finditer(question):
            yield self._means[match[1].casefold()], match.start(1), match.end(1)


def typed(entity: Entity, never: tuple[str, ...], tickers: Collection[str]) -> Entity:
    """An entity as people type it, in any case; of its tickers these alone."""
    small = [each.lower() for each in entity.tickers if each.lower() in tickers]
    names = tuple(dict.fromkeys([*(each.removeprefix(EXACT).lower() for each in entity.spellings()), *small]))
    excluded = tuple(dict.fromkeys(each.lower() for each in (*entity.excluded, *never)))
    return Entity(entity.entity, names[0], entity.kind, entity.sector, names[1:], (), excluded)


def called(aliases: Mapping[str, Sequence[str]], known: Iterable[str], never: tuple[str, ...]) -> Iterator[Entity]:
    """Groups as a gazetteer's entities, by all that they are called."""
    for name in known:
        yield Entity(name, name, "group", "", (name.lower(), *aliases.get(name, ())), (), never)
