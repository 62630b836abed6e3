"""When the next record is due."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from streams.sources.pacing import BURST_S, AsRecorded, Even

START = datetime(2026, 3, 3, tzinfo=UTC)


def test_even_pace_spaces_records_by_the_rate() -> None:
    pace, elapsed, due = Even(4.0), 0.0, []
    for _ in range(5):
        due.append(pace.due_s(elapsed, None))
        elapsed = due[-1]
    assert due == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_even_pace_makes_up_for_little_after_a_stall() -> None:
    pace = Even(100.0)
    pace.due_s(0.0, None)
    overdue = 0
    while pace.due_s(60.0, None) <= 60.0:
        overdue += 1
    assert overdue == round(BURST_S * 100) + 1


def test_recorded_pace_keeps_the_rhythm_at_its_speed() -> None:
    pace = AsRecorded(60.0)
    assert [pace.due_s(0.0, START + timedelta(minutes=m)) for m in (0, 1, 5, 4, 6)] == [0.0, 1.0, 5.0, 4.0, 6.0]
    assert pace.due_s(99.0, None) == 0.0


@given(st.lists(st.integers(-(10**6), 10**6)))
def test_recorded_pace_ends_with_the_latest_time_whatever_the_order(seconds: list[int]) -> None:
    pace, elapsed = AsRecorded(1.0), 0.0
    for second in seconds:
        elapsed = max(elapsed, pace.due_s(elapsed, START + timedelta(seconds=second)))
    assert elapsed == max([0, *(second - seconds[0] for second in seconds)])
