"""Records as the browser gets them: the fields it shows, links it may open, nothing else."""

from datetime import datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from streams.records import (
    Alert,
    AlertAction,
    Answer,
    Considered,
    Evidence,
    ScoredNews,
    Series,
    Source,
    Summary,
    Way,
)

View = dict[str, Any]
Moment = Annotated[datetime, Meta(tz=True)]
K = TypeVar("K")
V = TypeVar("V")

TEXT_CHARS = 600  # a headline is shorter; a pasted article is cut on the page, never in the record
LABEL_CHARS = 80  # a name, a source, a topic: feeds may send anything
URL_CHARS = 2000
EVIDENCE = 12
MEMBERS = 60
BUCKETS = 96  # of an alert's series; two days in hours are the longest
SAID_CHARS = 4000  # of a question or an answer
QUOTE_CHARS = 1000
SOURCES = 8  # and as many options, and ways considered
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


def stream_view(record: Summary, line: list[float]) -> View:
    """An entity's or a group's state; `line` is its index over the last hours, `trend` against its slow mean."""
    return {
        "id": record.entity,
        "name": label(record.name),
        "scope": record.scope,
        "at": record.at,
        "index": round(record.index, 3),
        "trend": round(record.trend, 3),
        "z": round(record.z, 1),
        "expected": round(record.expected, 2),
        "sources": record.sources,
        "negatives": record.negatives,
        "neutrals": record.neutrals,
        "positives": record.positives,
        "window_s": record.window_s,
        "line": [round(index, 3) for index in line],
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
        "scope": record.scope,
        "kind": record.kind,
        "rule": label(record.rule),
        "status": record.status,
        "severity": record.severity,
        "at": record.at,
        "opened_at": record.opened_at,
        "updates": known["updates"] + 1 if known else 0,
        "summary": cut(record.summary),
        "observed": round(record.observed, 3),
        "expected": round(record.expected, 3),
        "span_s": record.span_s,
        "p_value": record.p_value,
        "held": label(record.held),
        "members": [label(member) for member in record.members[:MEMBERS]] or (known["members"] if known else []),
        "evidence": [evidence_view(each) for each in record.evidence[:EVIDENCE]]
        or (known["evidence"] if known else []),
        "series": series_view(record.series) if record.series else (known["series"] if known else None),
    }


def evidence_view(record: Evidence) -> View:
    return {
        "id": record.news_id,
        "at": record.at,
        "text": cut(record.text),
        "sentiment": record.sentiment,
        "negative": round(record.negative, 3),
        "source": label(record.source or ""),
        "also_in": [label(source) for source in record.also_in[:EVIDENCE]],
        "url": link(record.url),
    }


def series_view(record: Series) -> View:
    """The latest buckets; `values` may have gaps (None)."""
    return {
        "bucket_s": record.bucket_s,
        "values": record.values[-BUCKETS:],
        "expected": record.expected,
        "threshold": record.threshold,
    }


def action_view(record: AlertAction) -> View:
    """Who acked or muted, when, and of a mute until when: null once it is unmuted. `undone`: the ack was taken back."""
    return {
        "key": record.episode or record.entity,
        "undone": record.kind == "unack",
        "by": label(record.by),
        "note": cut(record.note, 200),
        "at": record.at,
        "until": record.until if record.kind == "mute" else None,
    }


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer is told, with where it comes from. `way` "person": by somebody, not by Gretchen.

    `why` are the ways that were considered, each with its chance of being right; `confidence` is the chosen one's.
    """

    id: str
    text: str
    way: Way
    abstained: bool
    intent: str | None
    confidence: float
    options: list[str]
    sources: list[Source]
    instruction: str | None
    why: list[Considered]
    language: str
    by: str
    at: Moment


def told_of(record: Answer) -> Told:
    return Told(
        id=record.id,
        text=cut(record.text, SAID_CHARS),
        way="handover" if record.abstained and record.way == "template" else record.way,  # as it once was written
        abstained=record.abstained,
        intent=record.intent and label(record.intent),
        confidence=round(record.confidence, 3),
        options=[cut(option, 200) for option in record.options[:SOURCES]],
        sources=[source_of(source) for source in record.sources[:SOURCES]],
        instruction=record.instruction and cut(record.instruction),
        why=[msgspec.structs.replace(each, said=cut(each.said, 200)) for each in record.why[:SOURCES]],
        language=label(record.language),
        by=label(record.by),
        at=record.answered_at,
    )


def source_of(source: Source) -> Source:
    bounded = {
        name: cut(value, QUOTE_CHARS if name == "quote" else TEXT_CHARS)
        for name in ("intent", "document", "heading", "quote", "instruction")
        if (value := getattr(source, name))
    }
    return msgspec.structs.replace(source, **bounded)


def answer_view(record: Answer, known: View | None, good: bool | None = None) -> View:
    """A question with its answer; of what a person said by themselves, without a question. `good`: the feedback."""
    person = record.way == "person"
    return {
        "id": record.id if person else record.question_id,
        "conversation": record.conversation_id,
        "question": "" if person else cut(record.question, 2000),
        "asked_at": known["asked_at"] if known else record.answered_at,
        "refused": None,
        "answer": msgspec.to_builtins(told_of(record), builtin_types=(datetime,)),
        "good": good,
    }


def trim(mapping: dict[K, V], most: int) -> None:
    """Forgets the first put in until `most` are left."""
    while len(mapping) > most:
        del mapping[next(iter(mapping))]
