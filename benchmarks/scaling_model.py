"""How many partitions, workers, brokers and bytes a rate of news takes, reckoned from costs that were measured.

    python benchmarks/scaling_model.py RESULTS                         # the tables, from a results.jsonl of make bench
    python benchmarks/scaling_model.py RESULTS --write docs/scaling.md # into the document, between its markers
    python benchmarks/scaling_model.py RESULTS --check docs/scaling.md # exit 1: its tables are not of these results
    … --data ../shared/data                                            # with the shares of partitions, by real names

What is assumed rather than measured stands in `Assumed`, and in the first table.
"""

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.scaling_simulations import followed, shares
from benchmarks.speed.markers import filled, marked
from benchmarks.speed.results import read
from benchmarks.speed.tables import Found, find, middle, number, table
from streams.app import ENTITIES_LINGER_S
from streams.settings import Settings

RATES = (10_000, 100_000, 1_000_000)
WINDOWS, GROUPS = "windows-changelog", "groups-changelog"
READ_BY = {
    "news": 1,
    "entity-sentiments": 1,
    "group-sentiments": 1,
    "surges": 1,
    "summaries": 2,
    "scored-news": 1,
    "alerts": 2,
}
"""Consumers of a topic: the agents, the page (scored-news, summaries, alerts), notify."""
MB, GB, TB = 1e6, 1e9, 1e12


@dataclass(frozen=True)
class Assumed:
    """What nobody has measured here. `entities` are followed, the n-th named as often as 1/n."""

    busy: float = 0.6  # of cores and networks, so that a takeover and a busy hour fit
    replicas: int = 3
    broker_cores: int = 16
    broker_network: float = 1.25e9  # bytes/s each way: 10 Gbit/s
    broker_partitions: int = 4000  # replicas of partitions that a broker carries
    entities: int = 10_000
    groups: int = 32  # topics, sectors, all news
    retention_days: float = 7.0
    changelog_hours: float = 1.5  # min.compaction.lag.ms is one hour, max two
    reading: float = 60e6  # bytes/s that one process reads of a changelog: docs/queries.md, `top` on busy cores


@dataclass(frozen=True)
class Costs:
    """Of one news, medians of what was measured."""

    worker_s: float
    kafka_s: float
    engine_s: float | None  # of the worker's, the model alone
    size: Mapping[str, float]  # topic -> bytes
    count: Mapping[str, float]  # topic -> records
    mention_us: float
    state_bytes: float
    state_bytes_a_partition: float

    def record_bytes(self, topic: str) -> float:
        return self.size[topic] / self.count[topic]


@dataclass(frozen=True)
class Way:
    """How the worker works. `linger_s` and `most` bound a batch of `watch_entities`; `mirrors`: workers that keep the
    live tables for questions, None: all."""

    name: str
    linger_s: float
    most: int
    mirrors: int | None = None


SHIPPED = Way("as shipped", ENTITIES_LINGER_S, Settings().batch_records)
OTHER = Way("entities' states written once a second, live tables in two workers", 1.0, 100_000, 2)


@dataclass(frozen=True)
class Needs:
    """What a rate takes."""

    rate: int
    workers: int
    partitions: int
    state_bytes: float
    states_per_s: float  # values in the changelogs
    changelog: float  # bytes/s
    written: float  # bytes/s into the leaders, changelogs too
    sent: float  # bytes/s out of the brokers, copies among them too
    mirror: float  # bytes/s that each process with live tables reads
    mirror_busy: float  # cores that takes it, of one
    brokers: int
    why_brokers: str
    disk: float  # bytes, copies too
    recovery_s: float  # of a worker with an empty store
    all_news: float  # cores that the stream of all news takes, of one


def costs(found: Found) -> Costs:
    """Raises LookupError where something was not measured."""

    def one(figure: str) -> float:
        measured = found.figure("costs", "ours", figure)
        if measured is None:
            raise LookupError(f"no figure '{figure}' of part costs; run python -m benchmarks.speed --only costs")
        return middle(measured)

    def by_topic(end: str) -> dict[str, float]:
        return {
            each.figure.removesuffix(end): middle(each) for each in found.part("costs") if each.figure.endswith(end)
        }

    engine = found.figure("engine", "ours", "texts/s")
    threads = float(engine.conditions.get("threads", "1")) if engine else 1.0
    return Costs(
        worker_s=one("CPU of the worker for 1,000 news") / 1000,
        kafka_s=one("CPU of Kafka for 1,000 news") / 1000,
        engine_s=threads / middle(engine) if engine else None,
        size=by_topic(": bytes for a news"),
        count=by_topic(": records for a news"),
        mention_us=one("CPU of a mention in the stream of all news"),
        state_bytes=one("a busy stream's state"),
        state_bytes_a_partition=one("a state's bytes for each partition of news"),
    )


