"""The baseline learns an entity's past, forgets it slowly, and is not taught by a surge that surges are ordinary."""

import random

import pytest

from streams.news.baseline import HEAVY_CAP, PRIOR_COUNT, PRIOR_H, SETTLED_H, Baseline, learned, surprised


def taught(counts: list[int], first_hour: int = 0) -> Baseline:
    return learned(Baseline(learned_until=first_hour), counts, first_hour)


def settled() -> Baseline:
    return taught([1] * 24 * 3)


def test_level_nears_the_true_rate() -> None:
    chance = random.Random(5)
    baseline = taught([sum(chance.random() < 0.02 for _ in range(100)) for _ in range(24 * 60)])
    assert baseline.level() * sum(map(baseline.factor, range(24))) / 24 == pytest.approx(2.0, rel=0.1)


def test_nothing_known_is_a_wide_prior() -> None:
    assert Baseline().level() == PRIOR_COUNT / PRIOR_H
    assert Baseline().dispersion() > 2


def test_learning_in_pieces_equals_learning_at_once() -> None:
    counts = [hour % 5 for hour in range(200)]
    assert learned(taught(counts[:77]), counts[77:], 77) == taught(counts)
    assert learned(taught(counts[:77]), counts[30:], 30) == taught(counts)  # hours that overlap are learned once


def test_hours_before_the_counts_were_silent() -> None:
    assert learned(taught([3, 4]), [5], 10) == taught([3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 5])


def test_a_baseline_given_in_is_never_changed() -> None:
    before = settled()
    learned(before, [9] * 30, 72)
    surprised(before, 3, 1e-9)
    assert before == settled()


def test_one_monstrous_hour_teaches_little() -> None:
    quiet = [1, 0, 0, 0] * 24
    assert taught([*quiet, 5000]).level() < 1.5 * taught(quiet).level()


def test_a_lasting_change_is_learned_within_days() -> None:
    baseline = taught([1] * 24 * 30 + [12] * 24 * 14)
    assert baseline.expected(44 * 86_400.0, 44 * 86_400.0 + 3600) > 4


def test_expectation_of_a_span_is_the_sum_of_its_parts() -> None:
    baseline = taught([hour % 24 for hour in range(24 * 20)])
    whole = baseline.expected(1000.0, 20_000.0)
    assert whole == pytest.approx(baseline.expected(1000.0, 7777.0) + baseline.expected(7777.0, 20_000.0))


def test_years_of_silence_are_learned_in_bounded_time() -> None:
    baseline = learned(settled(), [1], 10**9)
    assert baseline.learned_until == 10**9 + 1
    assert baseline.level() < 0.1


def test_heavy_tails_raise_the_bar_and_a_true_model_does_not() -> None:
    heavy = light = settled()
    for day in range(3, 60):
        heavy, light = surprised(heavy, day, 1e-6), surprised(light, day, 1e-2)
    assert heavy.heaviness() > 1.8
    assert light.heaviness() == 1.0
    assert heavy.calibrated(1e-9) > light.calibrated(1e-9) == 1e-9


def test_a_single_surge_raises_the_bar_no_more_than_its_cap() -> None:
    once = surprised(surprised(settled(), 3, 0.0), 4, 1.0)
    assert once.heaviness() <= (3 + HEAVY_CAP) / 4 + 1e-9


def test_silent_days_say_that_the_tail_is_not_heavy() -> None:
    start = surprised(surprised(settled(), 3, 1e-12), 4, 1.0)
    stepped = start
    for day in range(5, 40):
        stepped = surprised(stepped, day, 1.0)
    at_once = surprised(start, 39, 1.0)
    assert at_once.surprises == pytest.approx(stepped.surprises)
    assert at_once.due_surprises == pytest.approx(stepped.due_surprises)


def test_a_level_that_still_climbs_teaches_no_tail() -> None:
    young = taught([4] * int(SETTLED_H - 1))
    assert surprised(young, 3, 1e-30) is young


@pytest.mark.parametrize("p_value", [0.0, 5e-324, 1.0])
def test_extreme_p_values_stay_probabilities(p_value: float) -> None:
    assert 0.0 <= surprised(surprised(settled(), 3, p_value), 4, 0.5).calibrated(p_value) <= 1.0
