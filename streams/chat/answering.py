"""A batch of questions, each in its conversation, to turns. The same for the worker, a file and a terminal.

asked -> heard (dialogue) -> thought about (recognize, computing, reading) -> said (says, decide) -> records (respond)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Protocol

from streams.chat.computing import Live
from streams.chat.decide import Weighed
from streams.chat.dialogue import Heard, hear
from streams.chat.reading import Documents
from streams.chat.recognize import Recognizer
from streams.chat.respond import respond
from streams.chat.says import Thought, said_to
from streams.chat.template import Templates
from streams.chat.turns import Asked, Turn, Wanted
from streams.intake import Refused
from streams.records import Conversation, Way

ENOUGH = 0.95  # a chance at which the ways that cost more are not tried any more


class Thinker(Protocol):
    """A way to an answer; `think` may be called from several threads."""

    def think(self, wanted: Sequence[Wanted], templates: Templates) -> list[Weighed]:
        """What this way says to each question, in their order."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a wrong answer costs, in hand-overs; after how long a silence a conversation begins anew."""

    price: float = 3.0
    expires_s: float = 1800.0
    handover_expires_s: float = 86_400.0


@dataclass(frozen=True)
class Answering:
    """A way that is None is not considered. `templates` is asked for every batch, as files may change. Thread-safe."""

    templates: Callable[[], Templates]
    clock: Callable[[], datetime]
    intents: Recognizer | None = None
    live: Live | None = None
    documents: Documents | None = None
    policy: Policy = Policy()

    def answer(self, asked: Sequence[Asked]) -> list[Turn | Refused]:
        """In the order given. Questions of one conversation are answered one after the other, each in the state that
        the one before left; Refused ("engine") is one that breaks an engine when it is alone.
        """
        results: list[Turn | Refused] = [Refused("engine", "not asked")] * len(asked)
        states: dict[str, Conversation] = {}
        for round_ in rounds([one.conversation.id for one in asked]):
            batch = [now_in(asked[n], states) for n in round_]
            for n, result in zip(round_, self._isolated(batch), strict=True):
                results[n] = result
                if isinstance(result, Turn) and result.answer.conversation is not None:
                    states[result.answer.conversation_id] = result.answer.conversation
        return results

    def _isolated(self, asked: Sequence[Asked]) -> list[Turn | Refused]:
        try:
            return [*self._round(asked)]
        except Exception as error:  # noqa: BLE001 - which question is to blame is found by trying each alone
            if len(asked) > 1:
                return [result for one in asked for result in self._isolated([one])]
            # the error's own text may quote the customer's
            return [Refused("engine", f"no answer can be made to this text: {type(error).__name__}")]

    def _round(self, asked: Sequence[Asked]) -> list[Turn]:
        """Of different conversations: each engine is called once."""
        templates, policy = self.templates(), self.policy
        heard = [hear(one, templates, policy.expires_s, policy.handover_expires_s) for one in asked]
        wanted = [
            [Wanted(part, one.conversation, each.now) for part in one.questions]
            for one, each in zip(heard, asked, strict=True)
        ]
        weighed = iter(self._think([one for of_message in wanted for one in of_message], templates))
        turns = []
        for one, each in zip(heard, asked, strict=True):
            thought = thought_of(one, [next(weighed) for _ in one.questions])
            says = said_to(one, thought, templates, policy.price)
            turns.append(respond(each, one, thought, says, self._version(says.way), self.clock()))
        return turns

    def _think(self, wanted: Sequence[Wanted], templates: Templates) -> list[Weighed]:
        """All ways, the costly ones only where no other is sure already."""
        weighed = [Weighed()] * len(wanted)
        for way in (self.intents, self.live, self.documents):
            left = [n for n, one in enumerate(weighed) if one.best is None or one.best.confidence < ENOUGH]
            if way is None or not left:
                continue
            for n, more in zip(left, way.think([wanted[n] for n in left], templates), strict=True):
                weighed[n] = weighed[n] + more
        return weighed

    def _version(self, way: Way) -> str:
        if way == "documents" and self.documents is not None:
            return self.documents.reader.version
        if way == "live" and self.live is not None:
            return self.live.version
        return self.intents.engine.version if way in ("template", "clarify", "unsure") and self.intents else ""


def rounds(conversations: Sequence[str]) -> Iterator[list[int]]:
    """The places of every conversation's first question, then of every second one, and so on."""
    places: dict[str, list[int]] = {}
    for n, name in enumerate(conversations):
        places.setdefault(name, []).append(n)
    for round_ in zip_longest(*places.values()):
        yield sorted(n for n in round_ if n is not None)


def now_in(asked: Asked, states: Mapping[str, Conversation]) -> Asked:
    return asked._replace(conversation=states.get(asked.conversation.id, asked.conversation))


def thought_of(heard: Heard, weighed: Sequence[Weighed]) -> Thought:
    return Thought(tuple(weighed[: len(heard.parts)]), weighed[-1] if heard.whole is not None else None)
