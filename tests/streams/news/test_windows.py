"""Windows count exactly: in any order, once, within bounds, whatever the dates say."""

import json
import random

import msgspec
import pytest
from entity_stream import DAY, HOUR, START, fold, ordinary, seen, seen_by, stream
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.news.duplicates import REMEMBERED
from streams.news.summary import summarize
from streams.news.surge import Watching
from streams.news.surge import fold as fold_in_place
from streams.news.windows import (
    AHEAD,
    BUCKET_S,
    COLUMNS,
    EVIDENCE,
    FOLDS,
    HOURS,
    TEXT_CHARS,
    ZEROS,
    Live,
    WindowState,
    decode_state,
    encode_state,
    moment,
    seconds,
    sighting_of,
)
from streams.records import SENTIMENTS

FEW = settings(max_examples=60, deadline=None)
sentiments = st.sampled_from(SENTIMENTS)


@st.composite
def delayed(draw: st.DrawFn) -> list[tuple[float, str]]:
    """Mentions over two days in the order in which they arrive, each at most the lateness behind its time."""
    sent = draw(
        st.lists(st.tuples(st.integers(0, 2 * 86_400), st.integers(0, 7200), sentiments), min_size=1, max_size=60)
    )
    last = [(2 * DAY + 60, 0, "neutral"), (2 * DAY + 120, 0, "neutral")]  # the second confirms the first
    return [(float(at), tone) for at, delay, tone in sorted([*sent, *last], key=lambda each: each[0] + each[1])]


