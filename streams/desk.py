"""What every agent's step needs: where to send, what to count, what time it is; tables read and kept by batches."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from streams.batching import Batch
from streams.events import Output, dead_letter, header
from streams.exact import ExactApp
from streams.intake import Refused
from streams.metrics import Metrics
from streams.settings import Settings
from streams.tables import ExactTable
from streams.topics import Topic

In = TypeVar("In")
Decode = Callable[[bytes | None, str | None, datetime, int, float], In]
"""Value, ce_type, when it was appended, most characters, most seconds ahead -> record; of streams/intake.py."""
Clock = Callable[[], datetime]
Values = dict[tuple[int, str], tuple[int, bytes]]
"""(partition, key) -> (source offset, new value): what a batch changes in a table."""


@dataclass(frozen=True)
class Desk:
    """One worker's desk."""

    app: ExactApp
    settings: Settings
    metrics: Metrics
    clock: Clock

    def received_at(self, message: Any) -> datetime:
        """When the record was appended: the same at every replay, so that a verdict on its date is, too."""
        return min(datetime.fromtimestamp(message.timestamp, UTC), self.clock())

    def read(self, event: Any, decode: Decode[In]) -> In:
        """The event's record, if it can be taken. Raises Refused."""
        message, settings = event.message, self.settings
        ce_type = header(message.headers, "ce_type")
        return decode(event.value, ce_type, self.received_at(message), settings.max_text_chars, settings.max_future_s)

    def refuse(self, topic: Topic, message: Any, refused: Refused) -> Output:
        self.metrics.dead_letters.labels(refused.reason).inc()
        return dead_letter(self.settings, topic, message, refused)

    async def publish(self, agent: str, outputs: Sequence[Output]) -> list[Any]:
        """The broker's metadata, in order, once all are acknowledged."""
        begun = time.monotonic()
        sent = await self.app.publish(outputs)
        self.metrics.stage.labels(agent, "publish").observe(time.monotonic() - begun)
        for topic, records in Counter(each.topic for each in outputs).items():
            self.metrics.records_out.labels(topic.removeprefix(self.settings.topic_prefix)).inc(records)
        return sent

    def finish(self, agent: str, topic: Topic, batch: Batch) -> None:
        batch.ack()
        now = self.clock().timestamp()
        self.metrics.batches.labels(agent).inc()
        self.metrics.records_in.labels(topic.name).inc(len(batch.events))
        latency = self.metrics.latency.labels(agent)  # per batch: labels() per event shows in the profile
        for event in batch.events:
            latency.observe(max(0.0, now - event.message.timestamp))


def load(table: ExactTable, event: Any, key: str, decoder: Callable[[bytes], Any]) -> Any:
    value = table.read(event, key)
    return None if value is None else decoder(value)


async def keep(table: ExactTable, changed: Values) -> None:
    """Write a batch's values, one call a partition."""
    for partition in sorted({partition for partition, _ in changed}):
        await table.put(partition, {key: each for (p, key), each in changed.items() if p == partition})
