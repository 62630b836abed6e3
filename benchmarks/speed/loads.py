"""One worker under loads of ours: its capacity, its own metrics, what lies between its inputs and its outputs."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.speed.cluster import Bound, Cluster, installation, worker
from benchmarks.speed.feeding import Fed, Feeder
from benchmarks.speed.following import Sample, follow, steady
from benchmarks.speed.topic_log import Appended, TopicLog
from streams.records import Origin
from streams.settings import Settings
from streams.topics import NEWS, SCORED_NEWS

TIMEOUT_S = 240.0
AGENT = "score_news"
LEAST_PER_S = 50.0  # of a smoke, whose few records make a batch or two
EVERY_S = 0.2


class Scored(msgspec.Struct):
    """What is read of a scored news."""

    id: str
    origin: Origin


class Line(NamedTuple):
    """A worker at work and both ends of it."""

    settings: Settings
    process: Bound
    feeder: Feeder
    news: TopicLog
    scored: TopicLog

    def settle(self) -> list[Sample]:
        """Wait until all news are scored."""
        wanted = self.news.count()
        return follow([self.process], self.scored.count, lambda each: each.appended >= wanted, TIMEOUT_S, EVERY_S)

    def capacity(self, records: Iterator[Fed], count: int) -> float:
        """Records/s of a backlog of so many."""
        starts = self.scored.ends()
        self.feeder.preload(list(islice(records, count)))
        self.settle()
        return max(LEAST_PER_S, steady([each.at_ms for each in self.scored.read(starts)]).per_s)

    def metrics(self) -> Mapping[str, float]:
        """Of scoring: "batches", and "seconds" at work on them; from the worker's own endpoint."""
        said = httpx.get(f"http://127.0.0.1:{self.settings.metrics_port}/metrics", timeout=10.0, trust_env=False).text
        ours = [
            sample
            for family in text_string_to_metric_families(said)
            for sample in family.samples
            if sample.labels.get("agent") == AGENT
        ]
        return {
            "batches": sum(each.value for each in ours if each.name == "gretchen_batches_total"),
            "seconds": sum(each.value for each in ours if each.name == "gretchen_stage_seconds_sum"),
        }


@contextmanager
def line(running: Cluster) -> Iterator[Line]:
    """One worker, ready, on its cores."""
    with (
        installation(running) as settings,
        TopicLog(settings, NEWS) as news,
        TopicLog(settings, SCORED_NEWS) as scored,
        worker(running, settings) as process,
    ):
        process.wait_ready(settings)
        yield Line(settings, process, Feeder(settings), news, scored)


class Aside:
    """A call in a thread of its own, which ends with us."""

    def __init__(self, call: Callable[..., object], *arguments: object) -> None:
        self._failed: list[Exception] = []

        def run() -> None:
            try:
                call(*arguments)
            except Exception as error:  # noqa: BLE001 - done() raises it
                self._failed.append(error)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def done(self) -> bool:
        """Raises what the call raised."""
        if self._failed:
            raise self._failed[0]
        return not self._thread.is_alive()


def origins(outputs: Iterable[Appended]) -> list[tuple[Scored, Appended]]:
    """Of `scored-news`; without the values, which would be hundreds of MB."""
    return [(msgspec.json.decode(each.value, type=Scored), each._replace(value=b"")) for each in outputs]