@FEW
@given(delayed())
def test_counts_equal_a_brute_force_count_in_any_order_within_lateness(sent: list[tuple[float, str]]) -> None:
    state, _ = fold(seen(i, at, tone) for i, (at, tone) in enumerate(sent))
    head = max(at for at, _ in sent) // BUCKET_S
    for span_s in (BUCKET_S, 3600, 7200):
        for column, sentiment in enumerate(SENTIMENTS):
            buckets = span_s // BUCKET_S
            truth = sum(head - buckets < at // BUCKET_S <= head for at, tone in sent if tone == sentiment)
            assert state.window(span_s, column) == truth
    hour = head // 12
    for column, sentiment in enumerate(SENTIMENTS):
        truth = sum(hour - HOURS < at // 3600 <= hour for at, tone in sent if tone == sentiment)
        assert sum(state.hours[column::COLUMNS]) == truth
    assert (state.late, state.future, state.duplicates, state.ahead) == (0, 0, 0, [])


@FEW
@given(delayed(), st.randoms(use_true_random=False))
def test_sentiment_index_does_not_depend_on_the_order_of_arrival(
    sent: list[tuple[float, str]], chance: random.Random
) -> None:
    within = [(at % 7200, tone) for at, tone in sent]
    shuffled = within.copy()
    chance.shuffle(shuffled)
    one, other = (fold(seen(i, at, tone) for i, (at, tone) in enumerate(order))[0] for order in (within, shuffled))
    assert summarize(one).index == pytest.approx(summarize(other).index, abs=1e-9)
    assert -1 <= summarize(one).index <= 1


@FEW
@given(delayed(), st.data())
def test_replay_of_any_part_changes_nothing(sent: list[tuple[float, str]], data: st.DataObject) -> None:
    observations = [seen(i, at, tone, partition=i % 3) for i, (at, tone) in enumerate(sent)]
    state, _ = fold(observations)
    for again in data.draw(st.lists(st.sampled_from(observations), max_size=20)):
        same, told = seen_by(state, again)
        assert same is state
        assert told == []


@FEW
@given(delayed(), st.lists(st.integers(0, 62), max_size=5))
def test_batches_and_restarts_between_them_change_nothing(sent: list[tuple[float, str]], cuts: list[int]) -> None:
    observations = [seen(i, at, tone) for i, (at, tone) in enumerate(sent)]
    whole, transitions = fold(observations)
    state, told, begin = None, [], 0
    for end in [*sorted(cuts), len(observations)]:
        if observations[begin:end]:
            state, more = fold(observations[begin:end], state=state)
            state = decode_state(encode_state(state))
            told += more
        begin = max(begin, end)
    assert (state, told) == (whole, transitions)


@FEW
@given(delayed())
def test_observing_never_changes_the_state_it_was_given(sent: list[tuple[float, str]]) -> None:
    state = None
    for i, (at, tone) in enumerate(sent):
        before = encode_state(state) if state is not None else None
        new, _ = seen_by(state, seen(i, at, tone))
        assert state is None or encode_state(state) == before
        state = new


def test_each_partition_of_the_news_has_its_own_watermark() -> None:
    state, _ = fold(
        [seen(1, 0, partition=0, offset=50), seen(2, 1, partition=1, offset=3), seen(3, 2, partition=1, offset=4)]
    )
    assert state.watermarks == {0: 50, 1: 4}
    assert state.window(HOUR) == 3


def test_the_same_news_at_another_offset_counts_once_and_moves_the_watermark() -> None:
    state, _ = fold([seen(0, 0), seen(1, 10), seen(2, 10, news_id="news-1"), seen(3, 10, news_id="news-0")])
    assert (state.window(HOUR), state.duplicates, state.watermarks) == (2, 2, {0: 3})


def test_what_comes_past_the_lateness_is_counted_as_late_and_nowhere_else() -> None:
    on_time = [seen(i, DAY + i) for i in range(3)]
    before, _ = fold(on_time)
    state, told = fold([seen(9, DAY - Watching().lateness_s - 1)], state=before)
    assert (state.late, told) == (1, [])
    assert (state.fine, state.hours, state.index_sum) == (before.fine, before.hours, before.index_sum)


def test_what_comes_just_within_the_lateness_is_counted() -> None:
    state, _ = fold([*(seen(i, DAY + i) for i in range(3)), seen(9, DAY + 2 - Watching().lateness_s)])
    assert (state.late, state.volume(10_800)) == (0, 4)


def test_one_date_in_the_future_does_not_make_the_present_late() -> None:
    now = [seen(i, i * 60.0, "neutral") for i in range(10)]
    wrong = seen(10, 300 * DAY, "neutral")
    state, _ = fold([*now, wrong, *(seen(20 + i, 600 + i * 60.0, "neutral") for i in range(10))])
    assert (state.late, state.window(HOUR, 1), len(state.ahead)) == (0, 20, 1)
    assert state.clock_s == seconds(START) + 600 + 540


def test_a_first_date_in_the_future_does_not_make_the_present_late() -> None:
    state, _ = fold([seen(0, 300 * DAY), *(seen(1 + i, i * 60.0, "neutral") for i in range(10))])
    assert (state.late, state.window(HOUR, 1)) == (0, 10)


def test_a_date_ahead_is_counted_when_its_time_comes() -> None:
    state, _ = fold([seen(100, 12 * HOUR, offset=0), *(seen(i, i * HOUR, "neutral", partition=1) for i in range(13))])
    assert (state.ahead, state.window(HOUR), state.future) == ([], 1, 0)


def test_a_quiet_day_does_not_stop_the_clock() -> None:
    state, _ = fold(seen(i, i * 5 * DAY) for i in range(4))
    assert state.clock_s == seconds(START) + 10 * DAY
    assert (len(state.ahead), state.late) == (1, 0)
    assert summarize(state).at == moment(seconds(START) + 15 * DAY)  # shown before it is believed


def test_dates_that_never_agree_are_bounded_and_counted() -> None:
    state, _ = fold(seen(i, (100 - i) * DAY) for i in range(40))
    assert len(state.ahead) == AHEAD
    assert state.future == 40 - AHEAD


@pytest.mark.parametrize("years", [-2000, -60, 7900])
def test_dates_at_the_ends_of_the_calendar_are_survived(years: int) -> None:
    odd = msgspec.structs.replace(seen(0, 0), at=START.replace(year=max(1, 2026 + years)))
    state, _ = fold([odd, seen(1, 0, "neutral"), seen(2, 60, "neutral"), seen(3, 120, "neutral")])
    late_or_ahead = state.late + len(state.ahead) + state.window(2 * HOUR)
    assert state.window(HOUR, 1) == 3
    assert late_or_ahead <= 1
    assert summarize(state).id == "Nokia:4"


def test_a_time_without_zone_is_utc() -> None:
    assert seconds(START.replace(tzinfo=None)) == seconds(START)


def test_state_stays_bounded_over_100_000_observations() -> None:
    chance = random.Random(4)
    live = Live(WindowState(entity="Nokia"))
    size = 0
    for i in range(100_000):
        text = f"{i} " + "Profit warning at a maker of telephones and of things to carry them in " * 2
        observation = seen(i, i * 97 + chance.uniform(-4000, 4000), chance.choice(SENTIMENTS), text=text)
        fold_in_place(live, sighting_of(observation), Watching(), "Nokia")
        if i % 1000 == 0:
            size = max(size, len(encode_state(live.settled())))
    assert size < 20_000
    state = live.settled()
    assert len(state.evidence) <= EVIDENCE
    assert len(state.recent) == REMEMBERED


def test_an_ordinary_entity_is_small() -> None:
    state, _ = fold(stream(ordinary(30, a_day=8)))
    assert len(encode_state(state)) < 9_000


def test_long_texts_and_addresses_are_cut() -> None:
    long = msgspec.structs.replace(seen(0, 0, text="x" * 20_000), url="https://example.com/" + "y" * 5_000)
    state, _ = fold([long, seen(1, 1)])
    assert len(state.evidence[0].text) == TEXT_CHARS
    assert state.evidence[0].url is None


@pytest.mark.parametrize("entity", ["株式会社東芝", "Nestlé", "🦄:capital", "a:b/c\u202e", "\x00", "é" * 300])
def test_any_unicode_may_name_an_entity(entity: str) -> None:
    state, told = fold(seen(i, i * 30.0, entity=entity) for i in range(120))
    again = decode_state(encode_state(state))
    assert again == state
    assert json.loads(encode_state(state))["entity"] == entity
    assert told[0].episode.startswith(entity + ":")


def test_summary_of_equal_states_has_equal_ids_and_of_another_state_another() -> None:
    state, _ = fold(seen(i, i * 60.0) for i in range(3))
    assert summarize(state) == summarize(decode_state(encode_state(state)))
    assert summarize(state).id == "Nokia:3"
    assert summarize(fold([seen(3, 200)], state=state)[0]).id == "Nokia:4"


def test_summary_counts_each_sentiment_in_its_window() -> None:
    state, _ = fold(stream([(0, "negative"), (60, "neutral"), (120, "positive"), (180, "positive")]))
    summary = summarize(state)
    assert (summary.negatives, summary.neutrals, summary.positives, summary.window_s) == (1, 1, 2, 3600.0)
    assert summary.index == pytest.approx((0.88 * 2 - 0.88) / 4, abs=0.01)


def test_state_that_is_no_state_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_state(b'{"entity": 7}')


def test_an_entity_named_now_and_then_takes_little() -> None:
    state, _ = fold(stream(ordinary(30, a_day=0.5)))
    assert len(encode_state(state)) < 4_500
    assert state.rings == ""
    assert decode_state(encode_state(state)).days == state.days


@FEW
@given(st.lists(st.integers(-300, 300) | st.just(0), max_size=400))
def test_rings_of_any_numbers_survive_being_stored(numbers: list[int]) -> None:
    state = WindowState(entity='0,0,0,0,"a', fine=numbers, hours=[10, 0, 0, 0, 0, 0, *numbers], days=[0] * 140)
    assert decode_state(encode_state(state)) == state


@FEW
@given(st.lists(st.tuples(st.sampled_from([0, 0, 10, 7, -20]), st.integers(1, 600)), max_size=8))
def test_runs_of_zeros_are_written_in_the_longest_pieces(runs: list[tuple[int, int]]) -> None:
    plain = written = msgspec.json.encode([value for value, count in runs for _ in range(count)])
    for zeros, letter in ZEROS:
        written = written.replace(zeros, letter)
    for zeros, letter in FOLDS:
        plain = plain.replace(zeros, letter)
    assert plain == written
