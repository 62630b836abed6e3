"""What is remembered of one stream, an entity's or a group's: its clock, counts in event time, recent headlines.

    sighting -> advance (watermark, duplicates, clock) -> count (buckets, index, evidence)

A state's size is bounded. `Live` is a state at work: it changes in place, so give it a copy of what must stay.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import msgspec

from streams.news.baseline import Baseline
from streams.news.duplicates import Memory, Seen, fingerprint, signature
from streams.news.levels import Level
from streams.news.peaks import Peaks
from streams.records import SENTIMENTS, EntityObservation, Evidence, GroupMention, Kind, Scope, Sentiment

BUCKET_S = 300
COLUMNS = 4  # of a bucket: negative, neutral, positive, the sum of the tones in hundredths
NEGATIVE, TONE = 0, 3
FINE = 36  # five-minute buckets kept: 3 hours, the longest lateness
HOURS = 7 * 24  # hourly buckets kept
DAYS = 35  # daily buckets (UTC) kept
PER_HOUR, PER_DAY = 3600 // BUCKET_S, 86_400 // BUCKET_S
GRACE_S = 900.0  # a tick ends an episode so much later than a record would: late evidence may still come
AHEAD = 8  # records from beyond the clock that wait for a second opinion
EVIDENCE, OTHERS = 12, 6  # headlines kept: negative ones, and others
EVIDENCE_S = 6 * 3600.0
TEXT_CHARS = 240
URL_CHARS = 300
ALSO_IN = 8
SOURCES = 32
SOURCE_CHARS = 80
INDEX_HALF_LIFE_S = 6 * 3600.0
SLOW_HALF_LIFE_S = 3 * 86_400.0
EXACT_S = 4e9  # up to then a number of seconds tells microseconds apart
EARLIEST_S, LATEST_S = -62_135_596_800.0, 253_402_214_400.0  # year 1, and a day before the end of year 9999


class Sighting(NamedTuple):
    """A news as one stream sees it, wherever it came from."""

    partition: int
    offset: int
    news_id: str
    at: datetime
    sentiment: Sentiment
    tone: float  # -1..1
    negative: float  # probability
    text: str
    source: str | None
    url: str | None


class Mention(msgspec.Struct, frozen=True, array_like=True):
    """What of a sighting is counted and shown: its second since 1970, its column, its tone -1..1."""

    at_s: float
    column: int
    tone: float
    evidence: Evidence | None = None


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that is open. `told` is the largest value told so far, `hot_s` the last moment it was unlikely."""

    id: str
    opened_s: float
    hot_s: float
    severity: Literal["info", "warning", "critical"]
    told: float
    observed: float  # counts: all since the window in which it opened began; else the most extreme value
    expected: float  # counts: a second; else the usual value
    since_s: float
    p_value: float


class Detector(msgspec.Struct, omit_defaults=True):
    """What one kind of alert has learned of one stream, and its open episode."""

    baseline: Baseline = msgspec.field(default_factory=Baseline)
    level: Level = msgspec.field(default_factory=Level)
    peaks: Peaks = Peaks()
    episode: Episode | None = None
    quiet_until_s: float = EARLIEST_S  # no new episode before, unless a more severe one
    severity: Literal["info", "warning", "critical"] = "info"  # of the last episode
    told: float = 0.0  # its largest value told


