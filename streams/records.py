"""Wire types: every record's fields, as JSON on the wire. A type's version stands in its `TYPE`, the ce_type header.

Times are RFC 3339 in UTC. Identifiers are deterministic: the same input gives the same output id, however often it
is replayed.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

Sentiment = Literal["negative", "neutral", "positive"]
SENTIMENTS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")
Severity = Literal["info", "warning", "critical"]
Status = Literal["opened", "grew", "resolved"]
Id = Annotated[str, Meta(min_length=1, max_length=512)]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of all wire types."""

    TYPE: ClassVar[str]


class Origin(msgspec.Struct, frozen=True):
    """Where in the news topic a record came from: what makes replays recognizable."""

    partition: int
    offset: int


class News(Record, frozen=True, kw_only=True):
    """A headline or short news text, as it enters. Unknown fields are ignored."""

    TYPE: ClassVar[str] = "gretchen.news.v1"
    id: Id
    text: str
    published_at: datetime | None = None
    source: str | None = None
    url: str | None = None


class EntitySentiment(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict for one entity named in a text; `start`, `end` are character offsets of its first mention."""

    entity: str
    name: str
    start: int
    end: int
    sentiment: Sentiment
    probabilities: dict[str, float]


class ScoredNews(Record, frozen=True, kw_only=True):
    """A headline with its verdicts: for the whole text and for each entity."""

    TYPE: ClassVar[str] = "gretchen.scored-news.v1"
    id: str
    text: str
    published_at: datetime
    source: str | None
    url: str | None
    sentiment: Sentiment
    probabilities: dict[str, float]
    topic: str
    topic_probability: float
    entities: list[EntitySentiment]
    truncated: bool
    model: str
    origin: Origin


class EntityObservation(Record, frozen=True, kw_only=True):
    """One headline's verdict on one entity: what the entity's stream is made of. `id` is '<news id>:<entity>'."""

    TYPE: ClassVar[str] = "gretchen.entity-sentiment.v1"
    id: str
    news_id: str
    entity: str
    name: str
    at: datetime
    sentiment: Sentiment
    probabilities: dict[str, float]
    topic: str
    text: str
    source: str | None
    url: str | None
    origin: Origin


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A headline behind a surge."""

    news_id: str
    at: datetime
    text: str
    negative: float
    source: str | None = None
    url: str | None = None


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """A surge that opened, grew or resolved. `episode` names it: the same for all its transitions."""

    episode: str
    kind: Status
    severity: Severity
    at: datetime
    opened_at: datetime
    negatives: int
    expected: float
    span_s: float = 3600.0  # the length of time that `negatives` and `expected` are about
    p_value: float
    evidence: list[Evidence]


class Summary(Record, frozen=True, kw_only=True):
    """An entity's state after `applied` observations; `id` is '<entity>:<applied>[:<transition kind>]'."""

    TYPE: ClassVar[str] = "gretchen.summary.v1"
    id: str
    entity: str
    name: str
    at: datetime
    applied: int
    negatives: int
    neutrals: int
    positives: int
    window_s: float
    index: float  # exponentially weighted mean of (positive - negative), -1..1
    transition: Transition | None = None


class Alert(Record, frozen=True, kw_only=True):
    """What an operator reads. `id` is '<episode>:<status>[:<n>]'; an episode opens once and resolves once."""

    TYPE: ClassVar[str] = "gretchen.alert.v1"
    id: str
    episode: str
    entity: str
    name: str
    status: Status
    severity: Severity
    at: datetime
    opened_at: datetime
    summary: str
    negatives: int
    expected: float
    p_value: float
    evidence: list[Evidence]


class AlertAction(Record, frozen=True, kw_only=True):
    """What an operator did about alerts. `id` is 'ack:<episode>' or 'mute:<entity>', also to unmute: the last holds."""

    TYPE: ClassVar[str] = "gretchen.alert-action.v1"
    id: str
    kind: Literal["ack", "mute", "unmute"]
    entity: str
    episode: str | None = None  # of an ack
    until: datetime | None = None  # of a mute
    at: datetime
    by: str = ""
    note: str = ""


class Question(Record, frozen=True, kw_only=True):
    """A customer's question. Questions of one conversation are answered in order."""

    TYPE: ClassVar[str] = "gretchen.chat-question.v1"
    id: Id
    text: str
    conversation_id: Id | None = None
    asked_at: datetime | None = None


class Answer(Record, frozen=True, kw_only=True):
    """The answer to a question; `abstained` means that a person has to take over. `id` is '<question id>:answer'."""

    TYPE: ClassVar[str] = "gretchen.chat-answer.v1"
    id: str
    question_id: str
    conversation_id: str
    question: str
    text: str
    abstained: bool
    intent: str | None
    confidence: float
    alternatives: dict[str, float]
    answered_at: datetime
    model: str
    origin: Origin


class DeadLetter(Record, frozen=True, kw_only=True):
    """Describes a refused record. On the wire the value is the original bytes; these fields travel as headers."""

    TYPE: ClassVar[str] = "gretchen.dead-letter.v1"
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
