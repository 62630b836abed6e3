"""The baseline learns an entity's past, forgets it slowly, and is not taught by a surge that surges are ordinary."""

import random

import pytest

from streams.news.baseline import PRIOR_COUNT, PRIOR_H, Baseline, learned


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
    assert Baseline().dispersion(0) > 2


def test_learning_in_pieces_equals_learning_at_once() -> None:
    counts = [hour % 5 for hour in range(200)]
    assert learned(taught(counts[:77]), counts[77:], 77) == taught(counts)
    assert learned(taught(counts[:77]), counts[30:], 30) == taught(counts)  # hours that overlap are learned once


def test_hours_before_the_counts_were_silent() -> None:
    assert learned(taught([3, 4]), [5], 10) == taught([3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 5])


def test_a_baseline_given_in_is_never_changed() -> None:
    before = settled()
    learned(before, [9] * 30, 72)
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