def needs(rate: int, spent: Costs, way: Way, assumed: Assumed) -> Needs:
    workers = max(2, math.ceil(rate * spent.worker_s / assumed.busy))
    partitions = 2 ** math.ceil(math.log2(max(4, workers)))
    state_bytes = spent.state_bytes + spent.state_bytes_a_partition * (partitions - 4)
    observed = rate * spent.count["entity-sentiments"]
    batch = max(1.0, min(way.most, observed / workers * way.linger_s))
    entities_per_s = observed * distinct(batch, workers, assumed.entities) / batch
    groups_per_s = assumed.groups + rate * spent.count["group-sentiments"] / 256
    states_per_s = entities_per_s + groups_per_s
    changelog = states_per_s * state_bytes
    size = {topic: each * rate for topic, each in spent.size.items() if not topic.endswith("-changelog")}
    size["summaries"] = states_per_s * spent.record_bytes("summaries")
    written = sum(size.values()) + changelog
    mirrors = workers if way.mirrors is None else min(workers, way.mirrors)
    read = sum(size[topic] * READ_BY.get(topic, 1) for topic in size) + changelog * (1 + mirrors)  # 1: the standby
    sent = read + written * (assumed.replicas - 1)
    brokers, why = most_of(
        {
            "copies": assumed.replicas,
            "CPU": rate * spent.kafka_s * assumed.replicas / (assumed.broker_cores * assumed.busy),
            "network in": written * assumed.replicas / (assumed.broker_network * assumed.busy),
            "network out": sent / (assumed.broker_network * assumed.busy),
            "partitions": partitions * (len(spent.size) + 5) * assumed.replicas / assumed.broker_partitions,
        }
    )
    kept = changelog * assumed.changelog_hours * 3600
    states = (assumed.entities + assumed.groups) * state_bytes
    return Needs(
        rate=rate,
        workers=workers,
        partitions=partitions,
        state_bytes=state_bytes,
        states_per_s=states_per_s,
        changelog=changelog,
        written=written,
        sent=sent,
        mirror=changelog,
        mirror_busy=changelog / assumed.reading,
        brokers=brokers,
        why_brokers=why,
        disk=assumed.replicas * (sum(size.values()) * assumed.retention_days * 86_400 + kept + states),
        recovery_s=(kept + states) / workers / assumed.reading,
        all_news=rate * spent.mention_us / 1e6,
    )


def distinct(batch: float, workers: int, entities: int) -> float:
    """Entities in a batch of so many mentions, each worker having an equal part of them."""
    total = sum(1 / n for n in range(1, entities + 1))
    left_out = (float((1 - min(1.0, workers / n / total)) ** batch) for n in range(1, entities + 1))
    return sum(1 - each for each in left_out) / workers


def most_of(wanted: Mapping[str, float]) -> tuple[int, str]:
    why = max(wanted, key=wanted.__getitem__)
    return math.ceil(wanted[why]), why


def costs_table(spent: Costs, assumed: Assumed) -> list[str]:
    rows = [
        ("worker: CPU of a news", f"{1e6 * spent.worker_s:,.0f} µs, or {1 / spent.worker_s:,.0f} news/s of a core"),
        *([("of it the model", f"{1e6 * spent.engine_s:,.0f} µs")] if spent.engine_s else []),
        ("Kafka: CPU of a news, one copy", f"{1e6 * spent.kafka_s:,.0f} µs"),
        *(
            (f"`{topic}`", f"{number(spent.count[topic])} records, {number(size)} bytes for a news")
            for topic, size in spent.size.items()
        ),
        ("stream of all news: CPU of a mention", f"{number(spent.mention_us)} µs"),
        ("a busy stream's state", f"{number(spent.state_bytes)} bytes, and {number(spent.state_bytes_a_partition)} "
         "for each partition of news beyond four"),
        ("assumed: entities followed", f"{assumed.entities:,}, the n-th named as often as 1/n"),
        ("assumed: copies, retention", f"{assumed.replicas}, {assumed.retention_days:g} days"),
        ("assumed: of cores and networks used", f"{assumed.busy:.0%}"),
        ("assumed: a broker", f"{assumed.broker_cores} cores, {8 * assumed.broker_network / 1e9:g} Gbit/s, "
         f"{assumed.broker_partitions:,} replicas of partitions"),
        ("assumed: a changelog read by one process", f"{assumed.reading / MB:g} MB/s"),
    ]  # fmt: skip
    return table(("measured and assumed", ""), rows)


