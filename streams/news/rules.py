"""Which streams are watched for what, and who is told: rules with names, the first that fits a stream's kind holds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache

import msgspec

from streams.news.groups import ALL, SECTOR, TOPIC, group_of
from streams.news.storms import KIND as STORM_KIND
from streams.news.storms import StormRule
from streams.news.surge import SurgeRule, Watching
from streams.news.telling import Telling
from streams.records import Kind, Scope


class Rule(Telling, frozen=True, kw_only=True):
    """What to watch for in which streams. No `keys` and no `sectors` means all of the scope.

    `keys` are streams' keys ('Nokia', 'topic:Earnings'), `sectors` those of entities. A `budget` is the false alarms a
    month of all its streams together: a RuleBook, which knows how many there are, makes `surge.false_alarms` of it.
    Expectations add up whatever depends on what: so it bounds the false alarms over however many are watched at once.
    """

    surge: SurgeRule
    scope: Scope = "entity"
    keys: frozenset[str] = frozenset()
    sectors: frozenset[str] = frozenset()
    budget: float = 0.0  # 0: none

    def fits(self, key: str, scope: Scope, sector: str) -> bool:
        """Whether a stream is meant."""
        if scope != self.scope:
            return False
        return not (self.keys or self.sectors) or key in self.keys or sector in self.sectors


DEFAULT = (Rule(surge=SurgeRule()),)


class RuleBook:
    """All rules together. `sectors`: entity -> sector ('' is none) of all the watchlist; `topics`: the model's."""

    def __init__(
        self,
        rules: Sequence[Rule] = DEFAULT,
        sectors: Mapping[str, str] | None = None,
        lateness_s: float = 7200.0,
        *,
        topics: Sequence[str] = (),
        storm: StormRule | None = None,
        storm_telling: Telling | None = None,
    ) -> None:
        self.rules, self.sectors, self.topics, self.lateness_s = tuple(rules), sectors or {}, tuple(topics), lateness_s
        self.storm = storm or StormRule()
        if any(rule.budget for rule in rules):
            self.rules = tuple(spread(rule, len(self.streams[rule.surge.name])) for rule in rules)
        self._by_name: dict[str, Telling] = {rule.surge.name: rule for rule in self.rules}
        self._by_name[STORM_KIND] = storm_telling or Telling()
        self._shared: dict[tuple[str, ...], Watching] = {}  # a few for however many streams
        self.watching = lru_cache(maxsize=65_536)(self._watching)

    def _watching(self, key: str) -> Watching:
        """What is watched for in the stream of `key`."""
        held = tuple(holding(self.rules, key, group_of(key).scope, self.sectors.get(key, "")))
        names = tuple(rule.surge.name for rule in held)
        if names not in self._shared:
            self._shared[names] = Watching(tuple(rule.surge for rule in held), self.lateness_s)
        return self._shared[names]

    def rule(self, name: str) -> Telling | None:
        """Who is told by the rule of a name ('storm': of storms), None if there is none any more."""
        return self._by_name.get(name)

    @cached_property
    def streams(self) -> dict[str, list[str]]:
        """Rule's name -> keys of the streams it watches, as far as they are known beforehand."""
        found: dict[str, list[str]] = {rule.surge.name: [] for rule in self.rules}
        for key, scope, sector in known_streams(self.sectors, self.topics):
            for rule in holding(self.rules, key, scope, sector):
                found[rule.surge.name].append(key)
        return found


def holding(rules: Iterable[Rule], key: str, scope: Scope, sector: str) -> Iterator[Rule]:
    """The rules that hold for a stream: of each kind the first that fits."""
    kinds: set[Kind] = set()
    for rule in rules:
        if rule.surge.kind not in kinds and rule.fits(key, scope, sector):
            kinds.add(rule.surge.kind)
            yield rule


def known_streams(sectors: Mapping[str, str], topics: Iterable[str]) -> Iterator[tuple[str, Scope, str]]:
    """Key, scope and (an entity's) sector of all streams there can be."""
    for entity, sector in sectors.items():
        yield entity, "entity", sector
    for topic in topics:
        yield TOPIC + topic, "topic", ""
    for sector in sorted({*sectors.values()} - {""}):
        yield SECTOR + sector, "sector", ""
    yield ALL, "all", ""


def spread(rule: Rule, streams: int) -> Rule:
    """The rule with its budget shared out equally; no stream gets more than an open episode needs to stay open."""
    if not rule.budget:
        return rule
    share = min(rule.budget / max(1, streams), rule.surge.hot_alarms)
    return msgspec.structs.replace(rule, surge=msgspec.structs.replace(rule.surge, false_alarms=share))
