"""What a sink does with one record: delivered once, kept out of others' hands, buried with what it was."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from aiokafka.errors import KafkaConnectionError
from prometheus_client import CollectorRegistry

from streams.events import Output, header
from streams.records import Alert
from streams.settings import Settings
from streams.sinks.config import Log
from streams.sinks.metrics import OUTCOMES, Metrics
from streams.sinks.outcome import Delivered, Outcome, Rejected
from streams.sinks.outlet import Outlet
from streams.sinks.tell import Teller
from streams.sinks.told import Episode, Told
from streams.sinks.wanted import Actions
from tests.support.page_records import alert

TAKEN = Delivered()
OPENED, RESOLVED = alert("Acme"), alert("Acme", "resolved")


@dataclass
class Lying:
    """A record in Kafka."""

    value: bytes
    offset: int = 7
    partition: int = 1
    key: bytes | None = b"acme"
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = field(default_factory=lambda: int(time.time() * 1000))


class Room:
    """A sink named 'here' with all that is around it."""

    def __init__(self, outcome: Outcome = TAKEN, **filters: Any) -> None:
        self.outcome, self.told = outcome, Told()
        self.heard: list[tuple[str, Episode | None]] = []
        self.buried: list[Output] = []
        self.kafka_fails = 0
        self.registry = CollectorRegistry()
        sink, metrics = Log(name="here", **filters), Metrics(self.registry, ["log"])
        outlet = Outlet(sink, metrics, asyncio.Event())
        self.teller = Teller(Settings(), sink, outlet, self.send, self.publish, Actions(), metrics)

    async def send(self, alert: Alert, known: Episode | None) -> Outcome:
        self.heard.append((alert.id, known))
        return self.outcome

    async def publish(self, output: Output) -> None:
        if self.kafka_fails:
            self.kafka_fails -= 1
            raise KafkaConnectionError
        self.buried.append(output)

    def deliver(self, alert: Alert | bytes, only: str = "") -> str:
        value = alert if isinstance(alert, bytes) else msgspec.json.encode(alert)
        record = Lying(value, headers=[("sink", only.encode())] if only else ())
        return asyncio.run(self.teller.deliver(self.told, record))


def test_a_duplicate_in_the_topic_is_told_once() -> None:
    room = Room()
    assert [room.deliver(OPENED), room.deliver(OPENED)] == ["delivered", "duplicate"]
    assert [id for id, _ in room.heard] == [OPENED.id]


def test_what_a_sink_did_with_records_is_counted_from_zero() -> None:
    """Prometheus' increase() misses the first of a counter that appears with it."""

    def counted(outcome: str) -> float | None:
        return room.registry.get_sample_value("gretchen_deliveries_total", {"sink": "log", "outcome": outcome})

    room = Room(Rejected("HTTP 404"))
    assert [counted(outcome) for outcome in OUTCOMES] == [0.0] * 8
    asyncio.run(room.teller.finish(room.told, Lying(msgspec.json.encode(OPENED))))
    assert [counted("rejected"), counted("delivered")] == [1.0, 0.0]


def test_a_sink_learns_of_an_episode_as_it_was_before() -> None:
    room = Room()
    room.deliver(OPENED)
    room.deliver(RESOLVED)
    assert room.heard == [(OPENED.id, None), (RESOLVED.id, Episode(OPENED, ("critical",)))]


def test_what_was_told_before_a_restart_is_known_after_it() -> None:
    room = Room(minimum_severity="warning")
    room.teller.remember(room.told, Lying(msgspec.json.encode(OPENED)))
    room.teller.remember(room.told, Lying(b"{not json"))
    room.teller.remember(room.told, Lying(msgspec.json.encode(alert("Birch", severity="info"))))
    assert list(room.told.open) == ["acme-1"]
    assert room.deliver(OPENED) == "duplicate"
    assert room.deliver(alert("Acme", "resolved", severity="info")) == "delivered"


def test_a_dead_letter_that_is_put_back_is_for_its_sink_alone_and_is_told_again() -> None:
    room = Room(Rejected("HTTP 404"))
    assert room.deliver(OPENED) == "rejected"
    room.outcome = Delivered()
    assert [room.deliver(OPENED), room.deliver(OPENED, "there"), room.deliver(OPENED, "here")] == [
        "duplicate",
        "unwanted",
        "delivered",
    ]


def test_a_rejected_alert_is_buried_as_it_was_with_the_reason() -> None:
    room = Room(Rejected("HTTP 404: no_service"))
    room.deliver(OPENED)
    (letter,) = room.buried
    said = {name: header(letter.headers, name) for name in ("reason", "detail", "sink", "topic", "partition", "offset")}
    assert said == {
        "reason": "sink",
        "detail": "HTTP 404: no_service",
        "sink": "here",
        "topic": "alerts",
        "partition": "1",
        "offset": "7",
    }
    assert (letter.topic, letter.key, letter.value) == ("dead-letters", b"acme", msgspec.json.encode(OPENED))
    assert header(letter.headers, "ce_id") == "alerts/1@7/here"


def test_what_is_no_alert_is_buried_too() -> None:
    room = Room()
    assert room.deliver(b"{not json") == "unreadable"
    assert header(room.buried[0].headers, "reason") == "not-json" and not room.heard


def test_a_dead_letter_waits_for_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.sinks.tell.AGAIN_S", 0.01)
    room = Room(Rejected("no"))
    room.kafka_fails = 2
    assert room.deliver(OPENED) == "rejected" and len(room.buried) == 1
