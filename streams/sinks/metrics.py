"""What `gretchen notify` tells Prometheus. Sinks are told apart by kind only: names are an operator's own."""

from collections import Counter as Count
from collections.abc import Iterable
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.sinks.breaker import STATES, State

OUTCOMES = (
    "delivered",
    "rejected",
    "gave_up",
    "unreadable",
    "held",
    "storm",
    "muted",
    "acked",
    "unwanted",
    "duplicate",
)
DELIVERY_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)


class Metrics:
    """One process's metrics in one registry, which the caller passes in; `kinds` are those of its sinks."""

    def __init__(self, registry: CollectorRegistry, kinds: Iterable[str] = ()) -> None:
        self.registry = registry
        self.deliveries = Counter(
            "gretchen_deliveries",
            "Alerts a sink is done with: delivered, rejected (by the receiver), gave_up (no delivery in time), held "
            "(by its rule), storm (which tells of it), muted, acked, unwanted (by the sink's filter), duplicate, "
            "unreadable.",
            ["sink", "outcome"],
            registry=registry,
        )
        self.retries = Counter("gretchen_delivery_retries", "Attempts after the first.", ["sink"], registry=registry)
        self.repeats = Counter(
            "gretchen_alert_repeats", "Open episodes sent again to an Alertmanager.", ["sink"], registry=registry
        )
        self.seconds = Histogram(
            "gretchen_delivery_seconds",
            "From an alert's append to its delivery.",
            ["sink"],
            buckets=DELIVERY_S,
            registry=registry,
        )
        self.breakers = Gauge(
            "gretchen_sink_breakers", "Sinks whose breaker is in a state.", ["sink", "state"], registry=registry
        )
        self.waiting = Gauge(
            "gretchen_waiting_alerts", "Alerts in Kafka that a sink is not done with.", ["sink"], registry=registry
        )
        self.dead_letters = Counter("gretchen_dead_letters", "Records refused.", ["reason"], registry=registry)
        self.ready = Gauge("gretchen_notify_ready", "1 when every sink's consumer is in its group.", registry=registry)
        for kind, outcome in product(kinds, OUTCOMES):  # at 0 from the start: increase() misses a counter's first value
            self.deliveries.labels(kind, outcome)

    def show_breakers(self, states: Iterable[tuple[str, State]]) -> None:
        """(kind, state) of all sinks."""
        count = Count(states)
        for kind in {kind for kind, _ in count}:
            for state in STATES:
                self.breakers.labels(kind, state).set(count[kind, state])

    def show_waiting(self, waiting: Iterable[tuple[str, int]]) -> None:
        """(kind, alerts) of all sinks."""
        sums = Count[str]()
        for kind, alerts in waiting:
            sums[kind] += alerts
        for kind, alerts in sums.items():
            self.waiting.labels(kind).set(alerts)
