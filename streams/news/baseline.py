"""What an entity's past lets expect: a Gamma-Poisson rate with forgetting, the hour of the day, the dispersion.

Learned hour by hour, from hours that are complete: past them no late record is counted any more.
"""

import msgspec

HALF_LIFE_H = 7 * 24.0
KEEP = 0.5 ** (1 / HALF_LIFE_H)
KEEP_DAY = 0.5 ** (24 / HALF_LIFE_H)
PRIOR_COUNT, PRIOR_H = 0.5, 0.25  # half a negative in a quarter of an hour: wide, and outweighed within a day
PROFILE_SHRINK = 12.0  # counts an hour of the day must have shown to be trusted half
DISPERSION, DISPERSION_WEIGHT = 0.3, 2.0
LONGEST_GAP_H = 60 * 24  # a longer silence says no more than this one
ROBUST = 4.0  # an hour teaches at most this many standard deviations above what was expected


class Baseline(msgspec.Struct, array_like=True, omit_defaults=True):
    """Discounted sums. Treat as immutable; `learned` makes new ones."""

    learned_until: int | None = None  # number of the first hour not learned
    count: float = 0.0
    exposure_h: float = 0.0
    excess: float = 0.0
    squares: float = 0.0
    by_hour: list[float] = []  # 24 counts
    due_by_hour: list[float] = []  # 24: what the level alone would have had

    def level(self) -> float:
        """Negatives an hour, the time of day apart."""
        return (PRIOR_COUNT + self.count) / (PRIOR_H + self.exposure_h)

    def factor(self, hour: int) -> float:
        """How this hour of the day (UTC) differs from the level."""
        if not self.by_hour:
            return 1.0
        return (self.by_hour[hour % 24] + PROFILE_SHRINK) / (self.due_by_hour[hour % 24] + PROFILE_SHRINK)

    def dispersion(self) -> float:
        """Variance in excess of Poisson's, over the mean's square, the level's own uncertainty included."""
        own = (self.excess + DISPERSION * DISPERSION_WEIGHT) / (self.squares + DISPERSION_WEIGHT)
        return max(0.02, own) + 1.0 / (PRIOR_COUNT + self.count)

    def expected(self, from_s: float, to_s: float) -> float:
        """Negatives expected between two moments."""
        total, level = 0.0, self.level()
        while from_s < to_s:
            hour = int(from_s // 3600)
            end_s = min(to_s, (hour + 1) * 3600.0)
            total += level * self.factor(hour) * (end_s - from_s) / 3600
            from_s = end_s
        return total


def learned(baseline: Baseline, negatives: list[int], first_hour: int) -> Baseline:
    """A baseline that also knows the hours from `learned_until` to the end of `negatives`, which begin at `first_hour`.

    Hours before `first_hour` were silent.
    """
    until = first_hour + len(negatives)
    assert baseline.learned_until is not None
    if baseline.learned_until >= until:
        return baseline
    new = msgspec.structs.replace(
        baseline,
        learned_until=until,
        by_hour=baseline.by_hour.copy() or [0.0] * 24,
        due_by_hour=baseline.due_by_hour.copy() or [0.0] * 24,
    )
    for hour in range(max(baseline.learned_until, until - LONGEST_GAP_H), until):
        learn(new, hour, negatives[hour - first_hour] if hour >= first_hour else 0)
    return new


def learn(new: Baseline, hour: int, negatives: int) -> None:
    level, factor, slot = new.level(), new.factor(hour), hour % 24
    mean = level * factor
    spread = (mean + new.dispersion() * mean * mean) ** 0.5
    taken = min(float(negatives), mean + ROBUST * spread + 1.0)
    new.excess = new.excess * KEEP + (taken - mean) ** 2 - taken
    new.squares = new.squares * KEEP + mean * mean
    new.count = new.count * KEEP + taken
    new.exposure_h = new.exposure_h * KEEP + factor
    new.by_hour[slot] = new.by_hour[slot] * KEEP_DAY + taken
    new.due_by_hour[slot] = new.due_by_hour[slot] * KEEP_DAY + level
