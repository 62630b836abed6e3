"""A canonical window means the same time for everybody in a zone, across daylight saving, months and years."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.chat.live.times import NAMED, before, is_window, period

NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)
BERLIN, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(lambda each: each.replace(tzinfo=UTC))
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]).map(ZoneInfo)


@pytest.mark.parametrize(
    ("window", "begin", "end"),
    [
        ("today", "2026-11-25T00:00", "2026-11-26T00:00"),
        ("yesterday", "2026-11-24T00:00", "2026-11-25T00:00"),
        ("this-week", "2026-11-23T00:00", "2026-11-30T00:00"),
        ("last-week", "2026-11-16T00:00", "2026-11-23T00:00"),
        ("this-month", "2026-11-01T00:00", "2026-12-01T00:00"),
        ("last-month", "2026-10-01T00:00", "2026-11-01T00:00"),
        ("45m", "2026-11-25T14:15", "2026-11-25T15:00"),
        ("3h", "2026-11-25T12:00", "2026-11-25T15:00"),
        ("7d", "2026-11-18T15:00", "2026-11-25T15:00"),
        ("2w", "2026-11-11T15:00", "2026-11-25T15:00"),
        ("since:2026-11-23", "2026-11-23T00:00", "2026-11-25T15:00"),
        ("since:2026-11-23T14:00", "2026-11-23T14:00", "2026-11-25T15:00"),
        ("on:2026-11-20", "2026-11-20T00:00", "2026-11-21T00:00"),
        ("2026-11-01..2026-11-15", "2026-11-01T00:00", "2026-11-16T00:00"),
        ("2026-11-24T12:00..2026-11-24T18:00", "2026-11-24T12:00", "2026-11-24T18:00"),
    ],
)
def test_a_window_begins_and_ends_when_the_manual_says(window: str, begin: str, end: str) -> None:
    found = period(window, NOW, UTC)
    assert (f"{found.begin:%Y-%m-%dT%H:%M}", f"{found.end:%Y-%m-%dT%H:%M}") == (begin, end)


@pytest.mark.parametrize(
    "window",
    ["", "Today", "tomorrow", "0h", "3x", "h", "10000d", "on:2026-02-30", "since:2026-11-23T25:00", "on:9999-12-31",
     "2026-11-15..2026-11-01", "2026-11-24T18:00..2026-11-24T12:00", "24h ", "since:2026-11-23T14:00:00", "٣h"],
)  # fmt: skip
def test_what_is_not_canonical_is_refused(window: str) -> None:
    assert not is_window(window)


def test_days_are_those_of_the_zone() -> None:
    assert period("today", NOW, KOLKATA).begin == datetime(2026, 11, 24, 18, 30, tzinfo=UTC)
    late = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)
    assert period("yesterday", late, BERLIN).begin == datetime(2026, 11, 24, 23, tzinfo=UTC)


def test_a_day_on_which_clocks_change_is_as_long_as_it_is_and_twenty_four_hours_are_always_as_long() -> None:
    autumn = datetime(2026, 10, 25, 20, tzinfo=UTC)
    assert period("today", autumn, BERLIN).length() == timedelta(hours=25)
    assert period("24h", autumn, BERLIN).length() == timedelta(hours=24)
    assert period("on:2026-03-29", NOW, BERLIN).length() == timedelta(hours=23)


def test_an_unfinished_day_is_measured_by_the_same_part_of_the_day_before() -> None:
    assert before("today", NOW, UTC) == (datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 24, 15, tzinfo=UTC))
    week = before("this-week", NOW, UTC)
    assert week == (datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 18, 15, tzinfo=UTC))


def test_the_last_day_of_a_long_month_is_measured_by_all_of_the_shorter_one_before() -> None:
    end_of_march = datetime(2026, 3, 31, 12, tzinfo=UTC)
    assert before("this-month", end_of_march, UTC) == (
        datetime(2026, 2, 1, tzinfo=UTC),
        datetime(2026, 3, 1, tzinfo=UTC),
    )


def test_other_windows_are_measured_by_as_long_a_time_right_before() -> None:
    assert before("6h", NOW, UTC) == (datetime(2026, 11, 25, 3, tzinfo=UTC), datetime(2026, 11, 25, 9, tzinfo=UTC))
    assert before("on:2026-11-20", NOW, UTC).begin == datetime(2026, 11, 19, tzinfo=UTC)


@settings(deadline=None)
@given(moments, zones, st.sampled_from([*NAMED, "1h", "36h", "5d", "3w"]))
def test_every_relative_window_has_begun_and_none_before_it_reaches_into_it(
    now: datetime, zone: ZoneInfo, window: str
) -> None:
    found = period(window, now, zone)
    passed, earlier = found.until(now), before(window, now, zone)
    assert found.begin.timestamp() <= now.timestamp()
    assert passed.end.timestamp() <= now.timestamp()
    assert earlier.end.timestamp() <= found.begin.timestamp()
    assert earlier.length() <= found.length()


@settings(deadline=None)
@given(moments, zones)
def test_days_weeks_and_months_follow_each_other_without_a_gap(now: datetime, zone: ZoneInfo) -> None:
    for last, this in (("yesterday", "today"), ("last-week", "this-week"), ("last-month", "this-month")):
        assert period(last, now, zone).end == period(this, now, zone).begin
        here = period(this, now, zone)
        assert here.begin.timestamp() <= now.timestamp() < here.end.timestamp()
    assert period("this-week", now, zone).begin.weekday() == 0
