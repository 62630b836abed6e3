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
Scope = Literal["entity", "topic", "sector", "all"]
"""What a stream is about: one entity, or a group of news: of a topic, about a sector, all there are."""
Kind = Literal["negatives", "share", "volume", "turn", "storm"]
"""What is unusual: many negatives; a large share of them; many news; another tone; many entities at once."""
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


class GroupMention(msgspec.Struct, frozen=True, array_like=True):
    """What of a news counts in a group's stream; `offset` is the news' own, `tone` is -1..1."""

    offset: int
    news_id: str
    at: datetime
    sentiment: Sentiment
    tone: float
    negative: float
    text: str
    source: str | None = None
    url: str | None = None


class GroupSentiments(Record, frozen=True, kw_only=True):
    """A batch's news of one partition that belong to a group, in the order of their offsets.

    `id` is '<group>:<partition>@<first offset>-<last offset>'; `group` is 'topic:<topic>', 'sector:<sector>' or 'all:'.
    """

    TYPE: ClassVar[str] = "gretchen.group-sentiments.v1"
    id: str
    group: str
    scope: Scope
    name: str
    partition: int
    mentions: list[GroupMention]


class Tick(Record, frozen=True, kw_only=True):
    """The time of a stream, for entities of which nothing is heard any more. `id` is 'tick:<partition>:<at>'."""

    TYPE: ClassVar[str] = "gretchen.tick.v1"
    id: str
    at: datetime


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A headline behind an alert; `also_in` are the other sources that brought it."""

    news_id: str
    at: datetime
    text: str
    negative: float
    sentiment: Sentiment = "negative"
    source: str | None = None
    url: str | None = None
    also_in: list[str] = []


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The last buckets up to an alert, newest last, to be drawn; `expected` and `threshold` are per bucket, too.

    Counts for `negatives`, `volume` and `storm`; for `share` and `turn` the share and the mean tone of a bucket, None
    where nothing was said. `threshold` is None where no single value opens an episode.
    """

    bucket_s: float
    values: list[float | None]
    expected: float
    threshold: float | None = None


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """An episode that opened, grew or resolved. `episode` names it: the same for all its transitions.

    `observed` and `expected` are about the last `span_s` seconds: counts, a share of negatives, a mean tone, or (storm)
    entities.
    """

    episode: str
    status: Status
    kind: Kind = "negatives"
    rule: str = ""
    severity: Severity
    at: datetime
    opened_at: datetime
    observed: float
    expected: float
    span_s: float = 3600.0
    p_value: float
    evidence: list[Evidence]
    series: Series | None = None
    members: list[str] = []  # of a storm: the entities with episodes in it


class Surge(Record, frozen=True, kw_only=True):
    """An entity's episode that opened or resolved, for who looks at all of them. `id` is '<episode>:<status>'."""

    TYPE: ClassVar[str] = "gretchen.surge.v1"
    id: str
    entity: str
    name: str
    episode: str
    status: Status
    severity: Severity
    at: datetime
    evidence: list[Evidence]


class Summary(Record, frozen=True, kw_only=True):
    """A stream's state after `applied` observations; `id` is '<entity>:<applied>[:<kind>:<status>]'.

    `entity` is the stream's key: an entity's, or a group's ('topic:<topic>', 'sector:<sector>', 'all:').
    """

    TYPE: ClassVar[str] = "gretchen.summary.v2"
    id: str
    entity: str
    name: str
    scope: Scope = "entity"
    at: datetime
    applied: int
    negatives: int
    neutrals: int
    positives: int
    window_s: float
    index: float  # exponentially weighted mean of (positive - negative), half-life 6 hours, -1..1
    trend: float = 0.0  # the index less the same with a half-life of 3 days: above 0, the tone gets better
    expected: float = 0.0  # negatives that the past lets expect in the window
    z: float = 0.0  # (negatives - expected) in standard deviations
    sources: int = 0  # distinct sources within a day, as far as remembered
    transition: Transition | None = None


class Alert(Record, frozen=True, kw_only=True):
    """What an operator reads. `id` is '<episode>:<status>[:<n>]'; an episode opens once and resolves once.

    `observed`, `expected`, `span_s`, `evidence`, `series` and `members` are the transition's.
    """

    TYPE: ClassVar[str] = "gretchen.alert.v2"
    id: str
    episode: str
    entity: str
    name: str
    scope: Scope = "entity"
    kind: Kind = "negatives"
    rule: str = ""
    status: Status
    severity: Severity
    at: datetime
    opened_at: datetime
    summary: str
    observed: float
    expected: float
    span_s: float = 3600.0
    p_value: float
    evidence: list[Evidence]
    series: Series | None = None
    members: list[str] = []
    held: str = ""  # why no sink shall tell it: "muted", "below <severity>" or "quiet hours"; an alert all the same
    routes: list[str] = []  # the sinks that shall tell it; none named: all


class AlertAction(Record, frozen=True, kw_only=True):
    """What an operator did about alerts. `id` is 'ack:<episode>' or 'mute:<entity>', also to take it back: the last
    holds."""

    TYPE: ClassVar[str] = "gretchen.alert-action.v1"
    id: str
    kind: Literal["ack", "unack", "mute", "unmute"]
    entity: str
    episode: str | None = None  # of an ack, and of what takes it back
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
