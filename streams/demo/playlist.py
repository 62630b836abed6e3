"""What the demo plays: headlines in the order of their times, with questions and broken records strewn in evenly."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from streams.records import News, Question
from streams.sample.broken import broken_records
from streams.topics import CHAT_QUESTIONS, NEWS, Topic

SAMPLE = Path(__file__).resolve().parent.parent / "sample"


class Item(NamedTuple):
    """One record to send. `value` is raw: some of it is broken on purpose."""

    topic: Topic
    key: bytes
    value: bytes
    broken: bool = False


def playlist(now: datetime) -> list[Item]:
    """The sample as of `now` (aware): moved by whole days, so that it ends within the last day, rhythm kept."""
    news = [msgspec.json.decode(line, type=News) for line in lines("news.jsonl")]
    times = [item.published_at for item in news if item.published_at]
    shift = timedelta(days=(now.astimezone(UTC) - max(times)).days)
    headlines = [
        Item(NEWS, item.id.encode(), msgspec.json.encode(msgspec.structs.replace(item, published_at=at + shift)))
        for item, at in zip(news, times, strict=True)
    ]
    questions = []
    for line in lines("questions.jsonl"):
        question = msgspec.json.decode(line, type=Question)
        questions.append(Item(CHAT_QUESTIONS, (question.conversation_id or question.id).encode(), line))
    broken = [Item(NEWS, what.encode(), value, broken=True) for what, value in broken_records()]
    return strew(strew(headlines, questions), broken)


def lines(name: str) -> Iterator[bytes]:
    return (line for line in (SAMPLE / name).read_bytes().splitlines() if line)


def strew(into: list[Item], items: list[Item]) -> list[Item]:
    """Both lists as one, each in its own order, `items` evenly spaced."""
    places = [(i / len(into), 0, item) for i, item in enumerate(into)]
    places += [((i + 0.5) / len(items), 1, item) for i, item in enumerate(items)]
    return [item for _, _, item in sorted(places, key=lambda place: place[:2])]
