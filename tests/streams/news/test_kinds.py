"""Volume, share and tone are watched apart from the count of negatives, each blind to what the others are about."""

import random

import pytest
from entity_stream import DAY, HOUR, START, burst, fold, stream

from streams.news.surge import SurgeRule
from streams.news.windows import moment, seconds
from streams.records import SENTIMENTS, Sentiment, Transition

VOLUME, SHARE, TURN = (SurgeRule(kind=kind) for kind in ("volume", "share", "turn"))
Mix = tuple[float, float, float]
EVEN: Mix = (0.3, 0.4, 0.3)


def mixed(
    days: float, a_day: float, mix: Mix = EVEN, seed: int = 1, from_s: float = 0.0
) -> list[tuple[float, Sentiment]]:
    """Independent mentions with the three sentiments in these shares."""
    chance = random.Random(seed)
    return [
        (from_s + chance.uniform(0, days * DAY), chance.choices(SENTIMENTS, mix)[0]) for _ in range(round(days * a_day))
    ]


def opened(rule: SurgeRule, *parts: list[tuple[float, Sentiment]]) -> list[Transition]:
    return [each for each in fold(stream(*parts), rule)[1] if each.status == "opened"]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rule", [VOLUME, SHARE, TURN], ids=lambda rule: rule.kind)
def test_ordinary_weeks_raise_nothing(rule: SurgeRule, seed: int) -> None:
    assert opened(rule, mixed(14, 60, seed=seed)) == []


@pytest.mark.parametrize("seed", range(3))
def test_many_news_of_any_tone_are_a_surge_of_volume(seed: int) -> None:
    (told,) = opened(VOLUME, mixed(14, 60, seed=seed), burst(14 * DAY, 30, 2 * HOUR, "positive"))
    assert told.kind == "volume"
    assert told.observed >= VOLUME.minimum
    assert told.expected < told.observed / 2
    assert {each.sentiment for each in told.evidence} >= {"positive"}
    assert told.episode.startswith("Nokia:volume:")


@pytest.mark.parametrize("seed", range(3))
def test_mostly_bad_news_are_a_surge_of_share_without_being_many(seed: int) -> None:
    usual, bad = mixed(21, 60, seed=seed), mixed(1, 60, (0.85, 0.1, 0.05), seed, 21 * DAY)
    (told,) = opened(SHARE, usual, bad)
    assert told.observed > 0.5 > told.expected
    assert all(each.sentiment == "negative" for each in told.evidence)
    assert [each for each in opened(VOLUME, usual, bad) if each.at >= moment(seconds(START) + 21 * DAY)] == []


@pytest.mark.parametrize("seed", range(3))
def test_more_of_everything_is_no_surge_of_share(seed: int) -> None:
    usual, busy = mixed(21, 60, seed=seed), mixed(0.5, 600, seed=seed + 9, from_s=21 * DAY)
    assert opened(SHARE, usual, busy) == []
    assert opened(VOLUME, usual, busy) != []


@pytest.mark.parametrize(("mix", "better"), [((0.9, 0.08, 0.02), False), ((0.02, 0.08, 0.9), True)])
def test_the_tone_turns_both_ways(mix: Mix, better: bool) -> None:
    usual = (0.15, 0.35, 0.5) if not better else (0.5, 0.35, 0.15)
    (told,) = opened(TURN, mixed(21, 60, usual), mixed(1.5, 60, mix, from_s=21 * DAY))
    assert (told.observed > told.expected) == better
    assert told.observed * told.expected < 0
    assert {each.sentiment for each in told.evidence} == {"positive" if better else "negative"}
    assert told.series is not None
    assert told.series.bucket_s == HOUR


def test_a_new_stream_has_no_usual_share_or_tone_to_turn_from() -> None:
    assert opened(SHARE, burst(0, 40, HOUR)) == opened(TURN, burst(0, 40, HOUR)) == []


@pytest.mark.parametrize("kind", ["share", "turn"])
def test_an_episode_of_a_share_or_a_tone_resolves_when_it_is_as_usual_again(kind: str) -> None:
    rule = SurgeRule(kind=kind)  # type: ignore[arg-type]
    bad = mixed(1, 60, (0.95, 0.05, 0.0), from_s=21 * DAY)
    _, told = fold(stream(mixed(21, 60, (0.15, 0.35, 0.5)), bad, mixed(5, 60, (0.15, 0.35, 0.5), 7, 22 * DAY)), rule)
    assert [each.status for each in told if each.status != "grew"] == ["opened", "resolved"]
    assert told[-1].observed == pytest.approx(max(told, key=lambda each: abs(each.observed - each.expected)).observed)


def test_the_threshold_in_the_series_is_where_the_episode_would_have_opened() -> None:
    _, told = fold(stream(mixed(14, 60), burst(14 * DAY, 30, 2 * HOUR, "negative")))
    first = told[0]
    assert first.series is not None
    assert first.series.threshold is not None
    count = first.series.threshold * first.span_s / first.series.bucket_s
    assert first.expected < count <= first.observed + 0.5
    assert sum(value or 0 for value in first.series.values) >= first.observed
