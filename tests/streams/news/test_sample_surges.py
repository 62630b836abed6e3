"""The sample's three surges of bad news open one episode each, whatever day it is played and though verdicts err."""

import pytest

from benchmarks.sample_surges import Sample

SAMPLE = Sample()


@pytest.mark.parametrize("days_later", range(0, 350, 50))
def test_each_surge_opens_once_and_nothing_else_does(days_later: int) -> None:
    assert SAMPLE.is_the_truth(SAMPLE.opened(0.0, days_later, seed=days_later))


def test_the_surges_are_found_though_verdicts_err() -> None:
    assert sum(SAMPLE.is_the_truth(SAMPLE.opened(0.15, 11 * seed, seed)) for seed in range(20)) >= 18


def test_what_is_not_the_truth_is_seen() -> None:
    """A test of the judge: an episode too many, and one too few."""
    episodes = SAMPLE.opened(0.0, 0, seed=0)
    assert not SAMPLE.is_the_truth([*episodes, episodes[0]])
    assert not SAMPLE.is_the_truth(episodes[1:])
