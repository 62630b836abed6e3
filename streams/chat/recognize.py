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
CLEAR = 0.5  # chance of an intent, told by a follow-up's own words alone
FOLLOW_UP_ODDS = 4.0  # of an intent that the last answer's template says may follow, against any other


@dataclass(frozen=True)
class Recognizer:
    """`chance`: what the greatest probability is worth."""

    engine: Engine
    chance: Chance

    def think(self, wanted: Sequence[Wanted], templates: Templates) -> list[Weighed]:
        """A follow-up is asked as it was said, too: where that is clear, the conversation has no say in it."""
        texts = [text for one in wanted for text in dict.fromkeys((one.part.spoken, one.part.text))]
        labels = self.engine.labels[INTENT]
        predictions = iter(self.engine.infer(self.engine.encode([Request(text) for text in texts])))
        said = []
        for one in wanted:
            weighed = self._weigh(named(labels, next(predictions)[INTENT]), (), templates)
            if one.part.follows:
                completed = named(labels, next(predictions)[INTENT])
                if weighed.best is None or weighed.best.confidence < CLEAR:
                    weighed = self._weigh(completed, following(one, templates), templates)
            said.append(weighed)
        return said

    def _weigh(self, probabilities: Mapping[str, float], follows: Collection[str], templates: Templates) -> Weighed:
        return weigh(probabilities, follows, templates.answers, self.chance)


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
