"""A surge of bad news opens one episode, soon, and nothing else does."""

import random
from itertools import pairwise

import msgspec
import pytest
from entity_stream import DAY, HOUR, START, burst, episode_of, fold, ordinary, seen, seen_by, stream
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.news.surge import SEVERITIES, SurgeRule, Watching, expire
from streams.news.windows import copied, decode_state, encode_state, moment, seconds
from streams.records import SENTIMENTS, Transition

RULE = SurgeRule()
EAGER = SurgeRule(
    minimum=2, false_alarms=20, hot_alarms=60, warning_alarms=5, critical_alarms=1, calm_s=1200, cooldown_s=3600
)
FEW = settings(max_examples=60, deadline=None)


def kinds(transitions: list[Transition]) -> list[str]:
    return [each.status for each in transitions]


@pytest.mark.parametrize("seed", range(20))
def test_ordinary_days_raise_nothing(seed: int) -> None:
    assert fold(stream(ordinary(10, a_day=4 + seed, seed=seed)))[1] == []


@pytest.mark.parametrize("days", [1.5, 3, 20])
@pytest.mark.parametrize("seed", range(5))
def test_fourteen_negatives_in_90_minutes_open_within_the_first_eight(seed: int, days: float) -> None:
    observations = stream(
        ordinary(days, seed=seed), burst(days * DAY, 14, 5400), ordinary(2, seed=seed + 50, from_s=(days + 0.3) * DAY)
    )
    _, told = fold(observations)
    assert kinds(told).count("opened") == kinds(told).count("resolved") == 1
    opened = told[0]
    negatives = sum(
        each.sentiment == "negative" and days * DAY <= (each.at - START).total_seconds()
        for each in observations
        if each.at <= opened.at
    )
    assert negatives <= 8


def test_a_surge_of_good_news_raises_nothing() -> None:
    assert fold(stream(ordinary(5), burst(5 * DAY, 30, 5400, "positive")))[1] == []


def test_a_surge_of_neutral_news_raises_nothing() -> None:
    assert fold(stream(ordinary(5), burst(5 * DAY, 60, 5400, "neutral")))[1] == []


def test_the_first_ten_headlines_ever_all_bad_are_no_surge_yet() -> None:
    """Nothing is known of a new entity's past: it may always be so busy."""
    assert fold(stream(burst(0, 10, 60)))[1] == []


def test_a_storm_over_an_entity_never_seen_before_is_a_surge_all_the_same() -> None:
    _, told = fold(stream(burst(0, 100, 1800)))
    assert kinds(told)[0] == "opened"


@pytest.mark.parametrize("seed", range(10))
def test_a_busy_entity_is_not_a_surge_when_watching_begins(seed: int) -> None:
    chance = random.Random(seed)
    busy = [(chance.uniform(0, DAY), chance.choice(SENTIMENTS)) for _ in range(24 * 9)]
    assert fold(stream(busy))[1] == []


def test_what_is_a_surge_for_a_quiet_entity_is_ordinary_for_a_busy_one() -> None:
    extra = burst(6 * DAY, 8, 3600)
    assert kinds(fold(stream(ordinary(6, a_day=5), extra))[1])[:1] == ["opened"]
    assert fold(stream(ordinary(6, a_day=400), extra))[1] == []


def test_the_hour_of_the_day_is_part_of_what_is_expected() -> None:
    chance = random.Random(8)
    mornings = [(day * DAY + 8 * HOUR + chance.uniform(0, HOUR), "negative") for day in range(28) for _ in range(10)]
    same_hour, at_night = burst(28 * DAY + 8 * HOUR, 12, HOUR), burst(28 * DAY + 2 * HOUR, 12, HOUR)
    after = moment(seconds(START) + 28 * DAY)
    assert [each for each in fold(stream(mornings, same_hour))[1] if each.at >= after] == []
    assert [each for each in fold(stream(mornings, at_night))[1] if each.at >= after]


def test_a_surge_grows_at_doublings_not_at_every_headline() -> None:
    _, told = fold(stream(ordinary(5), burst(5 * DAY, 200, 3000)))
    grew = [each for each in told if each.status == "grew"]
    assert 2 <= len(grew) <= 8
    for before, after in pairwise(told[: 1 + len(grew)]):
        assert after.observed >= 2 * before.observed or SEVERITIES.index(after.severity) > SEVERITIES.index(
            before.severity
        )


def test_severity_grows_with_how_unlikely_it_is() -> None:
    small, large = (fold(stream(ordinary(5), burst(5 * DAY, n, 3000)))[1][-1].severity for n in (6, 60))
    assert SEVERITIES.index(small) < SEVERITIES.index(large) == 2


def test_a_few_headlines_are_never_critical_however_unlikely() -> None:
    told = fold(stream(ordinary(5, a_day=1), burst(5 * DAY, RULE.critical_minimum - 1, 600)))[1]
    assert told[-1].p_value < RULE.critical_alarms / 720
    assert all(each.severity != "critical" for each in told)


