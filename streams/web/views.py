"""Records as the browser gets them: the fields it shows, links it may open, nothing else."""

from typing import Any, TypeVar
from urllib.parse import urlsplit

from streams.records import Alert, Answer, ScoredNews, Summary

View = dict[str, Any]
K = TypeVar("K")
V = TypeVar("V")

TEXT_CHARS = 600  # a headline is shorter; a pasted article is cut on the page, never in the record
LABEL_CHARS = 80  # a name, a source, a topic: feeds may send anything
URL_CHARS = 2000
EVIDENCE = 12
ORDER = {"opened": 0, "grew": 1, "resolved": 2}


def cut(text: str, chars: int = TEXT_CHARS) -> str:
    return text if len(text) <= chars else text[: chars - 1] + "…"


def label(text: str) -> str:
    return cut(text, LABEL_CHARS)


def link(url: str | None) -> str | None:
    """The url if a browser may follow it: http and https only, so that no feed can plant a javascript: link."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.netloc and len(url or "") <= URL_CHARS else None


def headline_view(record: ScoredNews) -> View:
    return {
        "id": record.id,
        "at": record.published_at,
        "text": cut(record.text),
        "source": label(record.source or ""),
        "url": link(record.url),
        "sentiment": record.sentiment,
        "probability": round(record.probabilities.get(record.sentiment, 0.0), 3),
        "topic": label(record.topic),
        "entities": [
            {
                "id": entity.entity,
                "name": label(entity.name),
                "sentiment": entity.sentiment,
                "probability": round(entity.probabilities.get(entity.sentiment, 0.0), 3),
            }
            for entity in record.entities[:8]
        ],
    }


def entity_view(record: Summary, trend: list[float]) -> View:
    """`move` is the change of the index over the trend shown."""
    return {
        "id": record.entity,
        "name": label(record.name),
        "at": record.at,
        "index": round(record.index, 3),
        "move": round(record.index - trend[0], 3),
        "negatives": record.negatives,
        "neutrals": record.neutrals,
        "positives": record.positives,
        "window_s": record.window_s,
        "applied": record.applied,
        "trend": [round(index, 3) for index in trend],
    }


def alert_view(record: Alert, known: View | None) -> View:
    """An episode after one more of its records; `known` itself if that record was seen before or comes late."""
    stage = (ORDER[record.status], record.at)
    if known and stage <= (ORDER[known["status"]], known["at"]):
        return known
    return {
        "episode": record.episode,
        "entity": record.entity,
        "name": label(record.name),
        "status": record.status,
        "severity": record.severity,
        "at": record.at,
        "opened_at": record.opened_at,
        "updates": known["updates"] + 1 if known else 0,
        "summary": cut(record.summary),
        "observed": round(record.observed, 3),
        "expected": round(record.expected, 2),
        "p_value": record.p_value,
        "evidence": [
            {
                "id": item.news_id,
                "at": item.at,
                "text": cut(item.text),
                "negative": round(item.negative, 3),
                "source": label(item.source or ""),
                "url": link(item.url),
            }
            for item in record.evidence[:EVIDENCE]
        ]
        or (known["evidence"] if known else []),
    }


def answer_view(record: Answer, known: View | None) -> View:
    return {
        "id": record.question_id,
        "conversation": record.conversation_id,
        "question": cut(record.question, 2000),
        "asked_at": known["asked_at"] if known else record.answered_at,
        "refused": None,
        "answer": {
            "text": cut(record.text, 4000),
            "abstained": record.abstained,
            "intent": record.intent,
            "confidence": round(record.confidence, 3),
            "at": record.answered_at,
        },
    }


def trim(mapping: dict[K, V], most: int) -> None:
    """Forgets the first put in until `most` are left."""
    while len(mapping) > most:
        del mapping[next(iter(mapping))]
