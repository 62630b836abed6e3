"""A window's figures are what counting the mentions gives, whatever ring they come from; ranks are fair and stable."""

from datetime import timedelta
from functools import cache

import pytest
from entity_stream import DAY, HOUR, START, fold, ordinary, seen, stream
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InputError
from streams.news.trends import Trend, before, counted, drawn, latest, ranked, span, trend, trends
from streams.news.windows import BUCKET_S, DAYS, WindowState, seconds
from streams.records import EntityObservation

AT_S = START.timestamp()
WINDOWS = (900, 3600, 3 * 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400)


def of(observations: list[EntityObservation], **fields: str) -> WindowState:
    state, _ = fold(observations)
    for field, value in fields.items():
        setattr(state, field, value)
    return state


@cache
def month(seed: int) -> tuple[list[EntityObservation], WindowState]:
    said = stream(ordinary(34, a_day=40, seed=seed))
    return said, of(said)


def figures(state: WindowState, window_s: int, now_s: float | None = None) -> Trend:
    _, (found,) = trends([state], window_s, now_s)
    return found


def within(observations: list[EntityObservation], begin_s: float, end_s: float) -> list[EntityObservation]:
    return [each for each in observations if begin_s <= seconds(each.at) < end_s]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 2), st.sampled_from(WINDOWS), st.integers(0, 90_000))
def test_figures_equal_a_count_of_the_mentions_in_the_windows_buckets(seed: int, window_s: int, later_s: int) -> None:
    said, state = month(seed)
    assert state.clock_s is not None
    now_s = state.clock_s + later_s
    found = figures(state, window_s, now_s)
    width_s = found.buckets.bucket_s
    end_s = (now_s // width_s + 1) * width_s
    begin_s = end_s - len(found.buckets.mentions) * width_s
    truth = within(said, begin_s, end_s)
    assert seconds(found.buckets.begin) == begin_s
    assert window_s <= end_s - begin_s < window_s + width_s
    counts = {tone: sum(each.sentiment == tone for each in truth) for tone in ("negative", "neutral", "positive")}
    assert (found.negatives, found.neutrals, found.positives) == tuple(counts.values())
    assert sum(found.buckets.mentions) == found.mentions == len(truth)
    mean = sum(each.probabilities["positive"] - each.probabilities["negative"] for each in truth)
    assert found.tone == (pytest.approx(mean / len(truth), abs=0.006) if truth else None)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(WINDOWS[:-1]), st.integers(0, 90_000))
def test_the_time_before_is_as_long_whole_and_ends_less_than_a_bucket_before(window_s: int, later_s: int) -> None:
    said, state = month(1)
    assert state.clock_s is not None
    now_s = state.clock_s + later_s
    window = span(window_s, now_s, state.clock_s)
    past = before(window, window_s, now_s)
    assert past is not None
    width_s = past.ring.width_s
    begin_s, end_s = past.first * width_s, (past.last + 1) * width_s
    assert end_s - begin_s == window_s
    assert 0 <= window.first * window.ring.width_s - end_s < width_s
    assert figures(state, window_s, now_s).before_mentions == len(within(said, begin_s, end_s))


def test_of_thirty_days_nothing_before_is_known_and_more_than_are_kept_is_an_error() -> None:
    state = of(stream(ordinary(34)))
    found = figures(state, 30 * 86_400)
    assert (found.before_mentions, found.before_tone, found.change) == (None, None, None)
    assert figures(state, DAYS * 86_400).mentions > found.mentions
    with pytest.raises(InputError, match=f"36 days.*keep {DAYS} days"):
        figures(state, 36 * 86_400)
    with pytest.raises(InputError, match="30 days before 2026-03-25"):
        figures(state, 30 * 86_400, AT_S + 23 * DAY)
    with pytest.raises(InputError, match="5m at least"):
        figures(state, BUCKET_S - 1)


def test_an_earlier_moment_is_answered_from_a_ring_that_still_has_it() -> None:
    said = stream(ordinary(34, a_day=40))
    found = figures(of(said), 3600, AT_S + 30 * DAY + 1)
    assert found.buckets.bucket_s == 3600  # five-minute buckets of four days ago are gone
    assert found.mentions == len(within(said, AT_S + 30 * DAY, AT_S + 30 * DAY + HOUR))


