"""What streams there can be by name: the watchlist's entities and sectors, the news model's topics."""

from collections.abc import Iterable, Mapping
from functools import cached_property

from streams.news.watchlist import Entity


class Names:
    """`sectors`: entity -> its sector, '' is none, as rules have it; `topics`: the model's labels."""

    def __init__(self, sectors: Mapping[str, str], topics: Iterable[str]) -> None:
        self.sectors, self.topics = sectors, tuple(topics)

    @classmethod
    def of(cls, entities: Iterable[Entity], topics: Iterable[str]) -> "Names":
        return cls({each.entity: each.sector for each in entities}, topics)

    @cached_property
    def of_argument(self) -> dict[str, frozenset[str]]:
        """Argument -> what it may hold."""
        return {
            "entity": frozenset(self.sectors),
            "topic": frozenset(self.topics),
            "sector": frozenset(self.sectors.values()) - {""},
        }
