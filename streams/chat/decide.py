"""One decision over all ways: the likeliest answer where it is likely enough, else ask back, else nobody guesses. Pure.

What a wrong answer costs in hand-overs says how likely an answer has to be (Chow 1970): to answer at chance p costs
(1 - p) * price, to hand over costs 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from streams.chat.turns import Candidate
from streams.records import Considered

LIKELY = 0.3  # chance of the likeliest intent, below which nobody is asked which is meant
CLOSE = 0.1  # an intent that is less likely than this share of the likeliest is no option to ask about
MOST_OPTIONS = 3
CLEAR = 0.7  # chance of an intent, told by a follow-up's own words alone
TRUST = 0.85  # that a follow-up is one at all
MOST_CONSIDERED = 12


@dataclass(frozen=True, slots=True)
class Options:
    """Intents that a part may mean, likeliest first, with the chance that it is one of them."""

    intents: tuple[str, ...]
    chance: float


@dataclass(frozen=True, slots=True)
class Weighed:
    """What all ways say to one part of a message; `options`: two intents, three, …, each with the chance of all."""

    candidates: tuple[Candidate, ...] = ()
    options: tuple[Options, ...] = ()

    def __add__(self, other: "Weighed") -> "Weighed":
        return Weighed(self.candidates + other.candidates, self.options + other.options)

    @property
    def best(self) -> Candidate | None:
        """At equal chances the way that comes first: a team's own words before what was read somewhere."""
        return max(self.candidates, key=lambda candidate: candidate.confidence, default=None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`best` is there unless nothing was found; it is to be said only where `what` is "answer"."""

    what: Literal["answer", "clarify", "unsure"]
    best: Candidate | None
    intents: tuple[str, ...] = ()

    @property
    def confidence(self) -> float:
        return self.best.confidence if self.best else 0.0


def least_chance(price: float) -> float:
    """The chance at which an answer costs as much as a hand-over; only above it one is given."""
    return max(0.0, 1 - 1 / price)


def decide(weighed: Weighed, price: float) -> Verdict:
    """The cheapest thing to do about one part of a message."""
    best, least = weighed.best, least_chance(price)
    if best is not None and best.confidence > least:
        return Verdict("answer", best)
    likely = max((each.confidence for each in weighed.candidates if each.intent), default=0.0) >= LIKELY
    for options in weighed.options:
        if likely and options.chance > least:
            return Verdict("clarify", best, options.intents)
    return Verdict("unsure", best)


def likelier(alone: Weighed, completed: Weighed) -> Weighed:
    """What a follow-up means, by its own words or by what they go on from."""
    if is_clear(alone) or completed.best is None:
        return alone
    return max(alone, completed, key=lambda weighed: weighed.best.confidence if weighed.best else 0.0)


def is_clear(alone: Weighed) -> bool:
    """Whether a follow-up's own words say what it means."""
    return alone.best is not None and alone.best.confidence >= CLEAR


def considered(weighed: Sequence[Weighed]) -> list[Considered]:
    """For the record's `why`: all ways of all parts, likeliest first within a part."""
    told = [
        Considered(way=candidate.way, confidence=round(candidate.confidence, 4), said=candidate.said)
        for one in weighed
        for candidate in sorted(one.candidates, key=lambda candidate: -candidate.confidence)
    ]
    return told[:MOST_CONSIDERED]
