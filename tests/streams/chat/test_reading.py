"""From passages to one span: likeliest over all, found well, agreed upon; and no more is read than is needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.reader import Answer
from streams.chat.reading import FIRST, RANK_WEIGHT, at_rank, likeliest
from tests.support.talking import Finder, Talk, answering, reading

SCORES = st.floats(0, 1)


def span(passage: int, text: str, score: float) -> Answer:
    return Answer(passage, 0, len(text), text, score, score)


def test_the_likeliest_span_of_all_passages_is_taken() -> None:
    best, score = likeliest([span(0, "a", 0.4), span(1, "b", 0.9)])
    assert best.text == "b" and 0.4 < score <= 0.9


def test_of_equal_spans_the_one_in_the_passage_found_first_is_taken() -> None:
    assert likeliest([span(3, "far", 0.8), span(0, "near", 0.8)])[0].text == "near"


def test_of_as_good_as_equal_spans_the_one_that_more_passages_have_is_taken() -> None:
    spans = [span(0, "five", 0.8), span(0, "The six!", 0.795), span(1, "six", 0.5)]
    assert likeliest(spans)[0].text == "The six!"


@given(SCORES, st.integers(0, 20), st.floats(0, 3))
def test_a_rank_only_lowers_a_chance(score: float, rank: int, weight: float) -> None:
    assert 0 <= at_rank(score, rank, weight) <= score + 1e-6
    assert at_rank(score, 0, weight) == pytest.approx(score, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abc"), SCORES), min_size=1, max_size=8))
def test_what_is_taken_is_as_good_as_the_best(spans: list[tuple[int, str, float]]) -> None:
    answers = [span(*one) for one in spans]
    best, score = likeliest(answers)
    assert best in answers
    assert score > max(at_rank(one.score, one.passage, RANK_WEIGHT) for one in answers) - 0.021


@pytest.mark.parametrize(("chance", "calls"), [(0.95, 1), (0.5, 2), (0.02, 1)])
def test_further_passages_are_read_only_where_the_first_leaves_doubts(chance: float, calls: int) -> None:
    finder = Finder(chance, {"cost": "2 percent"})
    texts = ["It is 2 percent.", *["Nothing here."] * FIRST, "In all, 2 percent."]
    Talk(answering({}, reading(finder, *texts)))("what does it cost")
    assert finder.calls == calls


def test_a_span_of_a_later_passage_keeps_its_place() -> None:
    finder = Finder(0.95, {"cost": "2 percent"})
    texts = [*["Nothing here."] * (FIRST + 1), "In all, 2 percent."]
    source = Talk(answering({}, reading(finder, *texts)))("what does it cost").answer.sources[0]
    assert source.start == 1000 * (FIRST + 1) + 8 and source.quote == "2 percent"
