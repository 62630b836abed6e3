"""Tells an Alertmanager again and again what is still open: without that it takes an episode for over."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime

from streams.records import Alert
from streams.sinks.config import Alertmanager
from streams.sinks.metrics import Metrics
from streams.sinks.outcome import Delivered, Outcome, Rejected
from streams.sinks.outlet import Outlet, Stopped
from streams.sinks.told import Told
from streams.sinks.wanted import Actions

LOOK_S = 0.5

log = logging.getLogger(__name__)


async def repeat_open(
    sink: Alertmanager,
    outlet: Outlet,
    told: Callable[[], list[Told] | None],
    send: Callable[[Sequence[Alert]], Awaitable[Outcome]],
    actions: Actions,
    metrics: Metrics,
) -> None:
    """Until the process is told to stop. `told` gives None while it is not known yet what is open."""
    due_s = 0.0
    while True:
        try:
            await outlet.wait(LOOK_S)
            known = told()
            if known is None or time.time() < due_s:
                continue
            due_s = time.time() + sink.repeat_s

            async def attempt(known: Iterable[Told] = known) -> Outcome:
                alerts = still_open(known, actions, datetime.now(UTC))  # now that no other attempt is under way
                outcome = await send(alerts) if alerts else Delivered()
                if isinstance(outcome, Delivered):
                    metrics.repeats.labels(sink.KIND).inc(len(alerts))
                return outcome

            outcome, _ = await outlet.once(attempt)
            if isinstance(outcome, Rejected):
                log.warning("%r: repeats rejected: %s", sink, outcome.detail)
        except Stopped:
            return


def still_open(told: Iterable[Told], actions: Actions, now: datetime) -> list[Alert]:
    """The last alert told of each open episode whose entity is not muted."""
    episodes = (episode for each in told for episode in each.open.values())
    return [episode.alert for episode in episodes if not actions.muted(episode.alert.entity, now)]
