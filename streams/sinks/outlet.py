"""One sink's way out: attempts behind its breaker, one at a time, until an alert is told or given up."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

from streams.sinks.backoff import pause_s
from streams.sinks.breaker import Breaker, ask, decide
from streams.sinks.config import Sink
from streams.sinks.metrics import Metrics
from streams.sinks.outcome import Failed, Outcome, Rejected

LOOK_S = 2.0  # how often one who waits for the breaker asks again: another alert's trial may have closed it

log = logging.getLogger(__name__)


class Stopped(Exception):
    """The process is told to stop: what is not delivered stays in Kafka."""


class Outlet:
    """`stop` ends every wait, but no attempt. Alerts of several partitions may use it at once."""

    def __init__(
        self,
        sink: Sink,
        metrics: Metrics,
        stop: asyncio.Event,
        clock: Callable[[], float] = time.time,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.sink, self.metrics, self.stop = sink, metrics, stop
        self.clock, self.draw = clock, draw
        self.breaker, self.last_failure = Breaker(), ""
        self._one_at_a_time = asyncio.Lock()

    async def deliver(self, attempt: Callable[[], Awaitable[Outcome]], deadline_s: float) -> Outcome:
        """Delivered, Rejected, or Failed once no further attempt fits before the deadline. Raises Stopped."""
        failures = 0
        while True:
            outcome, wait_s = await self.once(attempt, retry=failures > 0)
            if isinstance(outcome, Failed):
                failures += 1
                wait_s = pause_s(failures, outcome.retry_after_s, self.draw())
            elif outcome is not None:
                return outcome
            if self.clock() + wait_s >= deadline_s:
                return Failed(f"{self.last_failure} (gave up after {failures} attempt{'' if failures == 1 else 's'})")
            await self.wait(wait_s if outcome is not None else min(wait_s, LOOK_S))

    async def once(
        self, attempt: Callable[[], Awaitable[Outcome]], retry: bool = False
    ) -> tuple[Outcome | None, float]:
        """One attempt if the breaker lets it, else None and how long to wait. Raises Stopped."""
        async with self._one_at_a_time:
            if self.stop.is_set():
                raise Stopped
            breaker, wait_s = ask(self.breaker, self.clock())
            self.change(breaker, "")
            if wait_s:
                return None, wait_s
            if retry:
                self.metrics.retries.labels(self.sink.KIND).inc()
            try:
                outcome = await attempt()
            except Exception as error:  # the dead-letter boundary: one alert must not stop the others
                log.exception("%r: an alert could not be put into words", self.sink)
                outcome = Rejected(f"{type(error).__name__}: {error}")
            outcome = self.scrubbed(outcome)
            if isinstance(outcome, Failed):
                self.last_failure = outcome.detail
            self.change(decide(self.breaker, outcome, self.clock()), getattr(outcome, "detail", ""))
            return outcome, 0.0

    async def wait(self, seconds: float) -> None:
        """Raises Stopped as soon as the process is told to stop."""
        try:
            await asyncio.wait_for(self.stop.wait(), max(seconds, 0.001))
        except TimeoutError:
            return
        raise Stopped

    def change(self, breaker: Breaker, why: str) -> None:
        """Takes on a breaker; a change of its state is one line in the log."""
        if breaker.state != self.breaker.state:
            until = f", next try in {breaker.until_s - self.clock():.0f} s" if breaker.state == "open" else ""
            level = logging.WARNING if breaker.state == "open" else logging.INFO
            log.log(level, "%r: breaker %s%s%s", self.sink, breaker.state, f" ({why})" if why else "", until)
        self.breaker = breaker

    def scrubbed(self, outcome: Outcome) -> Outcome:
        """A receiver may repeat what we sent it: our secrets are taken out."""
        if not isinstance(outcome, Rejected | Failed):
            return outcome
        detail = outcome.detail
        for secret in self.sink.secrets():
            detail = detail.replace(secret, "***")
        return outcome._replace(detail=detail)
