"""A look says how unlikely a window is; the part of a headline that counts today is even, and the same on a replay."""

import pytest
from entity_stream import DAY, HOUR, burst, fold, ordinary, seen, stream

from streams.news.looks import Look, dither
from streams.news.looks import looks as looks_of
from streams.news.windows import Detector, WindowState, decode_state, encode_state

WINDOWS_S = (900.0, 3600.0, 7200.0)


def looks(state: WindowState, windows_s: tuple[float, ...]) -> list[Look]:
    return looks_of(state, "negatives", state.detectors.get("negatives", Detector()), windows_s)


def test_a_surge_surprises_more_than_an_ordinary_hour() -> None:
    calm, _ = fold(stream(ordinary(10, a_day=30)))
    surge, _ = fold(stream(ordinary(10, a_day=30), burst(10 * DAY, 10, HOUR)))
    assert max(look.surprise for look in looks(surge, WINDOWS_S)) > 10
    assert all(look.surprise < 5 for look in looks(calm, WINDOWS_S))


def test_only_windows_with_clearly_more_than_expected_are_looked_at() -> None:
    state, _ = fold(stream(ordinary(10, a_day=300), [(10 * DAY, "negative")]))
    assert all(look.observed > look.expected for look in looks(state, WINDOWS_S))
    assert looks(WindowState(entity="Nokia"), WINDOWS_S) == []


def test_looking_at_more_windows_makes_each_less_surprising() -> None:
    state, _ = fold(stream(ordinary(10), burst(10 * DAY, 10, HOUR)))
    (alone,) = looks(state, (3600.0,))
    among = next(look for look in looks(state, WINDOWS_S) if look.span_s == 3600)
    assert among.surprise < alone.surprise


def test_dither_spreads_evenly_over_the_days_of_an_entity() -> None:
    shares = sorted(dither(WindowState(entity="Nokia", clock_s=20_000 * DAY + day * DAY)) for day in range(50))
    assert all(abs(share - (i + 0.5) / 50) < 0.05 for i, share in enumerate(shares))


@pytest.mark.parametrize("entity", ["Nokia", "株式会社東芝", "\ud800", ""])
def test_dither_depends_on_the_entity_and_the_day_only(entity: str) -> None:
    morning, evening = (
        dither(WindowState(entity=entity, clock_s=DAY * 700 + s, applied=i)) for i, s in ((1, 9), (2, 80_000))
    )
    assert morning == evening
    assert 0 < morning <= 1


def test_a_state_that_was_stored_is_judged_alike() -> None:
    state, _ = fold([*stream(ordinary(10), burst(10 * DAY, 6, HOUR)), seen(900, 10 * DAY + 3700)])
    assert looks(decode_state(encode_state(state)), WINDOWS_S) == looks(state, WINDOWS_S)
