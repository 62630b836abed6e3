"""How often an entity surprises, and how much: what turns a surprise into false alarms a month.

A surprise is -log of a probability, over time a curve with peaks. Peaks over a threshold come as a Poisson process, and
their heights are exponential: two rates, each with a Gamma prior, both forgetting (peaks over threshold: Davison and
Smith, Models for Exceedances over High Thresholds, 1990).
"""

from math import exp, inf, log, log1p

import msgspec

MONTH_D = 30.0
HALF_LIFE_D = 30.0
DECAY_D = log(2.0) / HALF_LIFE_D
THRESHOLD = -log(2 * 0.01)  # of surprise: met about twice a day, were a day a hundred looks of a true model
PRIOR_PEAKS, PRIOR_D = 2.0, 1.33
PRIOR_HEIGHTS = 30.0  # peaks that the prior on the heights is worth; a true model's have mean 1
HIGHEST = 5.0  # a peak teaches no more height than this: a real surge is no tail
APART_H = 3.0  # moments over the threshold that are closer belong to one peak


class Peaks(msgspec.Struct, array_like=True, omit_defaults=True, frozen=True):
    """Discounted sums over the peaks that are past, and the one that may still last."""

    learned_s: float | None = None  # the moment that the sums are about
    count: float = 0.0
    days: float = 0.0
    heights: float = 0.0
    highest: float = 0.0  # of the lasting peak
    last_s: float | None = None  # when it was last over the threshold


def at(peaks: Peaks, now_s: float) -> Peaks:
    """The sums as they are at a later moment, the lasting peak left alone."""
    if peaks.learned_s is None or now_s <= peaks.learned_s:
        return peaks
    keep = exp(-DECAY_D * (now_s - peaks.learned_s) / 86_400)
    return msgspec.structs.replace(
        peaks,
        learned_s=now_s,
        count=peaks.count * keep,
        days=peaks.days * keep + (1.0 - keep) / DECAY_D,
        heights=peaks.heights * keep,
    )


def surprised(peaks: Peaks, surprise: float, now_s: float) -> Peaks:
    """Peaks that also know of a surprise now; a peak teaches when a later moment shows that it is over."""
    if peaks.learned_s is None:
        peaks = Peaks(learned_s=now_s)
    if peaks.last_s is not None and now_s > peaks.last_s + APART_H * 3600:
        past = at(peaks, now_s)
        peaks = msgspec.structs.replace(
            past, count=past.count + 1.0, heights=past.heights + min(past.highest, HIGHEST), highest=0.0, last_s=None
        )
    if surprise <= THRESHOLD:
        return peaks
    return msgspec.structs.replace(peaks, highest=max(peaks.highest, surprise - THRESHOLD), last_s=now_s)


def monthly(peaks: Peaks, surprise: float, now_s: float, tail_error: float) -> float:
    """How many peaks so high a month without a surge is expected to have; without bound up to the threshold.

    The mean over what is not known: both rates have Gamma posteriors, so heights have a Pareto tail (Lomax's).
    `tail_error` is a further squared relative error of the heights.
    """
    if surprise <= THRESHOLD:
        return inf
    now = at(peaks, now_s)
    a_day = (PRIOR_PEAKS + now.count) / (PRIOR_D + now.days)
    seen = PRIOR_HEIGHTS + now.count
    error = 1.0 / seen + tail_error
    height = (surprise - THRESHOLD) * seen / (PRIOR_HEIGHTS + now.heights)
    return MONTH_D * a_day * exp(-log1p(height * error) / error)
