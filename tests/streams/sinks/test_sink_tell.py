"""What a sink does with one record: delivered once, kept out of others' hands, buried with what it was."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from aiokafka.errors import KafkaConnectionError
from prometheus_client import CollectorRegistry

from streams.events import Output, header
from streams.records import Alert, Status
from streams.settings import Settings
from streams.sinks.config import Log
from streams.sinks.metrics import OUTCOMES, Metrics
from streams.sinks.outcome import Delivered, Outcome, Rejected
from streams.sinks.outlet import Outlet
from streams.sinks.storms import KEPT, Storms
from streams.sinks.tell import Teller
from streams.sinks.told import Episode, Told
from streams.sinks.wanted import Actions
from tests.support.page_records import NOON, alert

TAKEN = Delivered()
SECOND = timedelta(seconds=1)
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
        self.storms = Storms()
        self.teller = Teller(
            Settings(), sink, outlet, self.send, self.publish, Actions(), self.storms, metrics, settle_s=0.0
        )

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

    def remember(self, alert: Alert, appended_s: float | None = None) -> None:
        """As a record that lay before the committed offset."""
        record = Lying(msgspec.json.encode(alert))
        if appended_s is not None:
            record.timestamp = int(appended_s * 1000)
        self.teller.remember(self.told, record)


def test_a_duplicate_in_the_topic_is_told_once() -> None:
    room = Room()
    assert [room.deliver(OPENED), room.deliver(OPENED)] == ["delivered", "duplicate"]
    assert [id for id, _ in room.heard] == [OPENED.id]


def test_what_a_sink_did_with_records_is_counted_from_zero() -> None:
    """Prometheus' increase() misses the first of a counter that appears with it."""

    def counted(outcome: str) -> float | None:
        return room.registry.get_sample_value("gretchen_deliveries_total", {"sink": "log", "outcome": outcome})

    room = Room(Rejected("HTTP 404"))
    assert [counted(outcome) for outcome in OUTCOMES] == [0.0] * 10
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


def storm(status: Status = "opened", minutes: int = 0, members: tuple[str, ...] = ("acme", "birch")) -> Alert:
    """Opened at NOON, of what began within half an hour before."""
    told = alert("Many at once", status, minutes, "warning", kind="storm", members=members)
    return msgspec.structs.replace(told, span_s=1800.0 + 60 * minutes)


def test_while_a_storm_is_open_its_entities_are_not_told_one_by_one_nor_are_their_ends() -> None:
    room = Room()
    first = storm()
    room.storms.add(first, 0.0)
    assert room.deliver(first) == "delivered"
    assert room.deliver(OPENED) == "storm"
    within = msgspec.structs.replace(alert("Dunlin"), opened_at=NOON + timedelta(minutes=5))
    assert room.deliver(within) == "storm"
    assert room.deliver(RESOLVED) == "storm"
    assert room.deliver(alert("Topic", kind="volume")) == "delivered"  # no part of storms
    end = storm("resolved", 90)
    room.storms.add(end, 0.0)
    assert room.deliver(end) == "delivered"
    after = msgspec.structs.replace(within, episode="dunlin-2", id="dunlin-2:opened", opened_at=end.at + SECOND)
    assert room.deliver(after) == "delivered"
    grew = msgspec.structs.replace(alert("Dunlin", "grew"), at=end.at + SECOND, opened_at=within.opened_at)
    assert room.deliver(grew) == "delivered"  # it outlived the storm
    assert room.deliver(alert("Dunlin", "resolved", 200)) == "delivered"


def test_a_sink_that_opts_out_or_does_not_hear_of_storms_has_every_alert() -> None:
    held = msgspec.structs.replace(storm(), held="quiet hours")
    for room, first in (
        (Room(storms=False), storm()),
        (Room(kinds=("negatives",)), storm()),
        (Room(scopes=("entity",)), storm()),
        (Room(entities=("acme",)), storm(members=("birch", "cedar"))),
        (Room(minimum_severity="critical"), storm()),
        (Room(), held),
        (Room(), msgspec.structs.replace(storm(), routes=["there"])),
    ):
        room.storms.add(first, 0.0)
        assert room.deliver(OPENED) == "delivered"


def test_who_was_told_before_the_storm_hears_how_it_goes_on_also_after_a_restart() -> None:
    now_s = time.time()
    for restarted in (False, True):
        room = Room()
        if restarted:
            room.storms.add(storm(), now_s)  # known from the beginning this time
            room.remember(OPENED, now_s - 60)
            room.remember(alert("Birch"), now_s + 1)
        else:
            assert room.deliver(OPENED) == "delivered"
            room.storms.add(storm(), now_s)
            assert room.deliver(alert("Birch")) == "storm"
        assert room.deliver(alert("Acme", "grew")) == "delivered"
        assert room.deliver(RESOLVED) == "delivered"
        assert room.deliver(alert("Birch", "resolved")) == "storm"


def test_an_alert_waits_a_moment_for_the_storm_it_may_begin_and_no_longer() -> None:
    room = Room()
    room.teller.settle_s = 0.4

    async def deliver() -> tuple[str, str]:
        record = Lying(msgspec.json.encode(OPENED))
        told = asyncio.create_task(room.teller.deliver(room.told, record))
        await asyncio.sleep(0.1)
        assert not room.heard
        room.storms.add(storm(), 0.0)
        old = Lying(msgspec.json.encode(alert("Cedar")), timestamp=int(time.time() * 1000) - 400)
        began = time.monotonic()
        second = await room.teller.deliver(room.told, old)
        assert time.monotonic() - began < 0.2
        return await told, second

    assert asyncio.run(deliver()) == ("storm", "storm")


def test_a_storm_without_an_end_covers_a_day_and_storms_are_bounded() -> None:
    storms = Storms()
    storms.add(storm(), 0.0)
    for hours, covered in ((23, 1), (25, 0)):
        at = NOON + timedelta(hours=hours)
        assert len(storms.covering(msgspec.structs.replace(OPENED, at=at, opened_at=at))) == covered
    early = NOON - timedelta(minutes=20)
    assert storms.covering(msgspec.structs.replace(OPENED, opened_at=early))  # a member
    assert not storms.covering(msgspec.structs.replace(alert("Dunlin"), opened_at=early))
    storms.add(storm("resolved", 90), 0.0)
    storms.add(storm(), 0.0)  # a copy: it is over all the same
    assert storms.by_episode["many at once-1"].alert.status == "resolved"
    for n in range(KEPT + 5):
        storms.add(msgspec.structs.replace(storm(), episode=f"storm:{n}"), 0.0)
    assert len(storms.by_episode) == KEPT


def test_what_is_held_is_told_to_nobody_and_ends_in_silence() -> None:
    room = Room()
    assert room.deliver(alert("Acme", held="quiet hours")) == "held"
    assert room.deliver(RESOLVED) == "held"
    assert room.deliver(alert("Birch")) == "delivered"
    assert room.deliver(alert("Birch", "resolved", held="quiet hours")) == "held"
    assert not room.told.open and [id for id, _ in room.heard] == ["birch-1:opened"]


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
