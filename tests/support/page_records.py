"""Output records as agents would write them, for tests of the page: own texts, the fields that matter given."""

from datetime import UTC, datetime, timedelta

from streams.records import Alert, Answer, EntitySentiment, Evidence, Origin, Question, ScoredNews, Sentiment, Summary

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def certain(sentiment: Sentiment, share: float = 0.9) -> dict[str, float]:
    rest = (1 - share) / 2
    return {"negative": rest, "neutral": rest, "positive": rest} | {sentiment: share}


def scored(
    id: str,
    text: str,
    sentiment: Sentiment = "neutral",
    entities: dict[str, Sentiment] | None = None,
    at: datetime = NOON,
    offset: int = 0,
    url: str | None = None,
    source: str | None = "Harborline Wire",
    topic: str = "Company | Product News",
) -> ScoredNews:
    return ScoredNews(
        id=id,
        text=text,
        published_at=at,
        source=source,
        url=url,
        sentiment=sentiment,
        probabilities=certain(sentiment),
        topic=topic,
        topic_probability=0.8,
        entities=[
            EntitySentiment(
                entity=name.lower(), name=name, start=0, end=1, sentiment=verdict, probabilities=certain(verdict, 0.8)
            )
            for name, verdict in (entities or {}).items()
        ],
        truncated=False,
        model="news/1",
        origin=Origin(0, offset),
    )


def summary(
    name: str, applied: int, index: float, minutes: int = 0, counts: tuple[int, int, int] = (1, 2, 3)
) -> Summary:
    return Summary(
        id=f"{name.lower()}:{applied}",
        entity=name.lower(),
        name=name,
        at=NOON + timedelta(minutes=minutes),
        applied=applied,
        negatives=counts[0],
        neutrals=counts[1],
        positives=counts[2],
        window_s=21_600,
        index=index,
    )


def evidence(text: str, minutes: int = 0, url: str | None = None) -> Evidence:
    return Evidence(
        news_id=f"n{minutes}",
        at=NOON + timedelta(minutes=minutes),
        text=text,
        negative=0.97,
        source="Meridian Markets",
        url=url,
    )


def alert(
    name: str,
    status: str = "opened",
    minutes: int = 0,
    severity: str = "critical",
    texts: tuple[str, ...] = ("Bad news",),
) -> Alert:
    return Alert(
        id=f"{name.lower()}-1:{status}",
        episode=f"{name.lower()}-1",
        entity=name.lower(),
        name=name,
        status=status,  # type: ignore[arg-type]
        severity=severity,  # type: ignore[arg-type]
        at=NOON + timedelta(minutes=minutes),
        opened_at=NOON,
        summary=f"{name}: 9 negative headlines in three hours where 1.2 are usual.",
        observed=9,
        expected=1.2,
        p_value=3.1e-6,
        evidence=[evidence(text, i) for i, text in enumerate(texts)],
    )


def question(id: str, text: str, conversation: str = "c1") -> Question:
    return Question(id=id, text=text, conversation_id=conversation, asked_at=NOON)


def answer(asked: Question, text: str, abstained: bool = False, offset: int = 0) -> Answer:
    return Answer(
        id=f"{asked.id}:answer",
        question_id=asked.id,
        conversation_id=asked.conversation_id or asked.id,
        question=asked.text,
        text=text,
        abstained=abstained,
        intent=None if abstained else "card_arrival",
        confidence=0.31 if abstained else 0.97,
        alternatives={},
        answered_at=datetime.now(UTC),
        model="intents/1",
        origin=Origin(0, offset),
    )
