"""A circuit breaker as a value: a receiver that keeps failing is left alone, then tried by one attempt at a time.

closed ──FAILURES in a row, or a Retry-After──> open ──time is over──> half-open ──success──> closed
                                                 └────────failure, twice as long──────┘
"""

from typing import Literal, NamedTuple, get_args

from streams.sinks.outcome import Failed, Outcome

State = Literal["closed", "open", "half-open"]
STATES: tuple[State, ...] = get_args(State)

FAILURES = 5
OPEN_S, LONGEST_OPEN_S = 15.0, 120.0
TRIAL_S = 90.0  # a trial that has said nothing for so long is lost; longer than any attempt may take


class Breaker(NamedTuple):
    """`until_s` is when an open one may be tried, and when the trial of a half-open one counts as lost."""

    state: State = "closed"
    failures: int = 0
    open_s: float = OPEN_S
    until_s: float = 0.0


def ask(breaker: Breaker, now_s: float) -> tuple[Breaker, float]:
    """May an attempt be made now? The breaker after that, and 0, or the seconds until it is worth asking again."""
    if breaker.state == "closed":
        return breaker, 0.0
    if now_s < breaker.until_s:
        return breaker, breaker.until_s - now_s
    return breaker._replace(state="half-open", until_s=now_s + TRIAL_S), 0.0


def decide(breaker: Breaker, outcome: Outcome, now_s: float) -> Breaker:
    """The breaker after an attempt. A rejection counts as success: the receiver answers."""
    if not isinstance(outcome, Failed):
        return Breaker()
    failures = breaker.failures + 1
    asked_s = outcome.retry_after_s or 0.0
    if breaker.state == "closed" and failures < FAILURES and not asked_s:
        return breaker._replace(failures=failures)
    open_s = OPEN_S if breaker.state == "closed" else min(2 * breaker.open_s, LONGEST_OPEN_S)
    return Breaker("open", failures, open_s, now_s + (asked_s or open_s))
