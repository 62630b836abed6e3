"""A stored state of the first layout, from before groups, kinds of alerts and rings of a week, as one of today's."""

from itertools import chain

import msgspec

from streams.news.baseline import Baseline
from streams.news.peaks import Peaks
from streams.news.windows import COLUMNS, DAYS, FINE, HOURS, Detector, Episode, Mention, WindowState, decode_state
from streams.records import Evidence, Severity

BEFORE = 3  # columns of a bucket: no tones


class EpisodeBefore(msgspec.Struct):
    """An open surge of negatives."""

    id: str
    opened_s: float
    hot_s: float
    severity: Severity
    reported: int
    negatives: int
    expected_per_s: float
    since_s: float
    p_value: float


class StateBefore(msgspec.Struct):
    """The first layout; what it also had, hashes of news ids, is left behind."""

    entity: str
    name: str = ""
    applied: int = 0
    duplicates: int = 0
    late: int = 0
    future: int = 0
    watermarks: dict[int, int] = {}
    ahead: list[Mention] = []
    clock_s: float | None = None
    head: int = 0
    fine: list[int] = []
    hours: list[int] = []
    index_sum: float = 0.0
    index_weight: float = 0.0
    evidence: list[Evidence] = []
    baseline: Baseline = msgspec.field(default_factory=Baseline)
    peaks: Peaks = Peaks()
    episode: EpisodeBefore | None = None
    quiet_until_s: float | None = None


_decoder = msgspec.json.Decoder(StateBefore)


def read_stored(value: bytes | msgspec.Raw) -> WindowState:
    """A table's value of any layout there was. Raises msgspec.ValidationError for anything else."""
    try:
        return decode_state(value)
    except msgspec.ValidationError:
        return upgraded(value)


def upgraded(value: bytes | msgspec.Raw) -> WindowState:
    """What was learned and is open goes on; days, tones and headlines that were not negative begin anew.

    Raises msgspec.ValidationError for what is no state of the first layout either.
    """
    before = _decoder.decode(value)
    state = WindowState(
        entity=before.entity,
        name=before.name,
        applied=before.applied,
        duplicates=before.duplicates,
        late=before.late,
        future=before.future,
        watermarks=before.watermarks,
        ahead=before.ahead,
        clock_s=before.clock_s,
        head=before.head,
        index_sum=before.index_sum,
        index_weight=before.index_weight,
        slow_sum=before.index_sum,
        slow_weight=before.index_weight,
        evidence=before.evidence,
    )
    if before.clock_s is not None:
        state.fine, state.hours = widened(before.fine, FINE), widened(before.hours, HOURS)
        state.days = [0] * (COLUMNS * DAYS)
        detector = Detector(baseline=before.baseline, peaks=before.peaks, episode=episode_of(before.episode))
        if before.quiet_until_s is not None:
            detector.quiet_until_s = before.quiet_until_s
        state.detectors["negatives"] = detector
    return state


def widened(counts: list[int], buckets: int) -> list[int]:
    """Buckets of three columns as ones of four, as many as are kept now; the newest stays last."""
    wide = list(chain.from_iterable((*counts[n : n + BEFORE], 0) for n in range(0, len(counts), BEFORE)))
    return [*[0] * (COLUMNS * buckets), *wide][-COLUMNS * buckets :]


def episode_of(before: EpisodeBefore | None) -> Episode | None:
    if before is None:
        return None
    return Episode(
        id=before.id,
        opened_s=before.opened_s,
        hot_s=before.hot_s,
        severity=before.severity,
        told=before.reported,
        observed=before.negatives,
        expected=before.expected_per_s,
        since_s=before.since_s,
        p_value=before.p_value,
    )
