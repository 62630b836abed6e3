"""The way of templates: how likely each intent is, out of one call of the intents' model. Pure, but for the engine."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from models.engines import Engine, Request
from streams.chat.chances import Chance
from streams.chat.decide import CLOSE, MOST_OPTIONS, Options, Weighed
from streams.chat.template import Templates
from streams.chat.turns import Candidate, Wanted
from streams.news.score import named
from streams.records import Source

INTENT = "intent"  # the head of an intents model
CANDIDATES = 3
FOLLOW_UP_ODDS = 4.0  # of an intent that the last answer's template says may follow, against any other


@dataclass(frozen=True)
class Recognizer:
    """`chance`: what the greatest probability is worth."""

    engine: Engine
    chance: Chance

    def think(self, wanted: Sequence[Wanted], templates: Templates) -> list[Weighed]:
        predictions = self.engine.infer(self.engine.encode([Request(one.part.text) for one in wanted]))
        labels = self.engine.labels[INTENT]
        return [
            weigh(named(labels, prediction[INTENT]), following(one, templates), templates.answers, self.chance)
            for one, prediction in zip(wanted, predictions, strict=True)
        ]


def following(wanted: Wanted, templates: Templates) -> Collection[str]:
    """The intents that a follow-up leads to: those of the last answer's template, and its own."""
    last = wanted.conversation.intent
    if not wanted.part.follows or last is None or last not in templates.answers:
        return ()
    return (last, *templates.answer(last).follow_up)


def weigh(
    probabilities: Mapping[str, float], follows: Collection[str], answers: Collection[str], chance: Chance
) -> Weighed:
    """The likeliest intents that have an answer, and how many of them together are likely enough to ask about."""
    if follows:
        odds = {intent: p * (FOLLOW_UP_ODDS if intent in follows else 1.0) for intent, p in probabilities.items()}
        total = sum(odds.values())
        probabilities = {intent: p / total for intent, p in odds.items()}
    likeliest = sorted(((p, intent) for intent, p in probabilities.items() if intent in answers), reverse=True)
    candidates = tuple(
        Candidate("template", "", chance(p), (Source(kind="template", intent=intent),), intent, said=intent)
        for p, intent in likeliest[:CANDIDATES]
    )
    near = [(p, intent) for p, intent in likeliest[:MOST_OPTIONS] if p >= CLOSE * likeliest[0][0]]
    options = tuple(
        Options(tuple(intent for _, intent in near[:n]), chance(min(1.0, sum(p for p, _ in near[:n]))))
        for n in range(2, len(near) + 1)
    )
    return Weighed(candidates, options)
