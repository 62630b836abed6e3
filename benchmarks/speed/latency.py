"""How long a news waits: from its append to its scored record's append, by Kafka's clock, at several loads.

    python -m benchmarks.speed.latency [--seconds 5] [--loads 0.1 0.5] [--smoke]

An open loop: records are sent at their time, whatever the answers take, at an even pace and at random (Poisson). The
first tenth of each load is to warm up, and not counted.
"""

import argparse
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.speed.cluster import cluster
from benchmarks.speed.feeding import Fed, endless
from benchmarks.speed.loads import Line, line, origins
from benchmarks.speed.results import Curve, Figure, Plan, Write
from benchmarks.speed.stream import show

LOADS = (0.1, 0.5, 0.8)  # of the capacity that was measured just before
PACES = ("even", "poisson")
CAPACITY_RECORDS, SMOKE_RECORDS = 6000, 300
SMOKE_S = 1.0
WARM = 0.1
TOLD = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}
PERCENTILES = (0, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 96, 97, 98, 99, 99.5, 99.7, 99.9, 99.95, 99.99)


def run(plan: Plan, write: Write) -> None:
    measure(plan, write, LOADS)


def measure(plan: Plan, write: Write, loads: Sequence[float]) -> None:
    seconds = SMOKE_S if plan.smoke else plan.seconds
    records = endless(plan, SMOKE_RECORDS if plan.smoke else plan.records)
    with cluster() as running, line(running) as at:
        capacity = at.capacity(records, SMOKE_RECORDS if plan.smoke else CAPACITY_RECORDS)
        tell(write, "capacity", "records/s", capacity, running.cores.told())
        for load in loads:
            for pace in PACES:
                one_load(at, records, load, capacity, pace, seconds, write)


def one_load(
    at: Line, records: Iterator[Fed], load: float, capacity: float, pace: str, seconds: float, write: Write
) -> None:
    news_starts, scored_starts, before = at.news.ends(), at.scored.ends(), at.metrics()
    sent = at.feeder.play(records, load * capacity, seconds, poisson=pace == "poisson")
    at.settle()
    after, (waits, throughput) = at.metrics(), followed(at, news_starts, scored_starts)
    conditions = {"load": f"{load:.0%}", "pace": pace}
    for name, percentile in TOLD.items():
        tell(write, name, "ms", float(np.percentile(waits, percentile)), conditions)
    batches = max(1.0, after["batches"] - before["batches"])
    tell(write, "time of a batch", "ms", 1000 * (after["seconds"] - before["seconds"]) / batches, conditions)
    tell(write, "records of a batch", "records", sent / batches, conditions)
    tell(write, "offered load", "records/s", sent / seconds, conditions)
    tell(write, "throughput", "records/s", throughput, conditions)
    write(
        Curve(
            part="latency",
            contender="ours",
            x=list(map(float, PERCENTILES)),
            y=[float(each) for each in np.percentile(waits, PERCENTILES)],
            x_label="percentile",
            y_label="ms from append to scored append",
            conditions=conditions,
        )
    )


def followed(at: Line, news_starts: Sequence[int], scored_starts: Sequence[int]) -> tuple[list[int], float]:
    """Of each news after the first tenth of the time, how long it waited (ms); records scored a second from there to
    the last news."""
    appended = {(each.partition, each.offset): each.at_ms for each in at.news.read(news_starts)}
    first, last = min(appended.values()), max(appended.values())
    counted_from = first + WARM * (last - first)
    ended: dict[tuple[int, int], int] = {}
    for scored, output in origins(at.scored.read(scored_starts)):
        ended.setdefault((scored.origin.partition, scored.origin.offset), output.at_ms)
    waits = [ended[place] - begun for place, begun in appended.items() if begun >= counted_from]
    meanwhile = sum(counted_from <= at_ms < last for at_ms in ended.values())
    return waits, 1000 * meanwhile / max(1.0, last - counted_from)


def tell(write: Write, figure: str, unit: str, value: float, conditions: dict[str, str]) -> None:
    write(Figure(part="latency", contender="ours", figure=figure, unit=unit, rounds=[value], conditions=conditions))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=Plan().seconds, help="of each load at each pace")
    parser.add_argument("--loads", type=float, nargs="+", default=LOADS, help="shares of the capacity")
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    measure(Plan(seconds=options.seconds, smoke=options.smoke), show, options.loads)


if __name__ == "__main__":
    main()
