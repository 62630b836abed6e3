"""What share of negatives, and what tone, a stream usually has: discounted sums, learned hour by hour."""

import msgspec

from streams.news.baseline import KEEP, LONGEST_GAP_H

PRIOR_MENTIONS = 6.0
PRIOR_SHARE = 1 / 3
DISPERSION, DISPERSION_WEIGHT = 0.1, 4.0  # between hours: of a share, in units of its binomial variance
TONE_VARIANCE = 0.5  # of a single mention's tone


class Level(msgspec.Struct, array_like=True, omit_defaults=True, frozen=True):
    """Discounted sums over hours that are past."""

    learned_until: int | None = None  # number of the first hour not learned
    mentions: float = 0.0
    negatives: float = 0.0
    tone: float = 0.0
    spread: float = 0.0  # sum over hours of squared deviations of the tone, weighted by mentions
    hours: float = 0.0  # with mentions

    def share(self) -> float:
        """The usual share of negatives."""
        return (self.negatives + PRIOR_MENTIONS * PRIOR_SHARE) / (self.mentions + PRIOR_MENTIONS)

    def mean_tone(self) -> float:
        return self.tone / (self.mentions + PRIOR_MENTIONS)

    def between(self) -> float:
        """Variance of an hour's mean tone beyond what its few mentions explain."""
        weight = self.mentions + DISPERSION_WEIGHT
        return max(0.0, (self.spread - TONE_VARIANCE * self.hours + DISPERSION * DISPERSION_WEIGHT) / weight)


def taught(level: Level, counts: list[int], first_hour: int, columns: int) -> Level:
    """A level that also knows the hours up to the end of `counts` (flat, `columns` a bucket), which begin at
    `first_hour`."""
    until = first_hour + len(counts) // columns
    assert level.learned_until is not None
    mentions, negatives, tone, spread, hours = (
        level.mentions, level.negatives, level.tone, level.spread, level.hours,
    )  # fmt: skip
    for hour in range(max(level.learned_until, until - LONGEST_GAP_H), until):
        mentions, negatives, tone, spread, hours = (KEEP * each for each in (mentions, negatives, tone, spread, hours))
        if hour < first_hour:
            continue
        bucket = counts[columns * (hour - first_hour) : columns * (hour - first_hour + 1)]
        said = sum(bucket[:3])
        if said:
            mean, usual = bucket[3] / 100 / said, tone / (mentions + PRIOR_MENTIONS)
            spread += said * (mean - usual) ** 2
            mentions, negatives, tone, hours = mentions + said, negatives + bucket[0], tone + bucket[3] / 100, hours + 1
    return Level(until, mentions, negatives, tone, spread, hours)
