"""The way of templates: how likely each intent is, out of one call of the intents' model. Pure, but for the engine."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from models.engines import Engine, Request
from streams.chat.chances import Chance
from streams.chat.decide import CLOSE, MOST_OPTIONS, TRUST, Options, Weighed, likelier
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
        """Nothing is said in a language that no answer is written in.

        A follow-up is asked as it was said, too: where that is clear, the conversation has no say in it.
        """
        served = [n for n, one in enumerate(wanted) if one.conversation.language in templates.languages]
        weighed = [Weighed()] * len(wanted)
        for n, one in zip(served, self._served([wanted[n] for n in served], templates), strict=True):
            weighed[n] = one
        return weighed

    def _served(self, wanted: Sequence[Wanted], templates: Templates) -> list[Weighed]:
        texts = [text for one in wanted for text in dict.fromkeys((one.part.spoken, one.part.text))]
        labels = self.engine.labels[INTENT]
        predictions = iter(self.engine.infer(self.engine.encode([Request(text) for text in texts])))
        said = []
        for one in wanted:
            weighed = weigh(named(labels, next(predictions)[INTENT]), templates.answers, self.chance)
            if one.part.follows:
                completed = following(named(labels, next(predictions)[INTENT]), one, templates)
                weighed = likelier(weighed, weigh(completed, templates.answers, self._trusting, True))
            said.append(weighed)
        return said

    def _trusting(self, probability: float) -> float:
        return TRUST * self.chance(probability)


def following(probabilities: Mapping[str, float], wanted: Wanted, templates: Templates) -> Mapping[str, float]:
    """The intents of a follow-up completed: asked again, the last one and those it may lead to are likelier; who asks
    for more does not ask the same, although the subject's words say so."""
    last = wanted.conversation.intent
    if last is None or last not in templates.answers:
        return probabilities
    if wanted.part.follows == "more":
        return {intent: p for intent, p in probabilities.items() if intent != last}
    led = (last, *templates.answer(last).follow_up)
    odds = {intent: p * (FOLLOW_UP_ODDS if intent in led else 1.0) for intent, p in probabilities.items()}
    total = sum(odds.values())
    return {intent: p / total for intent, p in odds.items()}


def weigh(
    probabilities: Mapping[str, float], answers: Collection[str], chance: Chance, follows: bool = False
) -> Weighed:
    """The likeliest intents that have an answer, and how many of them together are likely enough to ask about."""
    likeliest = sorted(((p, intent) for intent, p in probabilities.items() if intent in answers), reverse=True)
    candidates = tuple(
        Candidate(
            "template", "", chance(p), (Source(kind="template", intent=intent),), intent, said=intent, follows=follows
        )
        for p, intent in likeliest[:CANDIDATES]
    )
    near = [(p, intent) for p, intent in likeliest[:MOST_OPTIONS] if p >= CLOSE * likeliest[0][0]]
    options = tuple(
        Options(tuple(intent for _, intent in near[:n]), chance(min(1.0, sum(p for p, _ in near[:n]))))
        for n in range(2, len(near) + 1)
    )
    return Weighed(candidates, options)
