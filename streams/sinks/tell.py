"""What a sink does with one record of the alerts topic: deliver it, know why not, or give it to the dead letters."""

import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aiokafka.errors import KafkaError

from streams.events import Output, dead_letter, header
from streams.intake import Refused, decode
from streams.records import Alert
from streams.settings import Settings
from streams.sinks.config import Sink
from streams.sinks.metrics import Metrics
from streams.sinks.outcome import Delivered, Failed, Outcome
from streams.sinks.outlet import Outlet
from streams.sinks.senders import Send
from streams.sinks.storms import SETTLE_S, Storms, part_of_storms
from streams.sinks.told import Told
from streams.sinks.wanted import Actions, Verdict, wanted
from streams.topics import ALERTS

AGAIN_S = 2.0
ONLY = "sink"  # the header of a dead letter, and of one that was put back: only this sink takes it, and takes it again

log = logging.getLogger(__name__)


class Teller:
    """One sink's; `publish` sends a record and raises KafkaError when Kafka does not take it."""

    def __init__(
        self,
        settings: Settings,
        sink: Sink,
        outlet: Outlet,
        send: Send,
        publish: Callable[[Output], Awaitable[object]],
        actions: Actions,
        storms: Storms,
        metrics: Metrics,
        settle_s: float = SETTLE_S,
    ) -> None:
        self.settings, self.sink, self.outlet, self.send = settings, sink, outlet, send
        self.publish, self.actions, self.storms, self.metrics = publish, actions, storms, metrics
        self.settle_s = settle_s
        self.started_s = time.time()

    async def finish(self, told: Told, record: Any) -> None:
        """Returns when the sink is done with the record. Raises Stopped."""
        outcome = await self.deliver(told, record)
        self.metrics.deliveries.labels(self.sink.KIND, outcome).inc()

    async def deliver(self, told: Told, record: Any) -> str:
        """What came of it, a label of the deliveries metric. Raises Stopped."""
        only = header(record.headers, ONLY)
        if only not in (None, self.sink.name):
            return "unwanted"
        try:
            alert = decode(record.value, Alert, header(record.headers, "ce_type"))
        except Refused as refused:
            await self.bury(record, refused)
            return "unreadable"
        if alert.id in told.ids and only is None:
            return "duplicate"
        known = told.open.get(alert.episode)
        if self.sink.storms and not known and part_of_storms(alert):
            await self.settle(record)
        verdict = self.verdict(told, alert, datetime.now(UTC))
        if verdict != "wanted":
            self.note(told, alert, verdict)
            return verdict

        async def attempt() -> Outcome:
            outcome = await self.send(alert, known)
            if isinstance(outcome, Delivered):
                told.add(alert)  # before any other attempt: a repeat must not open again what is over
            return outcome

        written_s = min(record.timestamp / 1000, time.time())
        deadline_s = max(written_s, self.started_s) + self.sink.give_up_after_s
        outcome = await self.outlet.deliver(attempt, deadline_s)
        if isinstance(outcome, Delivered):
            self.metrics.seconds.labels(self.sink.KIND).observe(max(0.0, time.time() - written_s))
            return "delivered"
        await self.bury(record, Refused("sink", outcome.detail))
        told.add(alert)
        return "gave_up" if isinstance(outcome, Failed) else "rejected"

    def remember(self, told: Told, record: Any) -> None:
        """Fold a record that the sink was done with before this process began."""
        if header(record.headers, ONLY) not in (None, self.sink.name):
            return
        try:
            alert = decode(record.value, Alert, header(record.headers, "ce_type"))
        except Refused:
            return
        at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        verdict = self.verdict(told, alert, at, at.timestamp() + self.settle_s)
        if verdict == "wanted":
            told.add(alert)
        else:
            self.note(told, alert, verdict)

    def verdict(self, told: Told, alert: Alert, at: datetime, by_s: float | None = None) -> Verdict:
        """`by_s`: when that was decided, in a process before this one; with the storms that were known by then."""
        known, silent = alert.episode in told.open, told.silent.get(alert.episode)
        return wanted(alert, self.sink, self.actions, known, at, self.storms, silent, by_s)

    def note(self, told: Told, alert: Alert, verdict: Verdict) -> None:
        """Remember what was not told."""
        if verdict == "muted":
            told.add(alert)  # still open when the mute is over
        elif verdict in ("held", "storm"):
            told.pass_over(alert, verdict)

    async def settle(self, record: Any) -> None:
        """Until the storm that the alert may belong to is known: it is told some moments later. Raises Stopped."""
        age_s = max(0.0, time.time() - record.timestamp / 1000)
        if age_s < self.settle_s:
            await self.outlet.wait(self.settle_s - age_s)

    async def bury(self, record: Any, refused: Refused) -> None:
        """Into the dead letters, however long Kafka takes. Raises Stopped."""
        log.warning("%r: dead letter: %d@%d: %s", self.sink, record.partition, record.offset, refused.detail)
        while True:
            try:
                await self.publish(letter(self.settings, record, refused, self.sink.name))
                break
            except KafkaError as error:
                log.warning("%r: Kafka does not take a dead letter (%r); trying on", self.sink, error)
                await self.outlet.wait(AGAIN_S)
        self.metrics.dead_letters.labels(refused.reason).inc()


def letter(settings: Settings, record: Any, refused: Refused, sink: str) -> Output:
    """A dead letter that says for which sink; its id too, as each sink may have one of the same record."""
    made = dead_letter(settings, ALERTS, record, refused)
    headers = [(key, value + f"/{sink}".encode() if key == "ce_id" else value) for key, value in made.headers]
    return made._replace(headers=[*headers, (ONLY, sink.encode())])
