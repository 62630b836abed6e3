"""What people say of time is found, with its place, and means the window it is said to mean; the rest is noticed."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.chat.live.time_phrases import find, unread
from streams.chat.live.times import is_window

NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)  # a Wednesday

SAID = """
today | today                                       today so far | today
yesterday's | yesterday                             the day before yesterday | on:2026-11-23
this week | this-week                               the week so far | this-week
last week | last-week                               the previous week | last-week
the week before last | 2026-11-09..2026-11-15       this month | this-month
last month | last-month                             month to date | this-month
this year | since:2026-01-01                        last quarter | 2026-07-01..2026-09-30
last year | 2025-01-01..2025-12-31                  since the start of the month | since:2026-11-01
past three hours | 3h                               the last hour | 1h
the last 24 hours | 24h                             past week | 1w
seven-day | 7d                                      last 7 days | 7d
the past fortnight | 2w                             past couple of days | 2d
last few hours | 3h                                 last half hour | 30m
past month | 30d                                    48hrs | 48h
since Monday | since:2026-11-23                     since Wednesday | since:2026-11-25
since last Wednesday | since:2026-11-18             since yesterday | since:2026-11-24
since yesterday 2pm | since:2026-11-24T14:00        since Monday morning | since:2026-11-23T06:00
since 9am | since:2026-11-25T09:00                  since 14:30 | since:2026-11-25T14:30
since lunch | since:2026-11-25T12:00                yesteday | yesterday
last weak | last-week                               the loveliest week | this-week
since 4 pm | since:2026-11-24T16:00                 since noon | since:2026-11-25T12:00
since 2 o'clock | since:2026-11-25T14:00            since last week | since:2026-11-16
since the 3rd | since:2026-11-03                    since October | since:2026-10-01
since the weekend | since:2026-11-21                since 3 hours ago | 3h
since 2026-11-20 | since:2026-11-20                 since 20 Nov 2pm | since:2026-11-20T14:00
on Friday | on:2026-11-20                           on Wednesday | on:2026-11-18
last Monday | on:2026-11-23                         Monday last week | on:2026-11-16
on 20 November | on:2026-11-20                      Nov. 20th | on:2026-11-20
Friday the 20th | on:2026-11-20                     the 20th of November, 2026 | on:2026-11-20
20/11/2026 | on:2026-11-20                          11/20/2026 | on:2026-11-20
20.11.2026 | on:2026-11-20                          on 26 November | on:2025-11-26
two days ago | on:2026-11-23                        a week ago | on:2026-11-18
this morning | since:2026-11-25T06:00               overnight | since:2026-11-25T00:00
yesterday afternoon | 2026-11-24T12:00..2026-11-24T18:00
last night | 2026-11-24T18:00..2026-11-25T06:00     Monday evening | 2026-11-23T18:00..2026-11-24T00:00
between 3 and 10 Nov | 2026-11-03..2026-11-10       from the 3rd to the 10th | 2026-11-03..2026-11-10
3–10 November | 2026-11-03..2026-11-10              November 3 to 10 | 2026-11-03..2026-11-10
between Monday and Wednesday | 2026-11-23..2026-11-25
Monday to Friday | 2026-11-16..2026-11-20           from Nov 30 to Dec 2 2025 | 2025-11-30..2025-12-02
between 9 and 11am | 2026-11-25T09:00..2026-11-25T11:00
in October | 2026-10-01..2026-10-31                 week of November 9 | 2026-11-09..2026-11-15
over the weekend | 2026-11-21..2026-11-22           last weekend | 2026-11-21..2026-11-22
the 24 hours before | 2026-11-23T15:00..2026-11-24T15:00
in 2025 | 2025-01-01..2025-12-31
the hour before that | 2026-11-25T13:00..2026-11-25T14:00
from Monday on | since:2026-11-23                   since Monday until now | since:2026-11-23
"""
CASES = [
    tuple(map(str.strip, case.split("|")))
    for line in SAID.strip().splitlines()
    for case in filter(None, line.split("    "))
    if "|" in case
]


def windows(question: str) -> list[str]:
    return [each.window for each in find(question, NOW, UTC)]


@pytest.mark.parametrize(("said", "window"), CASES)
def test_what_is_said_means_a_window_wherever_and_however_it_stands(said: str, window: str) -> None:
    for question in (said, f"how did Tesla do {said}?", f"{said.upper()} - any bad headlines"):
        (found,) = find(question, NOW, UTC)
        assert found.window == window
        assert question[found.start : found.end].casefold() in said.casefold()
        assert not unread(question, [found])


@pytest.mark.parametrize(
    ("question", "window"),
    [
        ("which bank had the worst week", "this-week"),
        ("is Tesla having a bad day", "today"),
        ("headline of the day", "today"),
        ("the month's busiest topic", "this-month"),
    ],
)
def test_a_day_a_week_or_a_month_that_goes_on_may_be_said_faintly(question: str, window: str) -> None:
    assert windows(question) == [window]


def test_what_is_said_faintly_gives_way_to_what_is_said() -> None:
    assert windows("which bank had the worst week last week") == ["last-week"]


def test_two_windows_are_found_in_their_order() -> None:
    assert windows("how did Tesla do today against yesterday") == ["today", "yesterday"]
    assert windows("is this week worse than last week?") == ["this-week", "last-week"]


def test_spans_are_the_questions_own_characters_whatever_folding_does() -> None:
    question = "Wie war’s — how did Société Générale do  between 3 and  10 Nov?"
    (found,) = find(question, NOW, UTC)
    assert question[found.start : found.end] == "between 3 and  10 Nov"


@pytest.mark.parametrize(
    "question",
    [
        "what's the mood right now", "latest news on S&P 500", "how is 3M lately", "top 10 companies",
        "may I see Sun Pharma", "A march against Tesla", "5% of headlines", "how are things these days",
        "Boeing 737 news", "second headline please",
    ],
)  # fmt: skip
def test_what_is_no_time_is_not_found_nor_missed(question: str) -> None:
    assert find(question, NOW, UTC) == []
    assert not unread(question, [])


@pytest.mark.parametrize(
    "question",
    [
        "what will Tesla do next week", "since the market opened", "news before Friday", "until yesterday",
        "since half past nine", "on Mondays", "on 31 June", "at 3pm", "Black Friday sales", "tomorrow",
        "the first half of October", "3/4/2026", "in Q3", "since 2019",
    ],
)  # fmt: skip
def test_time_that_is_not_understood_is_noticed(question: str) -> None:
    assert unread(question, find(question, NOW, UTC))


def test_today_is_that_of_the_askers_zone() -> None:
    late = datetime(2026, 11, 25, 22, tzinfo=UTC)
    (found,) = find("since yesterday", late, ZoneInfo("Asia/Tokyo"))
    assert found.window == "since:2026-11-25"


WORDS = """
since between and to from on the last past this next first 3 10 2026 Nov November Monday friday week day month
year hours 9am noon yesterday today ago morning 31 30th may of 2026-11-31 11/12 - , ' 0 99 weekend half so far
before
"""
MOMENTS = st.datetimes(datetime(1980, 1, 1), datetime(2090, 1, 1))


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(WORDS.split()), max_size=9).map(" ".join) | st.text(max_size=60),
    st.datetimes(datetime(1980, 1, 1), datetime(2090, 1, 1)),
)
def test_whatever_is_said_phrases_are_canonical_in_order_and_apart(question: str, now: datetime) -> None:
    found = find(question, now.replace(tzinfo=UTC), UTC)
    assert all(is_window(each.window) for each in found)
    assert all(0 <= each.start < each.end <= len(question) for each in found)
    assert all(left.end <= right.start for left, right in pairwise(found))
