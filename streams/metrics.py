"""What a worker tells Prometheus. Base units, labels from closed sets; docs/metrics.md explains each."""

from collections.abc import Callable
from itertools import product
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.intake import Reason
from streams.records import HandedOver, Kind, Severity, Status, Way

STAGE_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
LATENCY_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
TURNS = (1, 2, 3, 5, 8, 13, 21, 50)
OPINIONS = ("good", "bad")
TOKENS = (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)


class Metrics:
    """One worker's metrics in one registry, which the caller passes in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.records_in = Counter("gretchen_records_in", "Records taken from a topic.", ["topic"], registry=registry)
        self.records_out = Counter(
            "gretchen_records_out", "Records acknowledged by Kafka.", ["topic"], registry=registry
        )
        self.batches = Counter("gretchen_batches", "Micro-batches finished.", ["agent"], registry=registry)
        self.batch_tokens = Histogram(
            "gretchen_batch_tokens", "Tokens of a micro-batch.", ["agent"], buckets=TOKENS, registry=registry
        )
        self.stage = Histogram(
            "gretchen_stage_seconds",
            "Time of one batch in a stage: queue (waiting for a thread), tokenize, infer, publish; of questions: answer"
            " and, in it, understand, retrieve, read, live.",
            ["agent", "stage"],
            buckets=STAGE_S,
            registry=registry,
        )
        self.latency = Histogram(
            "gretchen_latency_seconds",
            "From a record's append to the acknowledgement of its outputs.",
            ["agent"],
            buckets=LATENCY_S,
            registry=registry,
        )
        self.alerts = Counter("gretchen_alerts", "Alerts raised.", ["kind", "status", "severity"], registry=registry)
        self.answers = Counter("gretchen_answers", "Answers given, people's included.", ["way"], registry=registry)
        self.abstentions = Counter(
            "gretchen_abstentions", "Questions that nobody guessed an answer to.", registry=registry
        )
        self.handovers = Counter(
            "gretchen_handovers", "Questions that a person has to see.", ["reason"], registry=registry
        )
        self.feedback = Counter("gretchen_feedback", "Opinions on answers.", ["opinion"], registry=registry)
        self.turns = Histogram(
            "gretchen_conversation_turns",
            "Which turn of its conversation an answer is.",
            buckets=TURNS,
            registry=registry,
        )
        self.dead_letters = Counter("gretchen_dead_letters", "Records refused.", ["reason"], registry=registry)
        self.truncated = Counter("gretchen_truncated_texts", "Texts longer than the model reads.", registry=registry)
        for reason in get_args(Reason):  # at 0 from the start: increase() does not see a counter's first value
            self.dead_letters.labels(reason)
        for way in get_args(Way):
            self.answers.labels(way)
        for reason in get_args(HandedOver):
            self.handovers.labels(reason)
        for opinion in OPINIONS:
            self.feedback.labels(opinion)
        for kind, status, severity in product(get_args(Kind), get_args(Status), get_args(Severity)):
            self.alerts.labels(kind, status, severity)


def rules_gauges(registry: CollectorRegistry, failed: Callable[[], bool], loaded_at: Callable[[], float]) -> None:
    """Both are asked at every scrape, by the scrape's thread: so a broken file shows though no record comes."""
    failing = Gauge(
        "gretchen_rules_reload_failed",
        "1 while the rules file is broken and the rules read before hold.",
        registry=registry,
    )
    failing.set_function(lambda: float(failed()))
    loaded = Gauge("gretchen_rules_loaded_timestamp_seconds", "When the rules that hold were read.", registry=registry)
    loaded.set_function(loaded_at)


def templates_gauge(registry: CollectorRegistry, failed: Callable[[], bool]) -> None:
    """Asked at every scrape, likewise."""
    gauge = Gauge(
        "gretchen_templates_reload_failed",
        "1 while the folder of answers is broken and the answers read before hold.",
        registry=registry,
    )
    gauge.set_function(lambda: float(failed()))


def lag_gauge(registry: CollectorRegistry) -> Gauge:
    """Set by a LagWatch."""
    return Gauge(
        "gretchen_consumer_lag_records",
        "Records of a topic that the whole group has not committed; every worker exports it, so take the maximum.",
        ["topic"],
        registry=registry,
    )


def ready_gauge(registry: CollectorRegistry, ready: Callable[[], bool]) -> None:
    """`ready` is asked at every scrape, by the scrape's thread."""
    gauge = Gauge("gretchen_ready", "1 when partitions are assigned and tables recovered.", registry=registry)
    gauge.set_function(lambda: float(ready()))
