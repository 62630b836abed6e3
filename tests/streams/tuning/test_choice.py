"""What is chosen of made-up figures: better by more than the noise, fed by the loop, soon done."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.tuning.choice import (
    LEAST_GAIN,
    Measured,
    best,
    best_batch,
    best_linger,
    best_threads,
    is_better,
    records_for,
    workers_for,
)

NOISE = (0.95, 1.0, 1.05, 0.98, 1.02)


def measured(value: int, rate: float, batch_ms: float = 0.0, noise: tuple[float, ...] = NOISE) -> Measured:
    return Measured(value, tuple(rate * each for each in noise), batch_ms)


def test_what_is_clearly_faster_is_chosen() -> None:
    choice = best([measured(256, 500), measured(512, 600), measured(1024, 800)], now=512)
    assert choice.value == 1024
    assert "+33.3%" in choice.why


def test_what_is_faster_by_less_than_the_noise_is_not() -> None:
    wild = (0.7, 1.3, 1.0, 0.8, 1.2)
    choice = best([measured(512, 600, noise=wild), measured(1024, 640, noise=wild[::-1])], now=512)
    assert choice.value == 512
    assert "within the noise" in choice.why


def test_a_gain_too_small_for_a_setting_is_left_however_sure_it_is() -> None:
    still = (1.0, 1.0, 1.0)
    assert best([measured(1, 600, noise=still), measured(2, 600 * (1 + LEAST_GAIN / 2), noise=still)], now=1).value == 1


def test_noise_that_all_share_in_a_round_hides_nothing() -> None:
    """A round in which the machine was busy slows every candidate alike."""
    busy = (1.0, 0.3, 0.6, 1.0, 0.4)
    assert best([measured(1, 500, noise=busy), measured(2, 600, noise=busy)], now=1).value == 2


def test_of_those_that_are_as_fast_the_smallest_is_chosen() -> None:
    assert best([measured(512, 500), measured(1024, 798), measured(2048, 800)], now=512).value == 1024


def test_threads_that_the_event_loop_could_not_feed_are_not_chosen() -> None:
    candidates = [measured(n, 600.0 * n) for n in (1, 2, 4, 8, 16)]
    assert best_threads(candidates, now=4, loop_texts_s=4000).value == 4
    assert best_threads(candidates, now=2, loop_texts_s=4000).value == 4
    over = best_threads(candidates, now=16, loop_texts_s=4000)
    assert over.value == 4 and "event loop" in over.why


def test_a_slow_machine_may_have_more_threads_in_a_worker() -> None:
    assert best_threads([measured(n, 150.0 * n) for n in (1, 2, 4, 8)], now=4, loop_texts_s=4000).value == 8


def test_an_engine_faster_than_any_loop_gets_the_fewest_threads() -> None:
    assert best_threads([measured(n, 9000.0 * n) for n in (1, 2, 4)], now=4, loop_texts_s=4000).value == 1


@pytest.mark.parametrize(
    ("cores", "threads", "workers"), [(1, 1, 1), (2, 2, 1), (4, 4, 1), (8, 4, 2), (16, 4, 3), (64, 4, 14)]
)
def test_workers_use_all_cores_each_with_a_share_for_its_loop(cores: int, threads: int, workers: int) -> None:
    assert workers_for(cores, measured(threads, 600.0 * threads), loop_texts_s=4000) == workers


def test_a_batch_that_takes_too_long_gives_way_to_a_shorter_one() -> None:
    candidates = [measured(1024, 300, 90), measured(2048, 301, 180), measured(4096, 302, 360), measured(8192, 305, 720)]
    choice = best_batch(candidates, now=4096, most_ms=250)
    assert choice.value == 2048 and "360 ms" in choice.why
    assert best_batch(candidates, now=4096, most_ms=50).value == 1024  # none is so short


def test_a_longer_batch_is_chosen_only_where_it_is_faster() -> None:
    flat = [measured(4096, 1200, 60), measured(8192, 1210, 120)]
    assert best_batch(flat, now=4096, most_ms=250).value == 4096
    steep = [measured(4096, 1200, 60), measured(8192, 2000, 75)]
    assert best_batch(steep, now=4096, most_ms=250).value == 8192


def test_nobody_lingers_longer_than_a_batch_takes() -> None:
    assert best_linger(60.0, 20.0).value == 20
    assert best_linger(7.9, 20.0).value == 7
    assert best_linger(0.2, 20.0).value == 1
    assert best_linger(0.2, 0.5).value == 0.5  # what is shorter already stays as it is set


def test_records_do_not_bound_a_batch_before_its_tokens_do() -> None:
    assert records_for(4096, 27.0, 256).value == 256
    assert records_for(16384, 27.0, 256).value == 1024


rates = st.tuples(*[st.integers(1, 10_000)] * 5)


@settings(max_examples=50, deadline=None)
@given(st.lists(rates, min_size=2, max_size=5), st.integers(0, 4))
def test_only_what_beats_the_present_setting_replaces_it(found: list[Any], which: int) -> None:
    candidates = [Measured(1 << n, rounds) for n, rounds in enumerate(found)]
    now = candidates[which % len(candidates)]
    choice = next(each for each in candidates if each.value == best(candidates, now.value).value)
    assert choice is now or is_better(choice, now)