Row = tuple[str, Callable[[Needs], str]]
ROWS: tuple[Row, ...] = (
    ("workers of one core", lambda each: f"{each.workers:,}"),
    ("partitions of each topic", lambda each: f"{each.partitions:,}"),
    ("brokers, and what asks for them", lambda each: f"{each.brokers:,} ({each.why_brokers})"),
    ("written, one copy", lambda each: f"{size_told(each.written)}/s"),
    ("of it changelogs", lambda each: f"{size_told(each.changelog)}/s, {each.changelog / each.written:.0%}"),
    ("sent by all brokers", lambda each: f"{size_told(each.sent)}/s"),
    ("a state", lambda each: size_told(each.state_bytes)),
    (
        "live tables: read by each process with them",
        lambda each: f"{size_told(each.mirror)}/s, {each.mirror_busy:.0%} of a core",
    ),
    ("recovery with an empty store", lambda each: span_told(each.recovery_s)),
    ("the stream of all news, of one core", lambda each: f"{each.all_news:.0%}"),
    ("on disk", lambda each: size_told(each.disk)),
)


def rates_table(spent: Costs, way: Way, assumed: Assumed) -> list[str]:
    wanted = [needs(rate, spent, way, assumed) for rate in RATES]
    header = ("", *(f"{each.rate:,} news/s" for each in wanted))
    return table(header, ((what, *(told(each) for each in wanted)) for what, told in ROWS))


def trigger(worker_per_s: float, busy: float) -> list[str]:
    """KEDA's object with the numbers of a worker that scores so much."""
    return f"""```yaml
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{name: gretchen-worker}}
spec:
  scaleTargetRef: {{kind: StatefulSet, name: gretchen-worker}}
  minReplicaCount: 2
  maxReplicaCount: 64   # at most GRETCHEN_PARTITIONS
  advanced:
    horizontalPodAutoscalerConfig:
      behavior: {{scaleDown: {{stabilizationWindowSeconds: 1800}}}}
  triggers:
    - type: prometheus
      metadata:
        serverAddress: http://prometheus:9090
        query: sum(rate(kafka_server_brokertopicmetrics_messagesin_total{{topic="news"}}[1m]))
        threshold: "{busy * worker_per_s:.0f}"   # {busy:.0%} of what one worker scores a second
    - type: kafka
      metadata:
        bootstrapServers: kafka:9092
        consumerGroup: gretchen
        topic: news
        lagThreshold: "{5 * worker_per_s:.0f}"   # five seconds of a worker
```""".splitlines()


def size_told(size: float) -> str:
    for unit, name in ((TB, "TB"), (GB, "GB"), (MB, "MB")):
        if size >= unit:
            return f"{number(size / unit)} {name}"
    return f"{number(size / 1000)} kB"


def span_told(seconds: float) -> str:
    if seconds < 90:
        return f"{number(seconds)} s"
    return f"{number(seconds / 60)} min" if seconds < 5400 else f"{number(seconds / 3600)} h"


def sections(found: Found, data: Path | None) -> dict[str, list[str]]:
    """Marker's name -> lines between."""
    spent, assumed = costs(found), Assumed()
    told = {
        "costs": costs_table(spent, assumed),
        "shipped": rates_table(spent, SHIPPED, assumed),
        "other": rates_table(spent, OTHER, assumed),
        "keda": followed(1 / spent.worker_s),
        "trigger": trigger(1 / spent.worker_s, assumed.busy),
    }
    return told | ({"shares": shares(data)} if data else {})


def main() -> Iterator[str]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="with sentfin in it")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--write", type=Path, metavar="DOCUMENT")
    where.add_argument("--check", type=Path, metavar="DOCUMENT")
    args = parser.parse_args()
    told = sections(find(read(args.results)), args.data)
    if args.write:
        args.write.write_text(filled(args.write.read_text(encoding="utf-8"), told), encoding="utf-8")
    elif args.check:
        there = marked(args.check.read_text(encoding="utf-8"))
        if other := [name for name, lines in told.items() if there.get(name) != "\n".join(lines)]:
            sys.exit(f"{args.check}: {', '.join(other)} not of {args.results}; write them by --write {args.check}")
    else:
        for name, lines in told.items():
            yield "\n".join([f"### {name}", "", *lines, ""])


if __name__ == "__main__":
    for text in main():
        print(text)
