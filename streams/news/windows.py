"""What is remembered of one entity: its clock, its counts in event time, its recent bad headlines.

    observation -> advance (watermark, duplicates, clock) -> count (buckets, index, evidence)

All functions take a state and give a new one; a state given in is never changed. A state's size is bounded.
"""

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Literal

import msgspec

from streams.news.baseline import Baseline
from streams.news.peaks import Peaks
from streams.records import SENTIMENTS, EntityObservation, Evidence, Summary, Transition

BUCKET_S = 300
FINE = 36  # five-minute buckets kept: 3 hours, the longest lateness and the longest window a rule may ask for
HOURS = 48  # hourly buckets kept
RECENT_IDS = 64  # duplicates are known among this many news
AHEAD = 8  # records from beyond the clock that wait for a second opinion
EVIDENCE = 12
EVIDENCE_S = 6 * 3600.0
TEXT_CHARS = 240
URL_CHARS = 300
INDEX_HALF_LIFE_S = 6 * 3600.0
EARLIEST_S, LATEST_S = -62_135_596_800.0, 253_402_214_400.0  # year 1, and a day before the end of year 9999


class Mention(msgspec.Struct, frozen=True, array_like=True):
    """What of an observation is counted: its second since 1970, its column (index in SENTIMENTS), its tone -1..1."""

    at_s: float
    column: int
    tone: float
    evidence: Evidence | None = None


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """A surge that is open. `reported` is the largest count told so far, `hot_s` the last moment it was unlikely."""

    id: str
    opened_s: float
    hot_s: float
    severity: Literal["info", "warning", "critical"]
    reported: int
    negatives: int  # all since the window in which it opened began
    expected_per_s: float
    since_s: float
    p_value: float


class WindowState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One entity's value in the `windows` table. Treat as immutable.

    `fine` and `hours` hold three counts (negative, neutral, positive) a bucket, newest bucket last, flattened.
    """

    entity: str
    name: str = ""
    applied: int = 0  # observations that advanced a watermark
    duplicates: int = 0
    late: int = 0
    future: int = 0
    watermarks: dict[int, int] = {}  # highest news offset applied, by news partition
    recent: list[int] = []  # hashes of the latest news ids
    ahead: list[Mention] = []
    clock_s: float | None = None  # the latest moment that was believed
    head: int = 0  # number of the newest fine bucket
    fine: list[int] = []
    hours: list[int] = []
    index_sum: float = 0.0
    index_weight: float = 0.0
    evidence: list[Evidence] = []
    baseline: Baseline = msgspec.field(default_factory=Baseline)
    peaks: Peaks = Peaks()
    episode: Episode | None = None
    quiet_until_s: float = EARLIEST_S  # no new episode before

    def window(self, seconds: float, column: int = 0) -> int:
        """Counts of a column in the buckets that cover the last `seconds` up to the clock."""
        buckets = min(FINE, -(-int(seconds) // BUCKET_S))
        return sum(self.fine[3 * (FINE - buckets) + column :: 3]) if self.fine else 0


_encoder, _decoder = msgspec.json.Encoder(), msgspec.json.Decoder(WindowState)


def encode_state(state: WindowState) -> bytes:
    """The table's value, JSON."""
    return _encoder.encode(state)


def decode_state(value: bytes) -> WindowState:
    """Inverse of `encode_state`. Raises msgspec.ValidationError for anything else."""
    return _decoder.decode(value)


def seconds(at: datetime) -> float:
    """Seconds since 1970; a time without a zone is taken as UTC; the ends of the calendar are clipped."""
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(LATEST_S, max(EARLIEST_S, at.timestamp()))


def moment(at_s: float) -> datetime:
    """The instant at `at_s`, in UTC."""
    return datetime.fromtimestamp(min(LATEST_S, max(EARLIEST_S, at_s)), UTC)


def fingerprint(news_id: str) -> int:
    """48 bits: among 64 ids, two differing ones meet once in 10^11."""
    return int.from_bytes(blake2b(news_id.encode("utf-8", "surrogatepass"), digest_size=6).digest())


def advance(
    state: WindowState | None, observation: EntityObservation, lateness_s: float
) -> tuple[WindowState, list[Mention]]:
    """A new state with the observation registered, and the mentions to count now, oldest first.

    The same state object and nothing for an observation that was applied before. The clock moves by more than
    `lateness_s` only when a second news agrees, so that one wrong date does not make all that follows late.
    """
    origin = observation.origin
    if state is None:
        state = WindowState(entity=observation.entity)
    elif origin.offset <= state.watermarks.get(origin.partition, -1):
        return state, []
    state = msgspec.structs.replace(
        state,
        name=observation.name,
        applied=state.applied + 1,
        watermarks={**state.watermarks, origin.partition: origin.offset},
    )
    mark = fingerprint(observation.news_id)
    if mark in state.recent:
        state.duplicates += 1
        return state, []
    state.recent = [*state.recent[1 - RECENT_IDS :], mark]
    return believe(state, mention_of(observation), lateness_s)


