"""What is told to an Alertmanager again: what is open, and not muted."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from prometheus_client import CollectorRegistry

from streams.records import Alert, AlertAction
from streams.sinks.config import Alertmanager
from streams.sinks.metrics import Metrics
from streams.sinks.outcome import Delivered, Outcome, Rejected
from streams.sinks.outlet import Outlet
from streams.sinks.repeats import repeat_open, still_open
from streams.sinks.told import Told
from streams.sinks.wanted import Actions, mute_id
from tests.support.page_records import NOON, alert


def told(*alerts: Alert) -> Told:
    folded = Told()
    for each in alerts:
        folded.add(each)
    return folded


LANES = [told(alert("Acme"), alert("Acme", "grew")), told(alert("Birch"), alert("Birch", "resolved"), alert("Cedar"))]


def test_the_last_word_on_each_open_episode_is_repeated() -> None:
    assert still_open(LANES, Actions(), NOON) == [alert("Acme", "grew"), alert("Cedar")]


def test_a_muted_entity_is_not_repeated_until_the_mute_is_over() -> None:
    actions, until = Actions(), NOON + timedelta(hours=1)
    actions.add(AlertAction(id=mute_id("acme"), kind="mute", entity="acme", until=until, at=NOON))
    assert still_open(LANES, actions, NOON) == [alert("Cedar")]
    assert still_open(LANES, actions, until) == [alert("Acme", "grew"), alert("Cedar")]


def repeated(outcome: Outcome, known: list[Told] | None) -> tuple[list[int], float | None]:
    """How many alerts each repeat had within some of them, and the metric."""
    sent, registry = list[int](), CollectorRegistry()

    async def send(alerts: Sequence[Alert]) -> Outcome:
        sent.append(len(alerts))
        return outcome

    async def run() -> None:
        sink, metrics = Alertmanager(name="prom", url="http://a.example", repeat_s=0.001), Metrics(registry)
        outlet = Outlet(sink, metrics, asyncio.Event())
        repeating = asyncio.create_task(repeat_open(sink, outlet, lambda: known, send, Actions(), metrics))
        await asyncio.sleep(1.2)
        outlet.stop.set()
        await repeating

    asyncio.run(run())
    return sent, registry.get_sample_value("gretchen_alert_repeats_total", {"sink": "alertmanager"})


def test_repeats_go_on_after_one_that_was_rejected() -> None:
    sent, counted = repeated(Rejected("HTTP 400"), LANES)
    assert len(sent) > 1 and counted is None


def test_nothing_is_repeated_while_the_ends_of_episodes_are_still_being_read() -> None:
    assert repeated(Delivered(), None) == ([], None)
