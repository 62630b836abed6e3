"""What an entity's past lets expect: a Gamma-Poisson rate that forgets, hours of the day, dispersion.

Learned hour by hour, from hours that are complete: past them no late record is counted any more.
"""

import msgspec

HALF_LIFE_H = 30 * 24.0
KEEP = 0.5 ** (1 / HALF_LIFE_H)
KEEP_DAY = 0.5 ** (24 / HALF_LIFE_H)
PRIOR_COUNT, PRIOR_H = 0.5, 0.25  # half a negative in a quarter of an hour: wide, and outweighed within a day
PROFILE_SHRINK = (
    6.0  # an hour of the day is trusted half when the level alone had made so many due in it, Poisson's noise
)
DISPERSION, DISPERSION_WEIGHT = 0.3, 2.0
LONGEST_GAP_H = 60 * 24  # a longer silence says no more than this one
ROBUST = 4.0  # an hour teaches at most this many standard deviations above what was expected
SETTLED_H = 6.0  # before, the level itself is still climbing: its error is no rhythm and no dispersion
DISPERSION_ERROR = 16.0  # squared relative error of a dispersion learned from one hour, where it is all there is


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

    def factor(self, hour: int, weight: float | None = None) -> float:
        """How this hour of the day (UTC) differs from the level; `weight`: what shrinks it, if that is known."""
        if not self.by_hour:
            return 1.0
        weight = PROFILE_SHRINK * self.inflation() if weight is None else weight
        return (self.by_hour[hour % 24] + weight) / (self.due_by_hour[hour % 24] + weight)

    def own_dispersion(self) -> float:
        """Variance of an hour's count in excess of Poisson's, over the mean's square."""
        return max(0.0, (self.excess + DISPERSION * DISPERSION_WEIGHT) / (self.squares + DISPERSION_WEIGHT))

    def inflation(self) -> float:
        """Variance of an hour's count over Poisson's, as far as it is noise.

        A spread beyond the mean is rather a rhythm not learned yet, and must not keep it from being learned.
        """
        return 1.0 + min(1.0, self.own_dispersion()) * self.level()

    def dispersion(self, hour: int) -> float:
        """Variance in excess of Poisson's, over the mean's square, the errors of the level and of the hour included."""
        slot = self.by_hour[hour % 24] if self.by_hour else 0.0
        own = self.own_dispersion()
        inflation = 1.0 + min(1.0, own) * self.level()
        return own + inflation * (1.0 / (PRIOR_COUNT + self.count) + 1.0 / (PROFILE_SHRINK * inflation + slot))

    def tail_error(self) -> float:
        """Squared relative error of a log tail probability, for the dispersion being learned too."""
        share = 1.0 - 1.0 / self.inflation()
        return DISPERSION_ERROR * share * share / (24.0 + self.exposure_h)

    def expected(self, from_s: float, to_s: float) -> float:
        """Negatives expected between two moments."""
        return self.expectations((to_s - from_s,), to_s)[0]

    def expectations(self, spans_s: tuple[float, ...], to_s: float) -> list[float]:
        """Negatives expected in each of several windows up to a moment."""
        level, weight = self.level(), PROFILE_SHRINK * self.inflation()
        by_hour, due, found = self.by_hour, self.due_by_hour, []
        for span_s in spans_s:
            total, from_s = 0.0, to_s - span_s
            while from_s < to_s:
                hour = int(from_s // 3600)
                end_s = (hour + 1) * 3600.0
                if end_s > to_s:
                    end_s = to_s
                factor = (by_hour[hour % 24] + weight) / (due[hour % 24] + weight) if by_hour else 1.0
                total += level * factor * (end_s - from_s) / 3600
                from_s = end_s
            found.append(total)
        return found


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
    """Let one hour teach `new`, a fresh copy."""
    level, own, slot = new.level(), new.own_dispersion(), hour % 24
    factor = new.factor(hour, PROFILE_SHRINK * (1.0 + min(1.0, own) * level))
    mean = level * factor
    dispersion = own + 1.0 / (PRIOR_COUNT + new.count)
    taken = min(float(negatives), mean + ROBUST * (mean + dispersion * mean * mean) ** 0.5 + 1.0)
    if new.exposure_h >= SETTLED_H:
        new.excess = new.excess * KEEP + (taken - mean) ** 2 - taken
        new.squares = new.squares * KEEP + mean * mean
        new.by_hour[slot] = new.by_hour[slot] * KEEP_DAY + taken
        new.due_by_hour[slot] = new.due_by_hour[slot] * KEEP_DAY + level
    new.count = new.count * KEEP + taken
    new.exposure_h = new.exposure_h * KEEP + factor