def test_a_stream_that_fell_silent_has_nothing_in_the_window() -> None:
    loud, silent = of(stream(ordinary(3, a_day=200))), of(stream([(0.0, "negative"), (60.0, "negative")]))
    now_s, found = trends([loud, silent], 3600)
    assert now_s == latest([loud, silent])
    assert found[1].mentions == 0
    assert found[1].tone is None
    assert found[1].latest_at == START + timedelta(seconds=60)
    assert ranked(found, "worst", 10) == found[:1]


def test_what_waits_for_a_second_opinion_counts_once_all_streams_have_come_that_far() -> None:
    quiet = of(stream([(0.0, "neutral"), (60.0, "neutral")]))
    waiting, _ = fold([seen(2, 10 * HOUR)], state=quiet)
    assert waiting.clock_s == AT_S + 60
    alone = figures(waiting, 3600)
    assert (alone.mentions, alone.negatives) == (2, 0)
    loud = of(stream(ordinary(0.5, a_day=400)), entity="all:")
    assert trends([waiting, loud], 3600, AT_S + 10 * HOUR)[1][0].negatives == 1
    assert figures(waiting, 3600).mentions == 2  # the state given is not changed


def test_a_window_ends_where_all_news_have_come_not_only_those_of_the_streams_shown() -> None:
    quiet = of(stream([(0.0, "negative"), (60.0, "negative")]))
    now_s, (found,) = trends([quiet], 3600, heard_s=AT_S + 5 * HOUR)
    assert (now_s, found.mentions) == (AT_S + 5 * HOUR, 0)
    assert trends([quiet], 3600, heard_s=AT_S - HOUR)[0] == AT_S + 60


def test_nothing_heard_is_no_error() -> None:
    assert trends([], 3600) == (None, [])
    assert trends([WindowState(entity="Nokia")], 3600) == (None, [])
    window = span(3600, AT_S, AT_S)
    assert trend(WindowState(entity="Nokia"), window, 3600, AT_S, AT_S) is None


def test_one_headline_is_not_the_worst_of_all() -> None:
    one = of(stream([(0.0, "negative"), (1.0, "neutral")]), entity="one")
    many = of(stream([(60.0 * i, "neutral" if i == 1 else "negative") for i in range(12)]), entity="many")
    good = of(stream([(60.0 * i, "positive") for i in range(5)]), entity="good")
    _, found = trends([good, one, many], 3600, AT_S + 1800)
    assert [each.key for each in ranked(found, "worst", 10)] == ["many", "one", "good"]
    assert [each.key for each in ranked(found, "best", 2)] == ["good", "one"]
    assert [each.key for each in ranked(found, "busiest", 2)] == ["many", "good"]
    assert ranked(found, "moved", 10) == []  # nothing was said before


def test_moved_is_the_change_of_the_drawn_tones_either_way() -> None:
    turned = [(60.0 * i, "positive") for i in range(10)] + [(HOUR + 60.0 * i, "negative") for i in range(10)]
    steady = [(60.0 * i, "negative") for i in range(80)]
    states = [of(stream(steady), entity="steady"), of(stream(turned), entity="turned")]
    _, found = trends(states, 3600, AT_S + HOUR + 1799)
    assert [each.key for each in ranked(found, "moved", 5)] == ["turned", "steady"]
    change = ranked(found, "moved", 1)[0].change
    assert change == pytest.approx(2 * drawn(-0.88 * 10, 10), abs=0.02)


def test_equal_streams_are_ranked_by_their_keys_whatever_their_order() -> None:
    states = [of(stream([(0.0, "negative"), (1.0, "negative")]), entity=key) for key in ("b", "c", "a")]
    for order in (states, states[::-1]):
        _, found = trends(order, 3600)
        assert [each.key for each in ranked(found, "worst", 9)] == ["a", "b", "c"]


def test_what_is_kept_of_a_state_gives_the_same_figures_for_less() -> None:
    state = of(stream(ordinary(34, a_day=60)))
    light = counted(state)
    assert figures(light, 86_400) == figures(state, 86_400)
    assert (light.recent, light.evidence) == ([], [])
    assert state.recent
