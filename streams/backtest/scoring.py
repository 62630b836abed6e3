"""Raw news of a history through the model, as `score_news` does it; scored lines pass."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from models.engines import Engine, Request
from streams.backtest.lines import Line, Numbered, Unread
from streams.intake import Refused, check_text
from streams.news.score import first_mentions, scored_news
from streams.records import EntitySentiment, News, Origin, ScoredNews

if TYPE_CHECKING:
    from streams.news.entities import Gazetteer, Mention

BATCH = 64
HELD = 5_000  # lines that wait for a batch of raw ones to be full


class Taken(NamedTuple):
    """A line ready for the streams; with the verdicts of one that is a news."""

    numbered: Numbered
    scored: ScoredNews | None


class Model:
    """The engine and the watchlist, loaded when the first raw line comes."""

    def __init__(self, load: "Callable[[], tuple[Engine, Gazetteer]]", max_chars: int) -> None:
        self._load, self.max_chars = load, max_chars
        self._loaded: tuple[Engine, Gazetteer] | None = None

    def loaded(self) -> "tuple[Engine, Gazetteer]":
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded


def score_lines(lines: Iterable[Numbered], model: Model, unread: Unread) -> Iterator[Taken]:
    """All lines in their order, raw ones scored in batches."""
    held: list[Numbered] = []
    raw = 0
    for each in lines:
        if not held and each.line.entity is not None:
            yield Taken(each, None)
            continue
        held.append(each)
        raw += is_raw(each.line)
        if raw >= BATCH or len(held) >= HELD or not raw:
            yield from scored(held, model, unread)
            held, raw = [], 0
    yield from scored(held, model, unread)


def is_raw(line: Line) -> bool:
    """A news without verdicts."""
    return line.entity is None and not is_scored(line)


def is_scored(line: Line) -> bool:
    """A record of scored-news."""
    return (
        line.entity is None
        and line.sentiment is not None
        and line.topic is not None
        and line.entities is not None
        and all(isinstance(each, EntitySentiment) for each in line.entities)
    )


def scored(held: list[Numbered], model: Model, unread: Unread) -> Iterator[Taken]:
    found: dict[int, ScoredNews] = {}
    judged = []
    for numbered in held:
        if is_raw(numbered.line):
            try:
                check_text(numbered.line.text or "", model.max_chars)
            except Refused as refused:
                unread.note(numbered.number, refused.detail)
                continue
            judged.append(numbered)
        elif numbered.line.entity is None:
            found[numbered.number] = as_scored(numbered)
    if judged:
        found |= zip((each.number for each in judged), verdicts(judged, model), strict=True)
    for numbered in held:
        if numbered.line.entity is not None or numbered.number in found:
            yield Taken(numbered, found.get(numbered.number))


def verdicts(news: list[Numbered], model: Model) -> Iterator[ScoredNews]:
    engine, gazetteer = model.loaded()
    named: list[list[Mention]] = [first_mentions(gazetteer.find(each.line.text or "")) for each in news]
    requests = [
        Request(each.line.text or "", tuple((mention.start, mention.end) for mention in mentions))
        for each, mentions in zip(news, named, strict=True)
    ]
    encoded = engine.encode(requests)
    for each, mentions, one, prediction in zip(news, named, encoded, engine.infer(encoded), strict=True):
        yield scored_news(news_of(each), each.at, mentions, prediction, one.truncated, engine, origin_of(each))


def as_scored(numbered: Numbered) -> ScoredNews:
    """A line that was scored before."""
    line, news = numbered.line, news_of(numbered)
    assert line.sentiment is not None and line.topic is not None
    return ScoredNews(
        id=news.id,
        text=news.text,
        published_at=numbered.at,
        source=line.source,
        url=line.url,
        sentiment=line.sentiment,
        probabilities=line.probabilities or {},
        topic=line.topic,
        topic_probability=1.0,
        entities=[each for each in line.entities or [] if isinstance(each, EntitySentiment)],
        truncated=False,
        model="",
        origin=origin_of(numbered),
    )


def news_of(numbered: Numbered) -> News:
    line = numbered.line
    return News(
        id=str(line.id if line.id not in (None, "") else numbered.number),
        text=line.text or "",
        published_at=numbered.at,
        source=line.source,
        url=line.url,
    )


def origin_of(numbered: Numbered) -> Origin:
    """Where the news came from; a file is one partition."""
    return numbered.line.origin or Origin(0, numbered.place)
