"""What the real Alertmanager makes of what we send: opens, stays open by repeats, grows graver, ends."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from streams.records import Alert
from streams.sinks import senders
from streams.sinks.config import Alertmanager
from streams.sinks.metrics import Metrics
from streams.sinks.outcome import Delivered
from streams.sinks.outlet import Outlet
from streams.sinks.repeats import repeat_open
from streams.sinks.told import Told
from streams.sinks.wanted import Actions
from tests.support.alertmanager import BINARY, RunningAlertmanager, run_alertmanager
from tests.support.page_records import alert
from tests.support.receiver import Receiver, receive

pytestmark = [
    pytest.mark.alertmanager,
    pytest.mark.skipif(BINARY is None, reason="no prometheus-alertmanager in PATH; Debian has a package of that name"),
]


@pytest.fixture(scope="module")
def notified() -> Iterator[Receiver]:
    """Where Alertmanager notifies."""
    with receive() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, notified: Receiver) -> Iterator[RunningAlertmanager]:
    with run_alertmanager(tmp_path_factory.mktemp("alertmanager"), notified.url) as alertmanager:
        yield alertmanager


def until(true: Callable[[], bool], timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


def raised(name: str, status: str = "opened", severity: str = "warning") -> Alert:
    now = datetime.now(UTC)
    return msgspec.structs.replace(alert(name, status, severity=severity), at=now, opened_at=now - timedelta(hours=2))


async def deliver(url: str, told: Told, *alerts: Alert) -> None:
    sink = Alertmanager(name="prom", url=url)
    async with httpx.AsyncClient(trust_env=False) as client:
        send = senders.sender(sink, client, print)
        for each in alerts:
            assert await send(each, told.open.get(each.episode)) == Delivered()
            told.add(each)


def statuses(notified: Receiver, name: str) -> list[object]:
    """Of the notifications about an entity."""
    records = [posted.record for posted in notified.posted]
    return [record["status"] for record in records if record["commonLabels"].get("entity") == name]  # type: ignore[attr-defined]


def test_an_episode_opens_grows_graver_and_ends(running: RunningAlertmanager, notified: Receiver) -> None:
    told = Told()
    asyncio.run(deliver(running.url, told, raised("Acme")))
    (shown,) = (each for each in running.alerts() if each["labels"]["entity"] == "acme")
    assert shown["annotations"]["headlines"] == "Bad news (Meridian Markets)"
    assert [shown["labels"][label] for label in ("alertname", "kind", "scope")] == [
        "SentimentSurge",
        "negatives",
        "entity",
    ]
    until(lambda: statuses(notified, "acme") == ["firing"])
    asyncio.run(deliver(running.url, told, raised("Acme", "grew", "critical")))
    assert running.severities("acme-1") == ["critical"]
    asyncio.run(deliver(running.url, told, raised("Acme", "resolved", "critical")))
    assert running.severities("acme-1") == []
    until(lambda: statuses(notified, "acme")[-1] == "resolved")


def test_an_episode_stays_open_by_repeats_alone_and_is_over_without_them(running: RunningAlertmanager) -> None:
    told, sink = Told(), Alertmanager(name="prom", url=running.url, repeat_s=0.4)
    told.add(raised("Birch"))  # as read from Kafka after a restart: Alertmanager has never heard of it
    told.add(raised("Cedar"))
    told.add(raised("Cedar", "resolved"))

    async def repeat_for(seconds: float) -> list[list[str]]:
        outlet, metrics, seen = None, Metrics(CollectorRegistry()), []
        async with httpx.AsyncClient(trust_env=False) as client:
            outlet = Outlet(sink, metrics, asyncio.Event())

            async def send(alerts):  # type: ignore[no-untyped-def]
                return await senders.repeat(sink, client, alerts)

            repeating = asyncio.create_task(repeat_open(sink, outlet, lambda: [told], send, Actions(), metrics))
            for _ in range(6):
                await asyncio.sleep(seconds / 6)
                seen.append(await asyncio.to_thread(running.severities, "birch-1"))
            outlet.stop.set()
            await repeating
        return seen

    seen = asyncio.run(repeat_for(4 * 0.4 * 2.5))  # longer than one repeat alone would keep it
    assert seen == [["warning"]] * 6
    assert running.severities("cedar-1") == []
    until(lambda: running.severities("birch-1") == [])