def test_evidence_is_the_distinct_bad_headlines_of_the_surge() -> None:
    surge = [seen(100 + i, 5 * DAY + i * 200, text=f"Profit warning number {i // 2} at Nokia") for i in range(12)]
    _, told = fold([*stream(ordinary(5)), *surge])
    texts = [each.text for each in told[0].evidence]
    assert len(texts) == len(set(texts)) >= 3
    assert all(each.at >= START + (surge[0].at - START) for each in told[0].evidence)


def test_syndicated_copies_under_one_id_are_no_surge() -> None:
    copies = [seen(200 + i, 5 * DAY + i, news_id="wire-1") for i in range(50)]
    assert fold([*stream(ordinary(5)), *copies])[1] == []


def test_late_records_count_towards_a_surge() -> None:
    calm = [*stream(ordinary(5)), *(seen(300 + i, 5 * DAY + i, "neutral") for i in range(2))]
    late = [seen(400 + i, 5 * DAY - 3000 + i * 60) for i in range(14)]
    assert kinds(fold([*calm, *late])[1])[:1] == ["opened"]


def test_records_past_the_lateness_raise_nothing() -> None:
    calm = [*stream(ordinary(5)), *(seen(300 + i, 5 * DAY + i, "neutral") for i in range(2))]
    old = [seen(400 + i, 5 * DAY - 20_000 + i * 60) for i in range(40)]
    state, told = fold([*calm, *old])
    assert (state.late, told) == (40, [])


def test_one_wrong_date_neither_opens_nor_resolves_an_episode() -> None:
    surge = stream(ordinary(5), burst(5 * DAY, 8, 3000))
    state, _ = fold(surge)
    assert episode_of(state) is not None
    state, told = fold([seen(500, 900 * DAY)], state=state)
    assert told == []
    assert episode_of(state) is not None


def test_time_alone_resolves_an_episode_and_only_once() -> None:
    state, told = fold(stream(ordinary(5), burst(5 * DAY, 14, 5400)))
    assert "resolved" not in kinds(told)
    last_s = seconds(START) + 5 * DAY + 5400
    before = encode_state(state)
    assert expire(state, last_s, Watching()) == []
    assert encode_state(state) == before
    (resolved,) = expire(state, last_s + RULE.calm_s, Watching())
    assert (resolved.status, resolved.episode) == ("resolved", told[0].episode)
    assert expire(state, last_s + 9 * DAY, Watching()) == []


def test_time_and_a_later_observation_resolve_alike() -> None:
    state, _ = fold(stream(ordinary(5), burst(5 * DAY, 14, 5400)))
    by_time = expire(copied(state), seconds(START) + 7 * DAY, Watching())
    _, by_record = fold([seen(900, 6.5 * DAY, "positive"), seen(901, 6.6 * DAY, "positive")], state=state)
    assert [each for each in by_record if each.status == "resolved"] == by_time


def test_an_episode_stays_open_while_it_goes_on() -> None:
    _, told = fold(stream(ordinary(5), burst(5 * DAY, 60, 8 * HOUR)))
    assert kinds(told).count("opened") == 1
    assert "resolved" not in kinds(told)


def test_alert_stays_silent_within_cooldown() -> None:
    once = burst(5 * DAY, 14, 3600)
    again = burst(5 * DAY + 3600 + RULE.calm_s + RULE.cooldown_s / 2, 14, 3600)
    later = burst(5 * DAY + 7200 + RULE.calm_s + 2 * RULE.cooldown_s + DAY, 40, 3600)
    _, told = fold(stream(ordinary(5), once, again, later))
    assert kinds(told).count("opened") == 2
    second = [each for each in told if each.status == "opened"][1]
    assert second.at >= moment(seconds(START) + later[0][0])


mentions = st.lists(
    st.tuples(st.sampled_from([0, 30, 60, 600, 3600, 20_000, -3000]), st.sampled_from(SENTIMENTS)), max_size=150
)


def walk(steps: list[tuple[int, str]]) -> list[tuple[float, str]]:
    at_s, out = 100_000.0, []
    for step, sentiment in steps:
        at_s += step
        out.append((at_s, sentiment))
    return out


@FEW
@given(mentions)
def test_every_episode_opens_once_grows_and_resolves_once_before_the_next(steps: list[tuple[int, str]]) -> None:
    _, told = fold((seen(i, at, tone) for i, (at, tone) in enumerate(walk(steps) or [(0.0, "neutral")])), EAGER)
    opened: list[str] = []
    current = None
    for each in told:
        if each.status == "opened":
            assert current is None
            assert each.episode not in opened
            opened.append(each.episode)
            current = each.episode
        else:
            assert each.episode == current
            current = None if each.status == "resolved" else current


