"""The tail of the negative binomial is right, also where only its logarithm is large."""

from math import comb, exp, factorial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.news.tails import randomized_tail, tail


def summed(count: int, mean: float, dispersion: float) -> float:
    """1 minus the sum of the probabilities below `count`, by the recurrence."""
    size = 1 / dispersion
    q = mean / (mean + size)
    term, total = (1 - q) ** size, 0.0
    for k in range(count):
        total += term
        term *= q * (k + size) / (k + 1)
    return 1 - total


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 60), st.floats(0.05, 80), st.floats(0.01, 3))
def test_tail_equals_the_sum_of_probabilities(count: int, mean: float, dispersion: float) -> None:
    assert tail(count, mean, dispersion) == pytest.approx(summed(count, mean, dispersion), rel=1e-6, abs=1e-11)


@pytest.mark.parametrize("count", [1, 5, 50, 400])
def test_tail_of_the_geometric_distribution_is_exact(count: int) -> None:
    assert tail(count, 3.0, 1.0) == pytest.approx(0.75**count, rel=1e-9)


def test_tail_without_dispersion_is_poissons() -> None:
    poisson = 1 - sum(exp(-2.0) * 2.0**k / factorial(k) for k in range(7))
    assert tail(7, 2.0, 0.0) == pytest.approx(poisson, rel=1e-3)


def test_tail_of_a_whole_number_of_trials_is_binomial() -> None:
    size, q = 4, 0.25  # P(Y >= k) = P(at most size - 1 successes in k + size - 1 trials), success 1 - q
    k, n = 6, 9
    exact = sum(comb(n, j) * (1 - q) ** j * q ** (n - j) for j in range(size))
    assert tail(k, size * q / (1 - q), 1 / size) == pytest.approx(exact, rel=1e-9)


def test_tail_is_certain_at_zero_and_impossible_without_a_mean() -> None:
    assert tail(0, 5.0, 0.3) == 1.0
    assert tail(3, 0.0, 0.3) == 0.0


def test_tail_far_out_is_small_and_no_error() -> None:
    assert 0.0 <= tail(100_000, 1.0, 0.05) < 1e-200
    assert tail(13_000, 12_900.0, 0.001) > 0.01


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 60), st.floats(0.05, 80), st.floats(0.01, 3), st.floats(0, 1))
def test_randomized_tail_lies_between_the_tails_on_both_sides(
    count: int, mean: float, phi: float, share: float
) -> None:
    between = share * tail(count, mean, phi) + (1 - share) * tail(count + 1, mean, phi)
    assert randomized_tail(count, mean, phi, share) == pytest.approx(between, rel=1e-5, abs=1e-11)


def test_randomized_tail_is_uniform() -> None:
    mean, phi, level = 3.0, 0.4, 0.07
    shares = [(i + 0.5) / 200 for i in range(200)]
    below = sum(
        (tail(k, mean, phi) - tail(k + 1, mean, phi))
        * sum(randomized_tail(k, mean, phi, share) <= level for share in shares)
        / 200
        for k in range(1, 60)
    )
    assert below == pytest.approx(level, rel=0.02)
