"""Many entities at once are one storm, told once, also when it is told again."""

from datetime import timedelta

from entity_stream import DAY, START
from hypothesis import given
from hypothesis import strategies as st

from streams.news.storms import (
    MEMBERS,
    SEEN,
    StormRule,
    StormState,
    decode_storm,
    encode_storm,
    observe_surge,
    pass_time,
)
from streams.news.windows import seconds
from streams.records import Evidence, Status, Surge, Transition

RULE = StormRule()


def surge(entity: str, at_s: float, status: Status = "opened") -> Surge:
    at = START + timedelta(seconds=at_s)
    return Surge(
        id=f"{entity}:{at_s}:{status}",
        entity=entity,
        name=entity,
        episode=f"{entity}:{at_s}",
        status=status,
        severity="warning",
        at=at,
        evidence=[Evidence(news_id=f"n-{entity}", at=at, text=f"{entity} plunges", negative=0.9)],
    )


def fold(surges: list[Surge], state: StormState | None = None) -> tuple[StormState, list[Transition]]:
    state, told = state or StormState(), []
    for each in surges:
        state, more = observe_surge(state, each, RULE)
        told += more
    return state, told


def many(count: int, from_s: float = 0.0, apart_s: float = 60.0, first: int = 0) -> list[Surge]:
    return [surge(f"E{first + i}", from_s + i * apart_s) for i in range(count)]


def test_five_entities_within_half_an_hour_are_a_storm_that_names_them() -> None:
    _, told = fold(many(5))
    assert [each.status for each in told] == ["opened"]
    assert (told[0].kind, told[0].members, told[0].observed) == ("storm", ["E0", "E1", "E2", "E3", "E4"], 5)
    assert len(told[0].evidence) == 5
    assert told[0].series is not None
    assert sum(value or 0 for value in told[0].series.values) == 5


def test_four_are_none_and_five_over_a_day_are_none() -> None:
    assert fold(many(4))[1] == []
    assert fold(many(5, apart_s=DAY / 5))[1] == []


def test_one_entity_five_times_is_no_storm() -> None:
    assert fold([surge("Nokia", i * 60.0) for i in range(5)])[1] == []


def test_a_storm_grows_at_doublings_and_resolves_when_none_opened_for_an_hour() -> None:
    state, told = fold(many(20))
    assert [each.status for each in told] == ["opened", "grew", "grew"]
    assert [each.severity for each in told] == ["warning", "warning", "critical"]
    assert pass_time(state, seconds(START) + 20 * 60, RULE) == (state, [])
    over, (resolved,) = pass_time(state, seconds(START) + 19 * 60 + RULE.calm_s, RULE)
    assert (resolved.status, resolved.observed, resolved.episode) == ("resolved", 20, told[0].episode)
    assert pass_time(over, seconds(START) + DAY, RULE) == (over, [])


def test_a_later_surge_resolves_it_as_time_does() -> None:
    state, _ = fold(many(5))
    _, by_time = pass_time(state, seconds(START) + DAY, RULE)
    _, by_surge = observe_surge(state, surge("Late", DAY), RULE)
    assert by_time == by_surge


@given(st.lists(st.integers(0, 30), max_size=60))
def test_surges_that_come_again_change_nothing(order: list[int]) -> None:
    surges = many(31)
    state, told = fold(surges)
    for place in order:
        same, again = observe_surge(state, surges[place], RULE)
        assert same is state
        assert again == []
    assert [each.status for each in told].count("opened") == 1


def test_memory_is_bounded_and_survives_its_encoding() -> None:
    state, _ = fold(many(2 * SEEN, apart_s=1.0))
    assert (len(state.seen), len(state.openings)) == (SEEN, MEMBERS)
    assert decode_storm(encode_storm(state)) == state
