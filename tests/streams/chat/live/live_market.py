"""A market for the tests of instructions: states made of headlines by the functions that make them in a worker."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from streams.news.groups import group_of
from streams.news.windows import Live, Sighting, WindowState, advance, count
from streams.records import SENTIMENTS, Alert, Evidence, Kind, Scope, Sentiment, Severity, Status

NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)  # a Wednesday
LATENESS_S = 7200.0
WORDS = """orders plant strike profit recall launch verdict outage merger bond rating tariff cargo harvest pipeline
chip lease fund audit patent ferry drill permit union export turbine server license quota rebate""".split()  # noqa: SIM905
TONES: dict[Sentiment, float] = {"negative": -0.9, "neutral": 0.0, "positive": 0.9}


@dataclass(frozen=True)
class Said:
    """A headline, so long before NOW."""

    ago: timedelta
    sentiment: Sentiment = "negative"
    text: str = ""
    source: str | None = "The Ledger Desk"

    @property
    def at(self) -> datetime:
        return NOW - self.ago


def said(sentiment: Sentiment = "negative", **ago: float) -> Said:
    """One headline: said("positive", hours=3)."""
    return Said(timedelta(**ago), sentiment)


def state_of(key: str, headlines: Iterable[Said]) -> WindowState:
    """A stream that heard these, in the order of time."""
    group = group_of(key)
    live = Live(WindowState(entity=key, name=group.name, scope=group.scope))
    for number, each in enumerate(sorted(headlines, key=lambda one: -one.ago)):
        text = each.text or f"{number}. " + " ".join(random.Random(f"{key} {number}").sample(WORDS, 8))
        negative = float(each.sentiment == "negative")
        tone = TONES[each.sentiment]
        sighting = Sighting(
            0, number, f"{key}-{number}", each.at, each.sentiment, tone, negative, text, each.source, None
        )
        for mention in advance(live, sighting, 40 * 86_400.0):
            count(live.state, mention, LATENESS_S)
    return live.settled()


@dataclass
class FakeMarket:
    """Holds states and alerts."""

    held: dict[str, WindowState] = field(default_factory=dict)
    raised: list[Alert] = field(default_factory=list)

    def state(self, key: str) -> WindowState | None:
        return self.held.get(key)

    def states(self, scope: Scope) -> Iterable[WindowState]:
        return [each for each in self.held.values() if each.scope == scope]

    def alerts(self) -> Sequence[Alert]:
        return self.raised


def market(streams: dict[str, list[Said]], alerts: Sequence[Alert] = ()) -> FakeMarket:
    """Streams by key; that of all news holds what all of them hold, unless it is given."""
    everything = [each for headlines in streams.values() for each in headlines]
    held = {key: state_of(key, headlines) for key, headlines in ({"all:": everything} | streams).items() if headlines}
    return FakeMarket(held, list(alerts))


def alert(
    key: str = "Nokia",
    status: Status = "opened",
    *,
    hours: float = 1.0,
    opened_hours: float | None = None,
    severity: Severity = "warning",
    kind: Kind = "negatives",
    number: int = 1,
) -> Alert:
    """A transition `hours` before NOW of an episode that opened `opened_hours` before."""
    opened_at, at = NOW - timedelta(hours=hours if opened_hours is None else opened_hours), NOW - timedelta(hours=hours)
    group, episode = group_of(key), f"{key}:{kind}:{number}"
    return Alert(
        id=f"{episode}:{status}",
        episode=episode,
        entity=key,
        name=group.name,
        scope=group.scope,
        kind=kind,
        status=status,
        severity=severity,
        at=at,
        opened_at=opened_at,
        summary=f"{group.name}: 12 negative headlines in 60 minutes, 1.3 expected",
        observed=12.0,
        expected=1.3,
        p_value=1e-9,
        evidence=[
            Evidence(
                news_id=f"{key}-{place}",
                at=at - timedelta(minutes=place),
                text=f"Trouble {place} at {group.name}",
                negative=0.9,
                source="The Ledger Desk",
            )
            for place in range(5)
        ],
    )


def chatter(days: float, a_day: float, seed: int = 1) -> list[Said]:
    """Headlines at random, a third of each sentiment."""
    chance = random.Random(seed)
    return [
        Said(timedelta(days=chance.uniform(0, days)), chance.choice(SENTIMENTS)) for _ in range(round(days * a_day))
    ]
