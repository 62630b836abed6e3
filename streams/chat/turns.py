"""What a turn of a conversation is made of: who is asked, what they say, and what they need to know. Types only.

asked -> understood (masked, split, completed by the conversation) -> candidates, one a way -> decided -> Turn
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from streams.news.windows import WindowState
from streams.records import Alert, Answer, Conversation, Handover, Origin, Passage, Question, Scope, Source, Way


class Asked(NamedTuple):
    """A question in its conversation. `now` is when it was received: windows as "today" are reckoned from it."""

    conversation: Conversation
    question: Question
    now: datetime
    origin: Origin


class Turn(NamedTuple):
    """What a question led to; `answer.conversation` is the state after it."""

    answer: Answer
    handover: Handover | None


@dataclass(frozen=True, slots=True)
class Part:
    """One question: `spoken` as it was said, `text` with what it leaves out. They differ in a follow-up only: one asks
    the same `again` of something else, or, perhaps, `more` about the same."""

    text: str
    spoken: str
    follows: Literal["", "again", "more"] = ""


class Wanted(NamedTuple):
    """A question as all ways are asked it. `conversation`: the state with the message in it; `now`: when it came."""

    part: Part
    conversation: Conversation
    now: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way's answer to one part of a question. `confidence` is the calibrated chance that it is right."""

    way: Way
    text: str
    confidence: float
    sources: tuple[Source, ...] = ()
    intent: str | None = None
    instruction: str | None = None
    said: str = ""  # for the record's `why`
    follows: bool = False  # the question was completed by the conversation's subject, which stays


class Hit(NamedTuple):
    """A passage that may answer; scores compare within one search only."""

    passage: Passage
    score: float


class Index(Protocol):
    """Finds passages. Thread-safe."""

    def search(self, questions: Sequence[str], k: int) -> list[list[Hit]]:
        """For each question the k best passages, best first; fewer where no more share anything with it."""

    def __len__(self) -> int:
        """Passages held."""


class Market(Protocol):
    """The live tables as an instruction reads them: streams by key ('Tesla', 'topic:Earnings', 'sector:banks', 'all:').
    Thread-safe; never blocks on Kafka.
    """

    def state(self, key: str) -> WindowState | None:
        """One stream's state; None if nothing was said about it."""

    def states(self, scope: Scope) -> Iterable[WindowState]:
        """All streams of a scope, in no order."""

    def alerts(self) -> Sequence[Alert]:
        """What was raised lately, oldest first: every transition that is remembered."""