@FEW
@given(mentions)
def test_nothing_opens_between_a_resolution_and_the_end_of_its_cooldown(steps: list[tuple[int, str]]) -> None:
    _, told = fold((seen(i, at, tone) for i, (at, tone) in enumerate(walk(steps) or [(0.0, "neutral")])), EAGER)
    for before, after in pairwise(told):
        if before.kind == "resolved":
            assert (after.at - before.at).total_seconds() >= EAGER.cooldown_s


@FEW
@given(mentions, st.integers(0, 150), st.integers(0, 150))
def test_a_crash_and_its_replay_tell_the_same_episodes(steps: list[tuple[int, str]], crash: int, back: int) -> None:
    observations = [seen(i, at, tone) for i, (at, tone) in enumerate(walk(steps) or [(0.0, "neutral")])]
    whole, told = fold(observations, EAGER)
    before, first = fold(observations[: max(1, crash)], EAGER)
    state, second = fold(
        observations[max(0, crash - back) :] or observations[-1:], EAGER, decode_state(encode_state(before))
    )
    assert state == whole
    assert first + second == told


def test_two_entities_have_nothing_to_do_with_each_other() -> None:
    quiet, _ = fold(seen(i, i * HOUR, entity="Nokia") for i in range(10))
    loud, told = fold(stream(ordinary(5), burst(5 * DAY, 14, 5400)))
    assert told
    assert quiet.detectors["negatives"].baseline != loud.detectors["negatives"].baseline


@pytest.mark.parametrize(
    "wrong",
    [
        {"windows_s": (90_000.0,)},
        {"minimum": -1},
        {"growth": 1.0},
        {"cooldown_s": 0.0},
        {"kind": "volume", "windows_s": (90_000.0,)},
        {"kind": "turn", "windows_s": (8 * 86_400.0,)},
        {"false_alarms": 0.0},
        {"false_alarms": 31.0},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"got|must"):
        SurgeRule(**wrong)


def test_a_rule_can_be_read_from_json() -> None:
    assert msgspec.json.decode(b'{"minimum": 7, "windows_s": [600, 3600]}', type=SurgeRule).windows_s == (600, 3600)


def test_replayed_surge_is_not_told_again() -> None:
    surge = stream(ordinary(5), burst(5 * DAY, 14, 5400))
    state, told = fold(surge)
    assert told
    for observation in surge:
        state, again = seen_by(state, observation)
        assert again == []


def test_false_alarms_come_about_as_often_as_promised() -> None:
    """Two negatives an hour, always, after two weeks of settling. The benchmark measures this closely."""
    months, promise, opened = 8, 5.0, 0
    rule = SurgeRule(false_alarms=promise)
    for month in range(months):
        chance = random.Random(month)
        at_s, steady = 0.0, []
        while at_s < 44 * DAY:
            at_s += chance.expovariate(2 / HOUR)
            steady.append((at_s, "negative"))
        told = fold(stream(steady), rule)[1]
        opened += sum(each.status == "opened" and each.at >= moment(seconds(START) + 14 * DAY) for each in told)
    assert 0.5 < opened / (months * promise) < 1.6


def test_a_smaller_promise_never_opens_sooner() -> None:
    surge = stream(ordinary(10, a_day=60), burst(10 * DAY, 40, 5400))
    first = [fold(surge, SurgeRule(false_alarms=promise))[1][0].at for promise in (3.0, 0.3, 0.01, 1e-4)]
    assert first == sorted(first)


def test_a_restless_entity_needs_more_than_a_steady_one() -> None:
    chance = random.Random(2)
    steady = [(chance.uniform(0, 30 * DAY), "negative") for _ in range(30 * 48)]
    bursts = [part for day in range(30) for part in burst(day * DAY + chance.uniform(0, 20) * HOUR, 48, 2 * HOUR)]
    extra = burst(30 * DAY + 4 * HOUR, 16, HOUR)
    after = moment(seconds(START) + 30 * DAY)
    assert [each for each in fold(stream(steady, extra))[1] if each.at >= after]
    assert not [each for each in fold(stream(bursts, extra))[1] if each.at >= after]


def test_the_same_news_raises_the_same_alarm_whatever_the_day_was_before_a_crash() -> None:
    observations = stream(ordinary(5), burst(5 * DAY, 14, 5400))
    whole = fold(observations)
    state, told = fold(observations[:40])
    state = decode_state(encode_state(state))
    rest = fold(observations[20:], state=state)
    assert (rest[0], told + rest[1]) == whole


def test_what_is_told_of_a_surge_holds_the_minimum() -> None:
    for minimum in (5, 9):
        told = fold(stream(ordinary(5), burst(5 * DAY, 14, 5400)), SurgeRule(minimum=minimum))[1]
        assert told[0].observed >= minimum
        assert 0 < told[0].p_value < 1e-3
