"""What an alert shows: the headlines behind it, and the last buckets as numbers to draw."""

from streams.news.levels import Level
from streams.news.windows import (
    BUCKET_S,
    COLUMNS,
    NEGATIVE,
    TONE,
    Detector,
    Episode,
    WindowState,
    headlines,
)
from streams.records import Evidence, Kind, Series

SHOWN = 12
HOURS_SHOWN = 48


def evidence_for(state: WindowState, kind: Kind, episode: Episode) -> list[Evidence]:
    """The headlines that count most, most telling first: negative ones, of a rise in tone the others, of volume all."""
    found = list(headlines(state, episode.since_s))
    if kind in ("negatives", "share"):
        found = [each for each in found if each.sentiment == "negative"]
    elif kind == "turn":
        better = episode.observed > episode.expected
        found = [each for each in found if each.sentiment == ("positive" if better else "negative")]
    elif kind == "volume":
        return sorted(found, key=lambda each: (each.at, each.news_id), reverse=True)[:SHOWN]
    better = any(each.sentiment == "positive" for each in found)
    return sorted(found, key=lambda each: (each.negative if better else -each.negative, each.at, each.news_id))[:SHOWN]


def series_for(state: WindowState, kind: Kind, detector: Detector, span_s: float, threshold: float | None) -> Series:
    """The stream's last three hours in buckets of five minutes; of a share or a tone two days, in hours."""
    if kind in ("share", "turn"):
        return level_series(state, kind, detector.level)
    values = [float(each) for each in buckets(state.fine, kind)]
    end_s = (state.head + 1) * BUCKET_S
    return Series(
        bucket_s=BUCKET_S,
        values=[*values],
        expected=round(detector.baseline.expected(end_s - span_s, end_s) * BUCKET_S / span_s, 4),
        threshold=None if threshold is None else round(threshold * BUCKET_S / span_s, 4),
    )


def buckets(counts: list[int], kind: Kind) -> list[int]:
    """Negatives, or all mentions for `volume`, a bucket."""
    if kind == "volume":
        return [sum(counts[n : n + TONE]) for n in range(0, len(counts), COLUMNS)]
    return counts[NEGATIVE::COLUMNS]


def level_series(state: WindowState, kind: Kind, level: Level) -> Series:
    values: list[float | None] = []
    for n in range(len(state.hours) - COLUMNS * HOURS_SHOWN, len(state.hours), COLUMNS):
        said = sum(state.hours[n : n + TONE])
        value = state.hours[n] if kind == "share" else state.hours[n + TONE] / 100
        values.append(round(value / said, 3) if said else None)
    usual = level.share() if kind == "share" else level.mean_tone()
    return Series(bucket_s=3600.0, values=values, expected=round(usual, 4))
