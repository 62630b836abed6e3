"""What an entity's past lets expect: a Gamma-Poisson rate that forgets, hours of the day, dispersion, the tail.

Learned hour by hour, from hours that are complete: past them no late record is counted any more. Each day's most
unlikely moment teaches how heavy the tail really is.
"""

from math import log

import msgspec

HALF_LIFE_H = 30 * 24.0
KEEP = 0.5 ** (1 / HALF_LIFE_H)
KEEP_DAY = 0.5 ** (24 / HALF_LIFE_H)
PRIOR_COUNT, PRIOR_H = 0.5, 0.25  # half a negative in a quarter of an hour: wide, and outweighed within a day
PROFILE_SHRINK = 4.0  # an hour of the day is trusted half when the level alone had made so many due in it
DISPERSION, DISPERSION_WEIGHT = 0.3, 2.0
LONGEST_GAP_H = 60 * 24  # a longer silence says no more than this one
ROBUST = 3.0  # an hour teaches at most this many standard deviations above what was expected
SETTLED_H = 6.0  # before, the level itself is still climbing: its error is no rhythm and no dispersion
KEEP_HEAVY = 0.5 ** (1 / 30)  # a day's
DUE_A_DAY = log(100) + 0.577  # expected largest -log(p) of a day of about 100 independent looks, were the model right
HEAVY_DAYS = 3.0  # days of that, as the prior
HEAVY_CAP = 4.0  # a day teaches at most so many times what was due: a real surge is no tail
SMALLEST_P = 1e-300


class Baseline(msgspec.Struct, array_like=True, omit_defaults=True):
    """Discounted sums. Treat as immutable; `learned` makes new ones."""

    learned_until: int | None = None  # number of the first hour not learned
    count: float = 0.0
    exposure_h: float = 0.0
    excess: float = 0.0
    squares: float = 0.0
    by_hour: list[float] = []  # 24 counts
    due_by_hour: list[float] = []  # 24: what the level alone would have had
    day: int | None = None  # the day that `surprise` is about
    surprise: float = 0.0  # its largest -log(p) so far
    surprises: float = 0.0
    due_surprises: float = 0.0

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

    def heaviness(self) -> float:
        """How many times larger surprises are than the model alone would have them, at least 1."""
        prior = HEAVY_DAYS * DUE_A_DAY
        return max(1.0, (self.surprises + prior) / (self.due_surprises + prior))

    def calibrated(self, p_value: float) -> float:
        """A p-value under the heavier tail that was seen: p^(1/heaviness)."""
        return p_value if p_value >= 1.0 else max(p_value, SMALLEST_P) ** (1.0 / self.heaviness())

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
    if new.exposure_h >= SETTLED_H:
        new.excess = new.excess * KEEP + (taken - mean) ** 2 - taken
        new.squares = new.squares * KEEP + mean * mean
        new.by_hour[slot] = new.by_hour[slot] * KEEP_DAY + taken
        new.due_by_hour[slot] = new.due_by_hour[slot] * KEEP_DAY + level
    new.count = new.count * KEEP + taken
    new.exposure_h = new.exposure_h * KEEP + factor


def surprised(baseline: Baseline, day: int, p_value: float) -> Baseline:
    """A baseline that knows of a p-value (not calibrated) met on a day; a day is learned from when the next begins.

    The same object if the day had seen a smaller one. A day before the current one counts as the current one.
    """
    if baseline.exposure_h < SETTLED_H:
        return baseline
    met = -log(max(p_value, SMALLEST_P))
    if baseline.day is not None and day <= baseline.day:
        return baseline if met <= baseline.surprise else msgspec.structs.replace(baseline, surprise=met)
    surprises, due = baseline.surprises, baseline.due_surprises
    if baseline.day is not None:
        surprises = surprises * KEEP_HEAVY + min(baseline.surprise, HEAVY_CAP * DUE_A_DAY)
        due = due * KEEP_HEAVY + DUE_A_DAY
        silent = day - baseline.day - 1
        surprises *= KEEP_HEAVY**silent
        due = due * KEEP_HEAVY**silent + DUE_A_DAY * (1 - KEEP_HEAVY**silent) / (1 - KEEP_HEAVY)
    return msgspec.structs.replace(baseline, day=day, surprise=met, surprises=surprises, due_surprises=due)