class WindowState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One stream's value in its table. `fine`, `hours` and `days` hold COLUMNS numbers a bucket, newest bucket last;
    `rings` is what they are while the state is stored, and empty at work."""

    entity: str
    name: str = ""
    scope: Scope = "entity"
    applied: int = 0  # sightings that advanced a watermark
    duplicates: int = 0
    late: int = 0
    future: int = 0
    watermarks: dict[int, int] = {}  # highest news offset applied, by news partition
    recent: list[Seen] = []
    ahead: list[Mention] = []
    clock_s: float | None = None  # the latest moment that was believed
    head: int = 0  # number of the newest fine bucket
    fine: list[int] = []
    hours: list[int] = []
    days: list[int] = []
    rings: str = ""
    index_sum: float = 0.0
    index_weight: float = 0.0
    slow_sum: float = 0.0
    slow_weight: float = 0.0
    sources: dict[str, float] = {}  # source -> when it last said something new
    evidence: list[Evidence] = []
    others: list[Evidence] = []  # headlines that are not negative
    detectors: dict[str, Detector] = {}

    def window(self, seconds: float, column: int = NEGATIVE) -> int:
        """A column's sum over the buckets that cover the last `seconds` up to the clock: of five minutes up to 3 hours,
        of an hour up to 7 days, else of a day."""
        if not self.fine:
            return 0
        buckets, counts = self._buckets(seconds)
        return sum(counts[len(counts) - COLUMNS * buckets + column :: COLUMNS])

    def volume(self, seconds: float) -> int:
        """All mentions of the last `seconds`."""
        if not self.fine:
            return 0
        buckets, counts = self._buckets(seconds)
        chosen = counts[len(counts) - COLUMNS * buckets :]
        return sum(chosen) - sum(chosen[TONE::COLUMNS])

    def _buckets(self, seconds: float) -> tuple[int, list[int]]:
        if seconds <= BUCKET_S * FINE:
            return -(-int(seconds) // BUCKET_S), self.fine
        if seconds <= 3600 * HOURS:
            return -(-int(seconds) // 3600), self.hours
        return min(DAYS, -(-int(seconds) // 86_400)), self.days


ZEROS = tuple((b"0," * count, letter) for count, letter in ((256, b"a"), (64, b"b"), (16, b"c"), (4, b"d")))
"""Most buckets are empty: what stands for runs of zeros in a stored state's rings. Numbers hold no letters."""
FOLDS = ((b"0," * 16, b"c"), (b"cccc", b"b"), (b"bbbb", b"a"), (b"0," * 4, b"d"))
"""The same in an order that takes a fifth of the time: Python is slow to find what is long and repeats itself."""

_encoder, _decoder = msgspec.json.Encoder(), msgspec.json.Decoder(WindowState)
_rings = msgspec.json.Decoder(tuple[list[int], list[int], list[int]])


def encode_state(state: WindowState) -> bytes:
    """The table's value, JSON."""
    rings = _encoder.encode((state.fine, state.hours, state.days))
    for zeros, letter in FOLDS:
        rings = rings.replace(zeros, letter)
    return _encoder.encode(msgspec.structs.replace(state, fine=[], hours=[], days=[], rings=rings.decode()))


def decode_state(value: bytes | msgspec.Raw) -> WindowState:
    """Inverse of `encode_state`. Raises msgspec.ValidationError for anything else."""
    state = _decoder.decode(value)
    rings = state.rings.encode()
    for zeros, letter in reversed(ZEROS):
        rings = rings.replace(letter, zeros)
    if rings:
        (state.fine, state.hours, state.days), state.rings = _rings.decode(rings), ""
    return state


def seconds(at: datetime) -> float:
    """Seconds since 1970; a time without a zone is taken as UTC; the ends of the calendar are clipped."""
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    at_s = at.timestamp()
    return at_s if EARLIEST_S <= at_s <= LATEST_S else min(LATEST_S, max(EARLIEST_S, at_s))


def moment(at_s: float) -> datetime:
    """The instant at `at_s`, in UTC."""
    return datetime.fromtimestamp(min(LATEST_S, max(EARLIEST_S, at_s)), UTC)


def tone_of(sentiment: Sentiment, probabilities: Mapping[str, float]) -> float:
    """Positive less negative probability; the verdict itself where they are not given."""
    if "positive" in probabilities and "negative" in probabilities:
        return min(1.0, max(-1.0, probabilities["positive"] - probabilities["negative"]))
    return SENTIMENTS.index(sentiment) - 1.0


def sighting_of(observation: EntityObservation) -> Sighting:
    """An entity's record as its stream sees it."""
    return Sighting(
        observation.origin.partition, observation.origin.offset, observation.news_id, observation.at,
        observation.sentiment, tone_of(observation.sentiment, observation.probabilities),
        observation.probabilities.get("negative", float(observation.sentiment == "negative")),
        observation.text, observation.source, observation.url,
    )  # fmt: skip


def group_sighting(partition: int, mention: GroupMention) -> Sighting:
    """A group's record as its stream sees it."""
    return Sighting(
        partition, mention.offset, mention.news_id, mention.at, mention.sentiment, mention.tone, mention.negative,
        mention.text, mention.source, mention.url,
    )  # fmt: skip


