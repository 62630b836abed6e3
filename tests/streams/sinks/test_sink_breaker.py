"""The breaker leaves a failing receiver alone and lets one attempt try it; the back-off spreads attempts."""

from hypothesis import given
from hypothesis import strategies as st

from streams.sinks.backoff import LONGEST_S, pause_s
from streams.sinks.breaker import FAILURES, LONGEST_OPEN_S, OPEN_S, TRIAL_S, Breaker, ask, decide
from streams.sinks.outcome import Delivered, Failed, Outcome, Rejected

AWAY = Failed("away")


def failing(times: int, now_s: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker = decide(breaker, AWAY, now_s)
    return breaker


def test_it_stays_closed_below_the_limit_and_a_success_starts_the_count_again() -> None:
    assert failing(FAILURES - 1).state == "closed"
    assert decide(failing(FAILURES - 1), Delivered(), 0.0) == Breaker()
    assert decide(decide(failing(FAILURES - 1), Delivered(), 0.0), AWAY, 0.0).state == "closed"


def test_it_opens_at_the_limit_and_tells_how_long_to_wait() -> None:
    breaker = failing(FAILURES, now_s=100.0)
    assert breaker.state == "open"
    assert ask(breaker, 101.0) == (breaker, OPEN_S - 1.0)


def test_a_rejection_shows_that_the_receiver_is_there() -> None:
    assert decide(failing(FAILURES - 1), Rejected("HTTP 404"), 0.0) == Breaker()


def test_after_the_time_one_attempt_is_let_through_and_no_other() -> None:
    trial, wait_s = ask(failing(FAILURES), OPEN_S)
    assert (trial.state, wait_s) == ("half-open", 0.0)
    assert ask(trial, OPEN_S + 1.0) == (trial, TRIAL_S - 1.0)


def test_a_trial_that_says_nothing_any_more_is_replaced_by_another() -> None:
    trial, _ = ask(failing(FAILURES), OPEN_S)
    assert ask(trial, OPEN_S + TRIAL_S)[1] == 0.0


def test_a_trial_that_succeeds_closes_and_one_that_fails_opens_for_twice_as_long() -> None:
    trial, _ = ask(failing(FAILURES), OPEN_S)
    assert decide(trial, Delivered(), OPEN_S).state == "closed"
    again = decide(trial, AWAY, OPEN_S)
    assert (again.state, again.until_s) == ("open", OPEN_S + 2 * OPEN_S)


def test_the_wait_does_not_grow_for_ever() -> None:
    breaker, now_s = failing(FAILURES), 0.0
    for _ in range(20):
        now_s = breaker.until_s
        breaker = decide(ask(breaker, now_s)[0], AWAY, now_s)
    assert breaker.until_s - now_s == LONGEST_OPEN_S


def test_a_retry_after_opens_it_at_once_for_as_long_as_was_asked() -> None:
    breaker = decide(Breaker(), Failed("HTTP 429", retry_after_s=7.0), 100.0)
    assert ask(breaker, 100.0) == (breaker, 7.0)


@given(st.lists(st.tuples(st.sampled_from([Delivered(), AWAY, Rejected("no")]), st.floats(0, 300))))
def test_it_never_locks_a_receiver_out_for_good(history: list[tuple[Outcome, float]]) -> None:
    breaker, now_s = Breaker(), 0.0
    for outcome, later_s in history:
        now_s += later_s
        breaker, wait_s = ask(breaker, now_s)
        assert 0.0 <= wait_s <= max(LONGEST_OPEN_S, TRIAL_S)
        if not wait_s:
            breaker = decide(breaker, outcome, now_s)
    assert ask(breaker, now_s + LONGEST_OPEN_S)[1] == 0.0


@given(st.integers(1, 100_000), st.floats(0, 1, exclude_max=True))
def test_the_pause_is_bounded_and_jittered_in_full(failures: int, draw: float) -> None:
    assert 0.0 <= pause_s(failures, None, draw) <= LONGEST_S
    assert pause_s(failures, None, 0.0) == 0.0


def test_the_pause_doubles_and_is_never_shorter_than_what_was_asked_for() -> None:
    assert [pause_s(n, None, 0.5) for n in (1, 2, 3)] == [1.0, 2.0, 4.0]
    assert pause_s(1, 9.0, 0.5) == 9.0
