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
Way = Literal["template", "documents", "live", "small-talk", "clarify", "unsure", "handover", "person"]
"""How a question was answered: "clarify" asked back, "unsure" asked for other words, "person" is somebody's reply."""
HandedOver = Literal["asked", "unsure", "with-person"]
"""Why a person has to see a question: they were asked for, no answer was sure, they have the conversation already."""
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


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an answer rests on: a template's intent; characters [start, end) of a document, which are `quote`; an
    instruction that was executed."""

    kind: Literal["template", "document", "live"]
    intent: str | None = None
    document: str | None = None
    heading: str | None = None
    start: int | None = None
    end: int | None = None
    quote: str | None = None
    instruction: str | None = None


class Considered(msgspec.Struct, frozen=True, kw_only=True):
    """A way that was thought of for an answer, with its chance of being right; `said` never quotes the customer."""

    way: Way
    confidence: float
    said: str = ""


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a conversation, personal data masked. `by` is "" for the customer and for Gretchen."""

    role: Literal["customer", "gretchen", "person"]
    text: str
    at: datetime
    by: str = ""


class Pending(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was asked back: which of these intents is meant, or what an intent's slot holds; `question` waits for it."""

    question: str
    options: list[str] = []
    intent: str | None = None
    slot: str | None = None


class Conversation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the next turn of a conversation needs to know of those before it; bounded, whatever was said.

    `question_offset` and `reply_offset` are the last records of their topics that it has seen: -1 for none.
    """

    id: str
    turns: int = 0
    language: str = "en"
    transcript: list[Said] = []
    intent: str | None = None  # of the last answer by a template
    instruction: str | None = None  # of the last answer by the live stream
    subject: str | None = None  # of the last answer by documents: the question as it was understood
    slots: dict[str, str] = {}
    pending: Pending | None = None
    unanswered: int = 0  # turns in a row
    handed_over: datetime | None = None  # since when a person has it
    updated_at: datetime | None = None
    question_offset: int = -1
    reply_offset: int = -1


class Answer(Record, frozen=True, kw_only=True):
    """The answer to a question, or what a person said in a conversation. `id` is '<question id>:answer', of a person's
    reply '<reply id>:reply'.

    `abstained`: nobody guessed; the customer was asked to say it otherwise, or a person takes over (`way` handover).
    `question` is masked as the transcript is. `conversation` is the state after it, so that this topic is the memory of
    all conversations (streams/tables.py, TopicTable).
    """

    TYPE: ClassVar[str] = "gretchen.chat-answer.v1"
    id: str
    question_id: str
    conversation_id: str
    question: str
    text: str
    abstained: bool
    way: Way = "template"
    intent: str | None
    confidence: float
    alternatives: dict[str, float]
    options: list[str] = []  # of a clarifying question: what the customer may choose from, as shown
    sources: list[Source] = []
    instruction: str | None = None
    why: list[Considered] = []
    language: str = "en"
    by: str = ""  # a person's name
    answered_at: datetime
    model: str
    origin: Origin
    conversation: Conversation | None = None


class Handover(Record, frozen=True, kw_only=True):
    """A conversation that a person has to see to, or what a customer said after that. `id` is '<question id>:handover'.

    `reason`: "asked" for a person; "unsure" too often; "with-person": said while a person has it. `guesses`: intent or
    way -> chance. `transcript` ends with what the customer said last.
    """

    TYPE: ClassVar[str] = "gretchen.handover.v1"
    id: str
    question_id: str
    conversation_id: str
    reason: HandedOver
    summary: str
    transcript: list[Said]
    guesses: dict[str, float]
    language: str
    at: datetime
    origin: Origin


class HandoverReply(Record, frozen=True, kw_only=True):
    """What a person tells a customer; with `closes` Gretchen answers again from the next question on. An empty text
    only closes."""

    TYPE: ClassVar[str] = "gretchen.handover-reply.v1"
    id: Id
    conversation_id: Id
    text: str
    by: str
    closes: bool = False
    at: datetime | None = None


class ChatFeedback(Record, frozen=True, kw_only=True):
    """What somebody thinks of an answer. `id` is '<answer id>:feedback'; the last holds. `intent`: what was right."""

    TYPE: ClassVar[str] = "gretchen.chat-feedback.v1"
    id: Id
    answer_id: Id
    conversation_id: Id
    good: bool
    intent: str | None = None
    comment: str = ""
    at: datetime


class Passage(Record, frozen=True, kw_only=True):
    """A part of a document that answers are read from: its characters [start, end). `id` is '<document>#<n>'.

    `heading`: the headings it stands under, outermost first. `passages`: of the whole document. `digest`: of the whole
    document's text, so that passages of an older version are known.
    """

    TYPE: ClassVar[str] = "gretchen.passage.v1"
    id: Id
    document: Id
    title: str
    n: int
    passages: int
    heading: list[str]
    text: str
    start: int
    end: int
    digest: str
    added_at: datetime


class DeadLetter(Record, frozen=True, kw_only=True):
    """Describes a refused record. On the wire the value is the original bytes; these fields travel as headers."""

    TYPE: ClassVar[str] = "gretchen.dead-letter.v1"
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
