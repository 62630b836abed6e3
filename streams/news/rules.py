"""Which streams are watched for what, and who is told: rules with names, the first that fits a stream's kind holds."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

import msgspec

from streams.news.groups import group_of
from streams.news.surge import SurgeRule, Watching
from streams.records import Scope, Severity


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What to watch for in which streams. No `keys` and no `sectors` means all of the scope."""

    surge: SurgeRule
    scope: Scope = "entity"
    keys: frozenset[str] = frozenset()
    sectors: frozenset[str] = frozenset()
    routes: tuple[str, ...] = ()

    def fits(self, key: str, scope: Scope, sector: str) -> bool:
        """Whether a stream is meant."""
        if scope != self.scope:
            return False
        return not (self.keys or self.sectors) or key in self.keys or sector in self.sectors

    def held(self, at: datetime, severity: Severity) -> str:
        """Why no sink is told of an alert at that moment; empty when they are."""
        return ""


DEFAULT = (Rule(surge=SurgeRule()),)


class RuleBook:
    """All rules together. `sectors`: entity -> sector, of the watchlist."""

    def __init__(
        self, rules: tuple[Rule, ...] = DEFAULT, sectors: Mapping[str, str] | None = None, lateness_s: float = 7200.0
    ) -> None:
        self.rules, self.sectors, self.lateness_s = rules, sectors or {}, lateness_s
        self._by_name = {rule.surge.name: rule for rule in rules}
        self.watching = lru_cache(maxsize=65_536)(self._watching)

    def _watching(self, key: str) -> Watching:
        """What is watched for in the stream of `key`."""
        scope, sector = group_of(key).scope, self.sectors.get(key, "")
        chosen: dict[str, SurgeRule] = {}
        for rule in self.rules:
            if rule.fits(key, scope, sector):
                chosen.setdefault(rule.surge.kind, rule.surge)
        return Watching(tuple(chosen.values()), self.lateness_s)

    def rule(self, name: str) -> Rule | None:
        """The rule of a name, None if there is none any more."""
        return self._by_name.get(name)
