"""Whom a text names: a watchlist's names, found by one Aho-Corasick automaton, and its tickers. Pure."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick

from streams.news.folding import Folded, fold, is_boundary
from streams.news.senses import means_other
from streams.news.tickers import symbols
from streams.news.watchlist import EXACT, Entity, load_watchlist, pattern

__all__ = ["Entity", "Gazetteer", "Mention", "load_watchlist"]


class Mention(NamedTuple):
    """An entity's name or ticker at the characters [start, end) of the text."""

    entity: str
    name: str
    start: int
    end: int


class Case(NamedTuple):
    """Positions in a pattern where the text must have a capital, and where it must not."""

    capitals: tuple[int, ...]
    smalls: tuple[int, ...]


class Claim(NamedTuple):
    """Characters [start, end) of a text that mean an entity, or nobody; shown from `name_start` on."""

    start: int
    end: int
    name_start: int
    entity: Entity | None


class Gazetteer:
    """Finds a watchlist's entities. Built once, a second for 50,000 names; safe to use from several threads."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        # pattern -> who is meant where it is spelled so; None is nobody, though an entity's name is part of it
        patterns: dict[str, list[tuple[str, Entity | None]]] = {}
        self._tickers: dict[str, Entity] = {}
        excluded: list[str] = []
        for entity in entities:
            for each in entity.spellings():
                patterns.setdefault(pattern(each), []).append((each, entity))
            excluded += entity.excluded
            self._tickers.update(dict.fromkeys(entity.tickers, entity))
        for each in excluded:  # after all names: a phrase that is a name means it
            patterns.setdefault(pattern(each), []).append((each, None))
        self._spellings = list(patterns.values())
        self._automaton = AhoCorasick(list(patterns))

    def find(self, text: str) -> list[Mention]:
        """Every mention, in the text's order; of those that overlap the first, and of these the longest."""
        mentions, at = [], 0
        for claim in sorted([*self._named(text), *self._listed(text)], key=lambda each: (each.start, -each.end)):
            if claim.start < at:
                continue
            at = claim.end
            if claim.entity is not None:
                mentions.append(Mention(claim.entity.entity, claim.entity.name, claim.name_start, claim.end))
        return mentions

    def _named(self, text: str) -> Iterator[Claim]:
        # overlapping, for the longest match may be no word, and the shorter one inside it is
        folded = fold(text)
        for index, first, last in self._automaton.find_matches_as_indexes(folded.text, overlapping=True):
            start, end = folded.starts[first], folded.ends[last - 1]
            if is_boundary(text, start) and is_boundary(text, end) and folded.is_whole(first, last):
                for spelling, entity in self._spellings[index]:
                    if is_spelled(text, folded, first, read_case(spelling)):
                        other = entity is None or means_other(entity.kind, text, start, end)
                        yield Claim(start, end, start, None if other else entity)
                        break

    def _listed(self, text: str) -> Iterator[Claim]:
        for symbol in symbols(text):
            entity = next((self._tickers[key] for key in symbol.candidates() if key in self._tickers), None)
            if entity is not None or symbol.exchange:  # a stranger's exchange is no mention of the exchange
                start = symbol.start if symbol.tag_start is None else symbol.tag_start
                yield Claim(start, symbol.end, symbol.start, entity)


@lru_cache(maxsize=65_536)  # read when first met: it would be most of the time that a long list takes to build
def read_case(spelling: str) -> Case:
    """A capital in the list demands one in the text, a small letter takes either; after `=` it demands a small one."""
    written = spelling.removeprefix(EXACT)
    starts = fold(written).starts
    firsts = [at for at, start in enumerate(starts) if at == 0 or starts[at - 1] != start]
    capitals = tuple(at for at in firsts if written[starts[at]].isupper())
    smalls = tuple(at for at in firsts if written[starts[at]].islower()) if spelling.startswith(EXACT) else ()
    return Case(capitals, smalls)


def is_spelled(text: str, folded: Folded, first: int, case: Case) -> bool:
    """Whether the match that begins at `first` of the folded text is written as its case demands."""
    starts = folded.starts
    for at in case.capitals:
        if not text[starts[first + at]].isupper():
            return False
    for at in case.smalls:  # noqa: SIM110 - generators would cost more than what they generate
        if text[starts[first + at]].isupper():
            return False
    return True
