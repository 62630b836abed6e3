"""The page's own metrics, read from the hub when they are asked for."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streams.web.hub import Hub


class PageCollector(Collector):
    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    def collect(self) -> Iterable[Metric]:
        board = self.hub.board
        yield GaugeMetricFamily("gretchen_page_clients", "Browsers connected", len(self.hub.subscribers))
        yield GaugeMetricFamily("gretchen_page_broker_up", "1 while Kafka answers", board.broker == "connected")
        yield CounterMetricFamily("gretchen_page_dropped_clients", "Browsers let go for lagging", self.hub.dropped)
        yield CounterMetricFamily("gretchen_page_headlines", "Headlines seen since the start", board.scored.total)
        yield CounterMetricFamily("gretchen_page_answers", "Answers seen since the start", board.answered.total)
        yield CounterMetricFamily("gretchen_page_unreadable", "Records it could not decode", board.unreadable)


def measure(hub: Hub, registry: CollectorRegistry) -> None:
    registry.register(PageCollector(hub))