def believe(state: WindowState, mention: Mention, lateness_s: float) -> tuple[WindowState, list[Mention]]:
    """Decide what is believed: `mention` itself if the clock allows, and those waiting that it confirms.

    Changes `state`, which must be a fresh copy.
    """
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
    return state, sorted(confirmed, key=lambda each: each.at_s)


def mention_of(observation: EntityObservation) -> Mention:
    """The part of an observation that is counted and, if it is negative, shown."""
    p = observation.probabilities
    column = SENTIMENTS.index(observation.sentiment)
    tone = p["positive"] - p["negative"] if "positive" in p and "negative" in p else column - 1.0
    at_s = seconds(observation.at)
    evidence = None
    if column == 0:
        evidence = Evidence(
            news_id=observation.news_id,
            at=moment(at_s),
            text=observation.text[:TEXT_CHARS],
            negative=p.get("negative", 1.0),
            source=observation.source,
            url=observation.url if observation.url is None or len(observation.url) <= URL_CHARS else None,
        )
    return Mention(at_s, column, min(1.0, max(-1.0, tone)), evidence)


def count(state: WindowState, mention: Mention, lateness_s: float) -> bool:
    """Count a believed mention into `state`, a fresh copy; False if it came too late to be counted."""
    bucket = int(mention.at_s // BUCKET_S)
    if state.clock_s is None:
        state.clock_s, state.head = mention.at_s, bucket
        state.fine, state.hours = [0] * (3 * FINE), [0] * (3 * HOURS)
    elif mention.at_s < state.clock_s - lateness_s:
        state.late += 1
        return False
    if mention.at_s > state.clock_s:
        state.fine = shifted(state.fine, bucket - state.head)
        state.hours = shifted(state.hours, bucket // 12 - state.head // 12)
        decay = 0.5 ** ((mention.at_s - state.clock_s) / INDEX_HALF_LIFE_S)
        state.index_sum *= decay
        state.index_weight *= decay
        state.clock_s, state.head = mention.at_s, bucket
    else:
        state.fine, state.hours = state.fine.copy(), state.hours.copy()
    state.fine[3 * (bucket - state.head) - 3 + mention.column] += 1
    state.hours[3 * (bucket // 12 - state.head // 12) - 3 + mention.column] += 1
    weight = 0.5 ** ((state.clock_s - mention.at_s) / INDEX_HALF_LIFE_S)
    state.index_sum += weight * mention.tone
    state.index_weight += weight
    if mention.evidence is not None:
        state.evidence = gathered(state.evidence, mention.evidence, moment(state.clock_s - EVIDENCE_S))
    return True


def shifted(counts: list[int], buckets: int) -> list[int]:
    """A copy in which `buckets` new empty buckets stand at the end."""
    if buckets <= 0:
        return counts.copy()
    return (
        (counts[3 * buckets :] + [0] * (3 * buckets))[-len(counts) :]
        if 3 * buckets < len(counts)
        else [0] * len(counts)
    )


def gathered(evidence: list[Evidence], one: Evidence, since: datetime) -> list[Evidence]:
    """The latest distinct bad headlines, oldest first; of equal texts the first stays."""
    kept = [each for each in evidence if each.at >= since]
    if any(each.text.casefold() == one.text.casefold() for each in kept):
        return kept
    return [*kept, one][-EVIDENCE:]


def summarize(state: WindowState, transition: Transition | None = None, window_s: float = 3600.0) -> Summary:
    """What the desk sees of a state; the id is the same however often the same state is told.

    A record that still waits for its second opinion is shown as if it were believed.
    """
    view = state
    if state.ahead:
        view = msgspec.structs.replace(state)
        for mention in state.ahead[:1]:
            count(view, mention, LATEST_S)
    return Summary(
        id=f"{state.entity}:{state.applied}" + (f":{transition.kind}" if transition else ""),
        entity=state.entity,
        name=state.name,
        at=moment(view.clock_s or 0.0),
        applied=state.applied,
        negatives=view.window(window_s, 0),
        neutrals=view.window(window_s, 1),
        positives=view.window(window_s, 2),
        window_s=window_s,
        index=view.index_sum / view.index_weight if view.index_weight > 0 else 0.0,
        transition=transition,
    )
