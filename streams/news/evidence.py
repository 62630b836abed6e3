"""What an alert shows: the headlines behind it, and the last buckets as numbers to draw."""

from streams.news.levels import Level
from streams.news.windows import (
    BUCKET_S,
    COLUMNS,
    TONE,
    Detector,
    Episode,
    WindowState,
    headlines,
    per_bucket,
)
from streams.records import Evidence, Kind, Series

SHOWN = 12
HOURS_SHOWN = 48


def evidence_for(state: WindowState, kind: Kind, episode: Episode) -> list[Evidence]:
    """The headlines that count most: of volume the latest, of a turn for the better the least negative ones first, else
    the most negative."""
    found = list(headlines(state, episode.since_s))
    if kind == "volume":
        return sorted(found, key=lambda each: (each.at, each.news_id), reverse=True)[:SHOWN]
    better = kind == "turn" and episode.observed > episode.expected
    telling = [each for each in found if each.sentiment == ("positive" if better else "negative")]
    sign = 1.0 if better else -1.0
    return sorted(telling, key=lambda each: (sign * each.negative, each.at, each.news_id))[:SHOWN]


def series_for(state: WindowState, kind: Kind, detector: Detector, span_s: float, threshold: float | None) -> Series:
    """The stream's last three hours in buckets of five minutes; of a share or a tone two days, in hours."""
    if kind in ("share", "turn"):
        return level_series(state, kind, detector.level)
    values: list[float | None] = [float(each) for each in per_bucket(state.fine, kind)]
    end_s = (state.head + 1) * BUCKET_S
    return Series(
        bucket_s=BUCKET_S,
        values=values,
        expected=round(detector.baseline.expected(end_s - span_s, end_s) * BUCKET_S / span_s, 4),
        threshold=None if threshold is None else round(threshold * BUCKET_S / span_s, 4),
    )


def level_series(state: WindowState, kind: Kind, level: Level) -> Series:
    values: list[float | None] = []
    for n in range(len(state.hours) - COLUMNS * HOURS_SHOWN, len(state.hours), COLUMNS):
        said = sum(state.hours[n : n + TONE])
        value = state.hours[n] if kind == "share" else state.hours[n + TONE] / 100
        values.append(round(value / said, 3) if said else None)
    usual = level.share() if kind == "share" else level.mean_tone()
    return Series(bucket_s=3600.0, values=values, expected=round(usual, 4))
