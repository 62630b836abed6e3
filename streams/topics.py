"""Every topic with its record, its key and its keeping. The names stand here and nowhere else."""

from dataclasses import dataclass, field

from streams.records import (
    Alert,
    AlertAction,
    Answer,
    ChatFeedback,
    DeadLetter,
    EntityObservation,
    GroupSentiments,
    Handover,
    HandoverReply,
    News,
    Passage,
    Question,
    Record,
    ScoredNews,
    Summary,
    Surge,
)
from streams.settings import Settings


@dataclass(frozen=True)
class Topic:
    """A topic: all topics of an installation have the same number of partitions, so that equal keys meet."""

    name: str
    record: type[Record]
    key: str
    config: dict[str, str] = field(default_factory=dict)

    def of(self, settings: Settings) -> str:
        """The name on the cluster."""
        return settings.topic_prefix + self.name


NEWS = Topic("news", News, "news id")
SCORED_NEWS = Topic("scored-news", ScoredNews, "news id")
ENTITY_SENTIMENTS = Topic("entity-sentiments", EntityObservation, "entity")
GROUP_SENTIMENTS = Topic("group-sentiments", GroupSentiments, "group")
SURGES = Topic("surges", Surge, "always the same: they are looked at together")
SUMMARIES = Topic("summaries", Summary, "entity")
ALERTS = Topic("alerts", Alert, "entity")
ALERT_ACTIONS = Topic(  # keyed by what an action is about, as an ack must not replace the entity's mute
    "alert-actions",
    AlertAction,
    "action id",
    {"cleanup.policy": "compact,delete", "retention.ms": str(30 * 86_400_000)},
)
CHAT_QUESTIONS = Topic("chat-questions", Question, "conversation id")
CHAT_ANSWERS = Topic("chat-answers", Answer, "conversation id")
HANDOVERS = Topic("handovers", Handover, "conversation id")
HANDOVER_REPLIES = Topic("handover-replies", HandoverReply, "conversation id")
CHAT_FEEDBACK = Topic("chat-feedback", ChatFeedback, "answer id")
DOCUMENTS = Topic("documents", Passage, "passage id", {"cleanup.policy": "compact"})
DEAD_LETTERS = Topic("dead-letters", DeadLetter, "the original key")

TOPICS = (
    NEWS,
    SCORED_NEWS,
    ENTITY_SENTIMENTS,
    GROUP_SENTIMENTS,
    SURGES,
    SUMMARIES,
    ALERTS,
    ALERT_ACTIONS,
    CHAT_QUESTIONS,
    CHAT_ANSWERS,
    HANDOVERS,
    HANDOVER_REPLIES,
    CHAT_FEEDBACK,
    DOCUMENTS,
    DEAD_LETTERS,
)
