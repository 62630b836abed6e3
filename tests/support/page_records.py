"""Output records as agents would write them, for tests of the page: own texts, the fields that matter given."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from streams.news.alerts import alert_of
from streams.news.groups import group_of
from streams.news.rules import RuleBook
from streams.news.summary import summarize
from streams.news.surge import Watching, fold
from streams.news.windows import Live, Sighting, WindowState, advance, count
from streams.records import (
    Alert,
    AlertAction,
    Answer,
    ChatFeedback,
    Conversation,
    EntitySentiment,
    Evidence,
    Handover,
    HandoverReply,
    Kind,
    Origin,
    Question,
    Said,
    ScoredNews,
    Sentiment,
    Series,
    Severity,
    Status,
    Summary,
    Way,
)

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
    name: str,
    applied: int,
    index: float,
    minutes: int = 0,
    counts: tuple[int, int, int] = (1, 2, 3),
    trend: float = 0.0,
    z: float = 0.0,
) -> Summary:
    """Of an entity by its name, or of a group by its key."""
    key = name if name.startswith(("topic:", "sector:", "all:")) else name.lower()
    group = group_of(key)
    return Summary(
        id=f"{key}:{applied}",
        entity=key,
        name=name if group.scope == "entity" else group.name,
        scope=group.scope,
        at=NOON + timedelta(minutes=minutes),
        applied=applied,
        negatives=counts[0],
        neutrals=counts[1],
        positives=counts[2],
        window_s=3600,
        index=index,
        trend=trend,
        expected=0.4,
        z=z,
        sources=3,
    )


def evidence(text: str, minutes: int = 0, url: str | None = None, also_in: tuple[str, ...] = ()) -> Evidence:
    return Evidence(
        news_id=f"n{minutes}",
        at=NOON + timedelta(minutes=minutes),
        text=text,
        negative=0.97,
        source="Meridian Markets",
        url=url,
        also_in=[*also_in],
    )


SERIES = Series(bucket_s=300, values=[0.0] * 30 + [1.0, 0.0, 2.0, 1.0, 3.0, 2.0], expected=0.03, threshold=0.5)


def alert(
    name: str,
    status: Status = "opened",
    minutes: int = 0,
    severity: Severity = "critical",
    texts: tuple[str, ...] = ("Bad news",),
    kind: Kind = "negatives",
    observed: float = 9,
    expected: float = 1.2,
    series: Series | None = SERIES,
    members: tuple[str, ...] = (),
    held: str = "",
) -> Alert:
    return Alert(
        id=f"{name.lower()}-1:{status}",
        episode=f"{name.lower()}-1",
        entity="storm:" if kind == "storm" else name.lower(),
        name=name,
        scope="all" if kind == "storm" else "entity",
        kind=kind,
        rule="default",
        status=status,
        severity=severity,
        at=NOON + timedelta(minutes=minutes),
        opened_at=NOON,
        summary=f"{name}: 9 negative headlines in three hours where 1.2 are usual.",
        observed=observed,
        expected=expected,
        p_value=3.1e-6,
        evidence=[evidence(text, i) for i, text in enumerate(texts)],
        series=series,
        members=[*members],
        held=held,
    )


def action(kind: str, about: str, by: str = "Ada", minutes: int = 0, lasting_s: float = 7200) -> AlertAction:
    """An ack of an episode; a mute or unmute of a stream."""
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    return AlertAction(
        id=f"{kind.removeprefix('un')}:{about}",
        kind=kind,  # type: ignore[arg-type]
        entity=about,
        episode=about if kind == "ack" else None,
        until=at + timedelta(seconds=lasting_s) if kind == "mute" else None,
        at=at,
        by=by,
    )


def state(key: str, said: list[tuple[float, Sentiment, float, str]]) -> WindowState:
    """A stream that heard (hours after NOON, verdict, tone, text) each."""
    live = Live(WindowState(entity=key, name=group_of(key).name, scope=group_of(key).scope))
    for offset, (hours, sentiment, tone, text) in enumerate(said):
        at = NOON + timedelta(hours=hours)
        heard = Sighting(0, offset, f"n{offset}", at, sentiment, tone, 0.9, text, "Meridian Markets", None)
        for mention in advance(live, heard, lateness_s=90 * 86_400):
            count(live.state, mention, lateness_s=90 * 86_400)
    return live.settled()


def surge_of(name: str) -> Iterator[Summary | Alert]:
    """What the watching agents write, by their own functions, while bad news breaks over an entity and is over."""
    live, key = Live(WindowState(entity=name.lower(), name=name)), name.lower()
    ordinary: list[tuple[float, Sentiment, str]] = [
        (hour - 80, ("neutral", "positive", "negative")[hour % 3], f"{name} on an ordinary day")  # type: ignore[misc]
        for hour in range(0, 78, 5)
    ]
    broken: list[tuple[float, Sentiment, str]] = [(n / 15, "negative", f"{name} sinks, {n}") for n in range(16)]
    over: list[tuple[float, Sentiment, str]] = [(hours, "neutral", f"{name} at rest, {hours}") for hours in (3.0, 4.0)]
    for offset, (hours, sentiment, text) in enumerate([*ordinary, *broken, *over]):
        at, tone = NOON + timedelta(hours=hours), {"negative": -0.8, "neutral": 0.0, "positive": 0.8}[sentiment]
        heard = Sighting(
            0, offset, f"{key}{offset}", at, sentiment, tone, 0.9, f"{text} {offset}", "Meridian Markets", None
        )
        for transition in fold(live, heard, Watching(), name) or []:
            told = summarize(live.state, transition)
            yield told
            if raised := alert_of(told, RuleBook()):
                yield raised
        yield summarize(live.state)


def question(id: str, text: str, conversation: str = "c1") -> Question:
    return Question(id=id, text=text, conversation_id=conversation, asked_at=NOON)


def answer(
    asked: Question,
    text: str,
    abstained: bool = False,
    offset: int = 0,
    way: Way | None = None,
    conversation: Conversation | None = None,
    **fields: Any,
) -> Answer:
    told = Answer(
        id=f"{asked.id}:answer",
        question_id=asked.id,
        conversation_id=asked.conversation_id or asked.id,
        question=asked.text,
        text=text,
        abstained=abstained,
        way=way or ("handover" if abstained else "template"),
        intent=None if abstained else "card_arrival",
        confidence=0.31 if abstained else 0.97,
        alternatives={},
        answered_at=datetime.now(UTC),
        model="intents/1",
        origin=Origin(0, offset),
        conversation=conversation,
    )
    return msgspec.structs.replace(told, **fields)


def handed_over(
    asked: Question, at: datetime | None = None, said: str = "A colleague will write to you here."
) -> tuple[Handover, Answer]:
    """A question that a person gets, as the worker tells of it in two topics."""
    at = at or datetime.now(UTC)
    transcript = [Said(role="customer", text=asked.text, at=at)]
    record = Handover(
        id=f"{asked.id}:handover",
        question_id=asked.id,
        conversation_id=asked.conversation_id or asked.id,
        reason="asked",
        summary=f"The customer asked for a person.\n- {asked.text}",
        transcript=transcript,
        guesses={"card_arrival": 0.41, "lost_or_stolen_card": 0.22},
        language="en",
        at=at,
        origin=Origin(0, 0),
    )
    told = [*transcript, Said(role="gretchen", text=said, at=at)]
    conversation = Conversation(id=record.conversation_id, transcript=told, handed_over=at)
    return record, answer(asked, said, True, conversation=conversation, answered_at=at)


def passed_on(reply: HandoverReply, before: Conversation, at: datetime | None = None) -> Answer:
    """What a person wrote, as the worker passes it on."""
    at = at or datetime.now(UTC)
    lines = [*before.transcript, *([Said(role="person", text=reply.text, at=at, by=reply.by)] if reply.text else [])]
    after = Conversation(id=before.id, transcript=lines, handed_over=None if reply.closes else before.handed_over)
    asked = Question(id=reply.id, text="", conversation_id=before.id)
    said = answer(asked, reply.text, way="person", conversation=after, by=reply.by, intent=None, answered_at=at)
    return msgspec.structs.replace(said, id=f"{reply.id}:reply", confidence=1.0, model="")


def judgement(answer_id: str, good: bool, conversation: str = "c1") -> ChatFeedback:
    return ChatFeedback(
        id=f"{answer_id}:feedback", answer_id=answer_id, conversation_id=conversation, good=good, at=NOON
    )
