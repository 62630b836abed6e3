"""Peaks turn a surprise into false alarms a month: right for a true model, more where the tail is heavy."""

import random
from math import exp, inf

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.news.peaks import HIGHEST, MONTH_D, THRESHOLD, Peaks, monthly, surprised

DAY = 86_400.0


def taught(heights: list[float], every_s: float = DAY / 2) -> Peaks:
    """Peaks of the given heights over the threshold, evenly spaced, all of them past."""
    peaks = surprised(Peaks(), 0.0, 0.0)
    for number, height in enumerate(heights):
        peaks = surprised(peaks, THRESHOLD + height, number * every_s)
    return surprised(peaks, 0.0, len(heights) * every_s)


def exponential(mean: float, peaks: int = 200, seed: int = 1) -> list[float]:
    chance = random.Random(seed)
    return [chance.expovariate(1 / mean) for _ in range(peaks)]


@pytest.mark.parametrize("height", [1.0, 3.0, 6.0])
def test_a_true_model_is_promised_what_it_keeps(height: float) -> None:
    promised = monthly(taught(exponential(1.0)), THRESHOLD + height, 100 * DAY, 0.0)
    assert promised == pytest.approx(2 * MONTH_D * exp(-height), rel=0.8)


def test_a_heavy_tail_makes_the_same_surprise_more_ordinary() -> None:
    heavy, light = (monthly(taught(exponential(mean)), THRESHOLD + 6, 100 * DAY, 0.0) for mean in (2.0, 0.7))
    assert heavy > 5 * light


def test_more_peaks_make_the_same_surprise_more_ordinary() -> None:
    often, seldom = (monthly(taught([1.0] * 60, d * DAY), THRESHOLD + 3, 60 * d * DAY, 0.0) for d in (0.5, 4))
    assert often > 4 * seldom


def test_a_lasting_peak_does_not_raise_the_bar_for_itself() -> None:
    before = taught([1.0] * 20)
    during = before
    for minute in range(120):
        during = surprised(during, THRESHOLD + 40, 11 * DAY + 60 * minute)
    now_s = 11 * DAY + 7200
    assert monthly(during, THRESHOLD + 9, now_s, 0.0) == monthly(before, THRESHOLD + 9, now_s, 0.0)


def test_a_real_surge_teaches_no_more_height_than_the_highest() -> None:
    assert taught([1.0] * 20 + [500.0]) == taught([1.0] * 20 + [HIGHEST])


def test_moments_close_to_each_other_are_one_peak() -> None:
    assert taught([1.0, 2.0, 1.5], every_s=3600).count == 0  # and it may still last
    assert surprised(taught([1.0, 2.0, 1.5], every_s=3600), 0.0, DAY).count == 1.0


def test_what_was_is_forgotten() -> None:
    peaks = taught([4.0] * 60)
    soon, late = (monthly(peaks, THRESHOLD + 5, day * DAY, 0.0) for day in (31, 400))
    assert late < soon


def test_an_error_of_the_tail_makes_large_surprises_more_ordinary() -> None:
    peaks = taught([1.0] * 60)
    assert monthly(peaks, THRESHOLD + 6, 30 * DAY, 0.05) > 1.5 * monthly(peaks, THRESHOLD + 6, 30 * DAY, 0.0)


def test_nothing_under_the_threshold_is_ever_an_alarm() -> None:
    assert monthly(taught([1.0] * 60), THRESHOLD, 30 * DAY, 0.0) == inf


@given(st.lists(st.floats(0, 700), max_size=30), st.floats(0, 700), st.floats(0, 700))
def test_a_larger_surprise_is_never_the_more_ordinary(heights: list[float], one: float, other: float) -> None:
    peaks = taught(heights)
    rates = [monthly(peaks, surprise, 40 * DAY, 0.01) for surprise in sorted((one, other))]
    assert rates[0] >= rates[1] >= 0


def test_a_value_given_in_is_never_changed_and_survives_its_encoding() -> None:
    peaks = taught([1.0, 2.0])
    assert msgspec.json.decode(msgspec.json.encode(peaks), type=Peaks) == peaks
    with pytest.raises(AttributeError):
        peaks.count = 3.0  # type: ignore[misc]