class Live:
    """A stream's state at work, with what is derived from it to be quick. Not thread-safe."""

    def __init__(self, state: WindowState) -> None:
        self.state = state
        self.memory = Memory(state.recent)

    def settled(self) -> WindowState:
        """The state, to be encoded."""
        self.state.recent = list(self.memory.seen)
        return self.state


def copied(state: WindowState) -> WindowState:
    """A copy that can be changed without the original."""
    return decode_state(encode_state(state))


def advance(live: Live, sighting: Sighting, lateness_s: float) -> list[Mention]:
    """Register a sighting; the mentions to count now, oldest first: none for one that was applied before.

    The clock moves by more than `lateness_s` only when a second news agrees, so that one wrong date does not make all
    that follows late.
    """
    state = live.state
    state.watermarks[sighting.partition] = sighting.offset
    state.applied += 1
    at_s = seconds(sighting.at)
    mark, text = fingerprint(sighting.news_id), signature(sighting.text)
    known = live.memory.find(mark, at_s, text)
    if known is not None:
        state.duplicates += 1
        if sighting.source:
            also_in(state, known.mark, sighting.source)
        return []
    live.memory.add(Seen(mark, at_s, text), EARLIEST_S if state.clock_s is None else state.clock_s)
    mention = Mention(at_s, SENTIMENTS.index(sighting.sentiment), sighting.tone, evidence_of(sighting, at_s))
    if not state.ahead and state.clock_s is not None and at_s <= state.clock_s + lateness_s:
        return [mention]
    return believe(state, mention, lateness_s)


def believe(state: WindowState, mention: Mention, lateness_s: float) -> list[Mention]:
    """Decide what is believed: `mention` itself if the clock allows, and those waiting that it confirms."""
    confirmed = [waiting for waiting in state.ahead if waiting.at_s <= mention.at_s + lateness_s]
    if confirmed:
        state.ahead = [waiting for waiting in state.ahead if waiting.at_s > mention.at_s + lateness_s]
    clock_s = max(
        [waiting.at_s for waiting in confirmed] + ([state.clock_s] if state.clock_s is not None else []), default=None
    )
    if clock_s is not None and mention.at_s <= clock_s + lateness_s:
        confirmed.append(mention)
    else:
        state.ahead = sorted([*state.ahead, mention], key=lambda waiting: waiting.at_s)
        if len(state.ahead) > AHEAD:
            state.ahead.pop()
            state.future += 1
    return sorted(confirmed, key=lambda each: each.at_s)


def evidence_of(sighting: Sighting, at_s: float) -> Evidence:
    """The part of a sighting that is shown."""
    url = sighting.url
    return Evidence(
        news_id=sighting.news_id,
        at=sighting.at if sighting.at.tzinfo is UTC and 0.0 <= at_s < EXACT_S else moment(at_s),
        text=sighting.text[:TEXT_CHARS],
        negative=sighting.negative,
        sentiment=sighting.sentiment,
        source=sighting.source[:SOURCE_CHARS] if sighting.source else None,
        url=url if url is None or len(url) <= URL_CHARS else None,
    )


def also_in(state: WindowState, mark: int, source: str) -> None:
    """Note one more source of a headline that is kept."""
    for kept in (state.evidence, state.others):
        for place, each in enumerate(kept):
            if fingerprint(each.news_id) == mark:
                kept[place] = credited(each, source[:SOURCE_CHARS])
                return
    for place, mention in enumerate(state.ahead):
        if mention.evidence is not None and fingerprint(mention.evidence.news_id) == mark:
            evidence = credited(mention.evidence, source[:SOURCE_CHARS])
            state.ahead[place] = msgspec.structs.replace(mention, evidence=evidence)


def credited(evidence: Evidence, source: str) -> Evidence:
    """The headline with one more source, if it has not got it."""
    if source == evidence.source or source in evidence.also_in or len(evidence.also_in) >= ALSO_IN:
        return evidence
    return msgspec.structs.replace(evidence, also_in=[*evidence.also_in, source])


def counting(state: WindowState, waiting: Sequence[Mention]) -> WindowState:
    """A view of a state in which some that wait for a second opinion are believed; the state itself without any."""
    if not waiting:
        return state
    view = copied(state)
    for mention in waiting:
        count(view, mention, LATEST_S)
    return view


