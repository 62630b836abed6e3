"""The streams of a history at work: what the worker's agents do, in one process and one order.

    event, news -> fold (entity, groups) -> transitions -> alerts
                                              └> surges -> storms ─┘

Time ends episodes as the worker's ticks do: each minute of the streams' time, GRACE_S later than a record would.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from streams.backtest.lines import Line, Numbered
from streams.news.alerts import EpisodeState, raise_once
from streams.news.groups import ALL, SECTOR, TOPIC, group_of, memberships
from streams.news.rules import RuleBook
from streams.news.score import observations
from streams.news.storms import StormState, observe_surge, pass_time, summary_of, surge_of
from streams.news.summary import summarize
from streams.news.surge import Watching, expire, fold, open_episodes
from streams.news.windows import (
    BUCKET_S,
    EARLIEST_S,
    GRACE_S,
    Live,
    Sighting,
    WindowState,
    group_sighting,
    seconds,
    sighting_of,
    tone_of,
)
from streams.records import Alert, EntityObservation, ScoredNews, Sentiment, Summary, Transition

TICK_S = 60.0
NEGATIVE: dict[Sentiment, float] = {"negative": 1.0, "neutral": 0.0, "positive": 0.0}
TONE: dict[Sentiment, float] = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}


class Told(NamedTuple):
    """An alert, and where its series ends, in seconds since 1970."""

    alert: Alert
    series_end_s: float


class Stream:
    """One entity's or group's state, and what is watched for in it."""

    __slots__ = ("live", "name", "watching")

    def __init__(self, key: str, watching: Watching, name: str) -> None:
        group = group_of(key)
        self.live = Live(WindowState(entity=key, scope=group.scope))
        self.watching, self.name = watching, name or group.name


class Backtest:
    """All streams. The book is this run's own: sectors that lines name are added to those it knows."""

    def __init__(self, book: RuleBook) -> None:
        self.book, self.sectors = book, dict(book.sectors)
        book.sectors = self.sectors
        self.grouped = any(rule.scope != "entity" for rule in book.rules)
        self.streams: dict[str, Stream] = {}
        self.groups: dict[str, Stream | None] = {}  # None: no rule watches it
        self.lines = self.events = self.copies = 0
        self.first_s: float | None = None  # the first moment that was believed
        self.clock_s = EARLIEST_S  # and the latest
        self._open: dict[str, Stream] = {}
        self._next_tick_s = EARLIEST_S
        self._storm = StormState()
        self._raised: dict[str, EpisodeState] = {}

    def take(self, numbered: Numbered, scored: ScoredNews | None = None) -> Sequence[Told]:
        """Alerts that one line brings about; `scored`: the verdicts of a line that is a news."""
        self.lines += 1
        if scored is not None:
            return self.take_news(scored)
        line = numbered.line
        assert line.entity is not None and line.sentiment is not None
        self.events += 1
        stream = self.streams.get(line.entity) or self.begin(line)
        sighting = sighted(numbered, line, line.sentiment)
        told = self.fold(stream, sighting)
        if self.grouped:
            told = [*told, *self.in_groups(line, sighting)]
        return told

    def take_news(self, scored: ScoredNews) -> Sequence[Told]:
        """As `score_news` hands a news to entities and groups."""
        told: list[Told] = []
        for each in observations(scored):
            self.events += 1
            stream = self.streams.get(each.entity) or self.begin_of(each)
            told += self.fold(stream, sighting_of(each))
        for key, mention in memberships(scored, self.sectors):
            if group := self.group(key):
                told += self.fold(group, group_sighting(scored.origin.partition, mention))
        return told

    def begin(self, line: Line) -> Stream:
        assert line.entity is not None
        if line.sector:
            self.sectors.setdefault(line.entity, line.sector)
        return self.begun(line.entity, line.name or line.entity)

    def begin_of(self, observation: EntityObservation) -> Stream:
        return self.begun(observation.entity, observation.name)

    def begun(self, entity: str, name: str) -> Stream:
        stream = self.streams[entity] = Stream(entity, self.book.watching(entity), name)
        return stream

    def group(self, key: str) -> Stream | None:
        if key not in self.groups:
            watching = self.book.watching(key)
            self.groups[key] = Stream(key, watching, "") if watching.rules else None
        return self.groups[key]

    def in_groups(self, line: Line, sighting: Sighting) -> Iterator[Told]:
        """A scored event in its groups: there its verdict stands for the whole text's."""
        assert line.entity is not None
        sector = self.sectors.get(line.entity)
        for key in (ALL, line.topic and TOPIC + line.topic, sector and SECTOR + sector):
            if key and (group := self.group(key)):
                yield from self.fold(group, sighting)

    def fold(self, stream: Stream, sighting: Sighting) -> Sequence[Told]:
        transitions = fold(stream.live, sighting, stream.watching, stream.name)
        if transitions is None:
            self.copies += 1
            return ()
        clock_s = stream.live.state.clock_s
        if clock_s is not None and clock_s > self.clock_s:
            self.first_s = clock_s if self.first_s is None else self.first_s
            self.clock_s = clock_s
        if clock_s is None or (not transitions and self.clock_s < self._next_tick_s):
            return ()
        told = list(self.tick(self.clock_s, GRACE_S)) if self.clock_s >= self._next_tick_s else []
        return [*told, *self.tell(stream, transitions)] if transitions else told

    def tick(self, now_s: float, grace_s: float) -> Iterator[Told]:
        """What is over by then, in the order in which it ended."""
        self._next_tick_s = self.clock_s + TICK_S
        if not self._open and not self._storm.episode:
            return
        ended = [
            (each, stream)
            for stream in self._open.values()
            for each in expire(stream.live.state, now_s - grace_s, stream.watching)
        ]
        for transition, stream in sorted(ended, key=lambda one: one[0].at):
            yield from self.tell(stream, [transition])
        self._storm, stormed = pass_time(self._storm, now_s, self.book.storm)
        yield from self.storms(stormed)

    def end(self, until_s: float | None = None) -> list[Told]:
        """What is over at `until_s`, or at the last moment that was heard of: no late record can come any more."""
        return list(self.tick(self.clock_s if until_s is None else max(self.clock_s, until_s), grace_s=0.0))

    def tell(self, stream: Stream, transitions: Iterable[Transition]) -> Iterator[Told]:
        state = stream.live.state
        for each in transitions:
            yield from self.alert(summarize(state, each), (state.head + 1.0) * BUCKET_S)
            if surge := surge_of(state, each):
                self._storm, stormed = observe_surge(self._storm, surge, self.book.storm)
                yield from self.storms(stormed)
        if open_episodes(state):
            self._open[state.entity] = stream
        else:
            self._open.pop(state.entity, None)

    def storms(self, stormed: Iterable[Transition]) -> Iterator[Told]:
        for each in stormed:
            yield from self.alert(summary_of(each), (seconds(each.at) // BUCKET_S + 1.0) * BUCKET_S)

    def alert(self, summary: Summary, series_end_s: float) -> Iterator[Told]:
        self._raised[summary.entity], alert = raise_once(self._raised.get(summary.entity), summary, self.book)
        if alert is not None:
            yield Told(alert, series_end_s)

    def still_open(self) -> int:
        """Episodes that have not ended, storms among them."""
        return sum(open_episodes(stream.live.state) for stream in self._open.values()) + bool(self._storm.episode)


def sighted(numbered: Numbered, line: Line, sentiment: Sentiment) -> Sighting:
    """A scored event as its stream sees it; a line without an origin has its place for an offset."""
    origin, probabilities = line.origin, line.probabilities
    news_id = line.news_id or line.id
    return Sighting(
        0 if origin is None else origin.partition,
        numbered.place if origin is None else origin.offset,
        str(numbered.number if news_id is None or news_id == "" else news_id),
        numbered.at,
        sentiment,
        TONE[sentiment] if probabilities is None else tone_of(sentiment, probabilities),
        NEGATIVE[sentiment] if probabilities is None else probabilities.get("negative", NEGATIVE[sentiment]),
        line.text or "",
        line.source,
        line.url,
    )
