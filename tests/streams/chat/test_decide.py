"""The decision over all ways: what a wrong answer costs says how likely an answer has to be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.chat.chances import line, measured
from streams.chat.decide import MOST_CONSIDERED, Options, Weighed, considered, decide, least_chance
from streams.chat.turns import Candidate

CHANCES = st.floats(0, 1)
PRICES = st.floats(1.01, 100)


def template(chance: float, intent: str = "card") -> Candidate:
    return Candidate("template", "", chance, intent=intent)


@given(CHANCES, PRICES)
def test_an_answer_is_given_just_where_it_costs_less_than_a_hand_over(chance: float, price: float) -> None:
    cost = (1 - chance) * price
    if abs(cost - 1) > 1e-9:
        assert (decide(Weighed((template(chance),)), price).what == "answer") == (cost < 1)


@given(st.lists(st.tuples(st.sampled_from(["template", "live", "documents"]), CHANCES), max_size=6), PRICES)
def test_nothing_but_the_likeliest_of_all_ways_is_answered(said: list[tuple[str, float]], price: float) -> None:
    candidates = tuple(Candidate(way, way, chance) for way, chance in said)  # type: ignore[arg-type]
    verdict = decide(Weighed(candidates), price)
    assert verdict.confidence == max((chance for _, chance in said), default=0.0)
    if verdict.what == "answer":
        assert verdict.best is not None and verdict.confidence > least_chance(price)


@given(CHANCES, st.floats(1.01, 50), st.floats(1.0, 50))
def test_a_dearer_wrong_answer_never_makes_it_bolder(chance: float, price: float, dearer: float) -> None:
    weighed = Weighed((template(chance),))
    if decide(weighed, price).what == "unsure":
        assert decide(weighed, price * dearer).what == "unsure"


def test_two_close_intents_that_are_likely_together_are_asked_about() -> None:
    close = Weighed((template(0.45), template(0.44, "cash")), (Options(("card", "cash"), 0.9),))
    assert decide(close, 3.0).what == "clarify" and decide(close, 3.0).intents == ("card", "cash")
    far = Weighed((template(0.3), template(0.2, "cash")), (Options(("card", "cash"), 0.5),))
    assert decide(far, 3.0).what == "unsure"


def test_many_unlikely_intents_are_not_asked_about_however_likely_together() -> None:
    flat = Weighed((template(0.28), template(0.27, "cash"), template(0.26, "pin")), (Options(("card", "cash"), 0.9),))
    assert decide(flat, 3.0).what == "unsure"


def test_no_question_goes_back_where_another_way_is_sure() -> None:
    weighed = Weighed((template(0.45),), (Options(("card", "cash"), 0.9),)) + Weighed((Candidate("live", "up", 0.9),))
    assert decide(weighed, 3.0) == decide(Weighed((Candidate("live", "up", 0.9),)), 3.0)


def test_of_equal_chances_the_way_that_was_asked_first_is_taken() -> None:
    weighed = Weighed((template(0.8),)) + Weighed((Candidate("documents", "read", 0.8),))
    assert weighed.best is not None and weighed.best.way == "template"


def test_the_reasons_tell_every_way_and_are_bounded() -> None:
    one = Weighed((Candidate("documents", "", 0.2, said="faq#1"), template(0.7)))
    assert [(each.way, each.confidence) for each in considered([one])] == [("template", 0.7), ("documents", 0.2)]
    assert len(considered([one] * 20)) == MOST_CONSIDERED


@given(CHANCES, CHANCES)
def test_a_map_of_chances_rises_and_stays_a_chance(low: float, high: float) -> None:
    chance = line([(0.1, 0.0), (0.5, 0.6), (0.9, 0.95)])
    low, high = sorted((low, high))
    assert 0 <= chance(low) <= chance(high) <= 1


def test_a_map_goes_through_its_points() -> None:
    chance = line([(0.0, 0.0), (0.5, 2 / 3), (1.0, 1.0)])
    assert [chance(x) for x in (0.0, 0.25, 0.5, 1.0)] == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_the_measured_maps_are_maps() -> None:
    for versions in measured().values():
        for points in versions.values():
            assert points == sorted(points) and [y for _, y in points] == sorted(y for _, y in points)