def count(state: WindowState, mention: Mention, lateness_s: float) -> bool:
    """Count a believed mention; False if it came too late to be counted."""
    at_s, bucket = mention.at_s, int(mention.at_s // BUCKET_S)
    if state.clock_s is None:
        state.clock_s, state.head = at_s, bucket
        state.fine, state.hours, state.days = [0] * (COLUMNS * FINE), [0] * (COLUMNS * HOURS), [0] * (COLUMNS * DAYS)
    elif at_s < state.clock_s - lateness_s:
        state.late += 1
        return False
    if at_s > state.clock_s:
        move_clock(state, at_s, bucket)
    column, tone = mention.column, round(100 * mention.tone)
    if bucket == state.head:  # nearly always
        fine, hours, days, place = state.fine, state.hours, state.days, column - COLUMNS
        fine[place] += 1
        hours[place] += 1
        days[place] += 1
        if tone:
            fine[TONE - COLUMNS] += tone
            hours[TONE - COLUMNS] += tone
            days[TONE - COLUMNS] += tone
    else:
        count_past(state, bucket, column, tone)
    age_s = state.clock_s - at_s
    weight = 0.5 ** (age_s / INDEX_HALF_LIFE_S) if age_s else 1.0
    state.index_sum += weight * mention.tone
    state.index_weight += weight
    weight = 0.5 ** (age_s / SLOW_HALF_LIFE_S) if age_s else 1.0
    state.slow_sum += weight * mention.tone
    state.slow_weight += weight
    if mention.evidence is not None:
        keep(state, mention.evidence, column, at_s)
    return True


def count_past(state: WindowState, bucket: int, column: int, tone: int) -> None:
    """Count in a bucket before the newest."""
    for counts, age in (
        (state.fine, state.head - bucket),
        (state.hours, state.head // PER_HOUR - bucket // PER_HOUR),
        (state.days, state.head // PER_DAY - bucket // PER_DAY),
    ):
        place = len(counts) - COLUMNS * (age + 1)
        counts[place + column] += 1
        counts[place + TONE] += tone


def move_clock(state: WindowState, at_s: float, bucket: int) -> None:
    """Let time pass up to `at_s`: buckets shift, weights decay."""
    assert state.clock_s is not None
    if bucket != state.head:
        shift(state.fine, bucket - state.head)
        if hours := bucket // PER_HOUR - state.head // PER_HOUR:
            shift(state.hours, hours)
            shift(state.days, bucket // PER_DAY - state.head // PER_DAY)
        state.head = bucket
    passed_s = at_s - state.clock_s
    decay = 0.5 ** (passed_s / INDEX_HALF_LIFE_S)
    state.index_sum *= decay
    state.index_weight *= decay
    decay = 0.5 ** (passed_s / SLOW_HALF_LIFE_S)
    state.slow_sum *= decay
    state.slow_weight *= decay
    state.clock_s = at_s


def per_bucket(counts: list[int], kind: Kind) -> list[int]:
    """Of a ring, or a part of one, the negatives a bucket; for `volume` all mentions."""
    if kind == "volume":
        return [sum(counts[place : place + TONE]) for place in range(0, len(counts), COLUMNS)]
    return counts[NEGATIVE::COLUMNS]


def shift(counts: list[int], buckets: int) -> None:
    """Drop the `buckets` oldest, in place; as many empty ones stand at the end."""
    if buckets > 0:
        gone = min(len(counts), COLUMNS * buckets)
        del counts[:gone]
        counts += [0] * gone


def keep(state: WindowState, evidence: Evidence, column: int, at_s: float) -> None:
    """Keep a headline among the latest of its sort, and its source."""
    if column == NEGATIVE:
        state.evidence.append(evidence)
        del state.evidence[:-EVIDENCE]
    else:
        state.others.append(evidence)
        del state.others[:-OTHERS]
    if evidence.source:
        state.sources.pop(evidence.source, None)
        state.sources[evidence.source] = at_s
        if len(state.sources) > SOURCES:
            del state.sources[next(iter(state.sources))]


def headlines(state: WindowState, since_s: float) -> Iterator[Evidence]:
    """All headlines kept from `since_s` on, at most six hours back, the negative ones first."""
    since = moment(max(since_s, (state.clock_s or 0.0) - EVIDENCE_S))
    yield from (each for each in (*state.evidence, *state.others) if each.at >= since)
