"""Attempts until an alert is told or given up, on a clock that the test turns."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry

from streams.sinks.config import Webhook
from streams.sinks.metrics import Metrics
from streams.sinks.outcome import Delivered, Failed, Outcome, Rejected
from streams.sinks.outlet import Outlet, Stopped

HOOK = Webhook(name="ops", url="https://ops.example/T0/hunter2", secret="hunter3")


class Turned(Outlet):
    """Waiting turns the clock; nothing else does."""

    def __init__(self, draw: Callable[[], float] = lambda: 0.5) -> None:
        self.now_s = 1000.0
        self.registry = CollectorRegistry()
        super().__init__(HOOK, Metrics(self.registry), asyncio.Event(), lambda: self.now_s, draw)

    async def wait(self, seconds: float) -> None:
        if self.stop.is_set():
            raise Stopped
        self.now_s += seconds
        await asyncio.sleep(0)

    @property
    def retries(self) -> float | None:
        return self.registry.get_sample_value("gretchen_delivery_retries_total", {"sink": "webhook"})


def answers(*outcomes: Outcome | Exception) -> tuple[Callable[[], Awaitable[Outcome]], list[Outcome | Exception]]:
    """Attempts that come to these, the last for good; and what is left of them."""
    left = list(outcomes)

    async def attempt() -> Outcome:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return attempt, left


def deliver(outlet: Outlet, *outcomes: Outcome | Exception, within_s: float = 3600.0) -> Outcome:
    return asyncio.run(outlet.deliver(answers(*outcomes)[0], outlet.clock() + within_s))


def test_a_failure_that_passes_is_a_delivery_after_a_pause() -> None:
    outlet = Turned()
    assert deliver(outlet, Failed("HTTP 500"), Failed("HTTP 500"), Delivered()) == Delivered()
    assert outlet.now_s == 1000.0 + 1.0 + 2.0 and outlet.retries == 2.0


def test_a_rejection_is_not_tried_again() -> None:
    outlet = Turned()
    assert deliver(outlet, Rejected("HTTP 404")) == Rejected("HTTP 404")
    assert outlet.now_s == 1000.0


def test_a_retry_after_is_waited_for() -> None:
    outlet = Turned(lambda: 0.0)
    assert deliver(outlet, Failed("HTTP 429", 40.0), Delivered()) == Delivered()
    assert outlet.now_s >= 1040.0


def test_a_receiver_that_stays_away_is_given_up_at_the_deadline_after_few_attempts() -> None:
    outlet = Turned(random.Random(7).random)
    outcome = deliver(outlet, Failed("HTTP 503"))
    assert isinstance(outcome, Failed) and "HTTP 503 (gave up after" in outcome.detail
    assert 3600.0 - 121.0 <= outlet.now_s - 1000.0 < 3600.0
    assert outlet.retries is not None and 20 < outlet.retries < 50, (
        "the breaker lets one attempt in two minutes through"
    )


def test_a_receiver_that_comes_back_within_the_time_gets_the_alert_soon() -> None:
    outlet = Turned()

    async def attempt() -> Outcome:
        return Delivered() if outlet.now_s > 1000.0 + 1800.0 else Failed("HTTP 503")

    assert asyncio.run(outlet.deliver(attempt, 1000.0 + 3600.0)) == Delivered()
    assert outlet.now_s < 1000.0 + 1800.0 + 130.0
    assert outlet.breaker.state == "closed"


def test_two_alerts_do_not_try_a_failing_receiver_twice_as_often() -> None:
    outlet, tries = Turned(), 0

    async def attempt() -> Outcome:
        nonlocal tries
        tries += 1
        return Failed("HTTP 503")

    async def both() -> None:
        await asyncio.gather(*(outlet.deliver(attempt, 1000.0 + 3600.0) for _ in range(2)))

    asyncio.run(both())
    assert tries < 60


def test_an_alert_that_cannot_be_put_into_words_is_rejected_and_holds_up_nobody() -> None:
    assert deliver(Turned(), ValueError("no such thing")) == Rejected("ValueError: no such thing")


def test_a_secret_that_the_receiver_repeats_is_taken_out() -> None:
    said = "HTTP 400: bad signature hunter3 for https://ops.example/T0/hunter2 at /T0/hunter2"
    assert deliver(Turned(), Rejected(said)) == Rejected("HTTP 400: bad signature *** for *** at ***")


def test_stopping_ends_a_wait_at_once_and_an_attempt_not_at_all() -> None:
    outlet = Outlet(HOOK, Metrics(CollectorRegistry()), asyncio.Event())
    finished = []

    async def slow() -> Outcome:
        outlet.stop.set()
        await asyncio.sleep(0.05)
        finished.append(True)
        return Failed("HTTP 500", 3600.0)

    with pytest.raises(Stopped):
        asyncio.run(outlet.deliver(slow, outlet.clock() + 7200.0))
    assert finished == [True]
