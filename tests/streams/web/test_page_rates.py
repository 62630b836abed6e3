"""Rates and backlogs."""

from hypothesis import given
from hypothesis import strategies as st

from streams.web.rates import KEPT_WAITING, SERIES, Backlog, Rate


def test_rate_is_the_mean_over_whole_seconds_without_the_running_one() -> None:
    rate = Rate()
    for second in range(20):
        rate.add(second * 1000, 5)
    rate.add(20_000, 1000)
    assert rate.per_second(20_999) == 5.0


def test_rate_falls_to_zero_when_nothing_comes() -> None:
    rate = Rate()
    rate.add(1000, 50)
    assert rate.per_second(2000) == 5.0
    assert rate.per_second(30_000) == 0.0


def test_rate_survives_a_clock_set_back() -> None:
    rate = Rate()
    rate.add(50_000)
    rate.add(10_000)
    assert rate.total == 2
    assert sum(rate.series(51_000)) == 2


@given(st.lists(st.tuples(st.integers(0, 200_000), st.integers(1, 9)), max_size=300))
def test_rate_counts_everything_and_keeps_one_minute(events: list[tuple[int, int]]) -> None:
    rate = Rate()
    for at_ms, count in sorted(events):
        rate.add(at_ms, count)
    assert rate.total == sum(count for _, count in events)
    assert len(rate.seconds) <= SERIES
    assert sum(rate.series(201_000)) == sum(count for at, count in events if 141 <= at // 1000 < 201)


def test_backlog_knows_what_waits_and_how_long_the_rest_took() -> None:
    backlog = Backlog()
    for offset in range(4):
        backlog.entered((0, offset), 1000 * offset)
    backlog.left((0, 0), 500)
    backlog.left((0, 2), 4500)
    assert list(backlog.waiting) == [(0, 1), (0, 3)]
    assert backlog.oldest_s(5000) == 4.0
    assert backlog.median_s() == 1.5


@given(st.permutations([(kind, offset) for kind in ("entered", "left") for offset in range(5)]))
def test_backlog_does_not_depend_on_which_topic_is_read_first(order: list[tuple[str, int]]) -> None:
    backlog = Backlog()
    for kind, offset in order:
        if kind == "entered":
            backlog.entered((0, offset), 1000)
        else:
            backlog.left((0, offset), 1250)
    assert not backlog.waiting
    assert not backlog.early
    assert list(backlog.latencies_s) == [0.25] * 5


def test_backlog_is_bounded() -> None:
    backlog = Backlog()
    for offset in range(KEPT_WAITING + 10):
        backlog.entered((0, offset), offset)
        backlog.left((1, offset), offset)
    assert len(backlog.waiting) == len(backlog.early) == KEPT_WAITING
