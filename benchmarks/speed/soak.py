"""A million records through one worker: what it holds in memory after the first 50,000 and after the last.

    python -m benchmarks.speed.soak [--records 1000000] [--smoke]

The feeder stays at most so far ahead of the worker; what is old leaves the topics, but for the tables' changelogs,
which are compacted from an hour on: some 10 GB of disk may be needed for a million.
"""

import argparse
import time
from itertools import islice

from benchmarks.speed.cluster import cluster
from benchmarks.speed.feeding import endless
from benchmarks.speed.following import Sample, follow
from benchmarks.speed.loads import Aside, Line, line
from benchmarks.speed.results import Curve, Figure, Plan, Write
from benchmarks.speed.stream import show

RECORDS, EARLY = 1_000_000, 50_000
SMOKE_RECORDS, SMOKE_EARLY = 600, 200
AHEAD, CHUNK = 20_000, 2_000
EVERY_S = 2.0
SLOWEST_PER_S = 50
MIB = 1 << 20
RETENTION = {  # a partition's; a segment that is full may go once others have that much
    "log.segment.bytes": str(16 * MIB),
    "log.retention.bytes": str(64 * MIB),
    "log.retention.check.interval.ms": "10000",
}


def run(plan: Plan, write: Write) -> None:
    measure(plan, write, SMOKE_RECORDS if plan.smoke else RECORDS)


def measure(plan: Plan, write: Write, records: int) -> None:
    early = SMOKE_EARLY if plan.smoke else min(EARLY, records // 2)
    with cluster(RETENTION) as running, line(running) as at:
        scored, begun_at = [0], time.time()
        feeding = Aside(feed, at, plan, records, scored)

        def counted() -> int:
            scored[0] = at.scored.count()
            return scored[0]

        timeout_s = 120 + records / SLOWEST_PER_S
        every_s = 0.2 if plan.smoke else EVERY_S

        def over(sample: Sample) -> bool:
            return feeding.done() and sample.appended >= records

        samples = follow([at.process], counted, over, timeout_s, every_s)
        conditions = {"records": str(records)}
        tell(write, samples, early, begun_at, conditions)


def feed(at: Line, plan: Plan, records: int, scored: list[int]) -> None:
    """`scored`: how many there are, kept by another thread."""
    source, sent = endless(plan), 0
    while sent < records:
        if sent - scored[0] > AHEAD:
            time.sleep(0.1)
            continue
        chunk = list(islice(source, min(CHUNK, records - sent)))
        at.feeder.preload(chunk)
        sent += len(chunk)


def tell(write: Write, samples: list[Sample], early: int, begun_at: float, conditions: dict[str, str]) -> None:
    first = next(each for each in samples if each.appended >= early)
    last = samples[-1]
    figures = {
        (f"resident memory after {early:,} records", "MiB"): first.resident_bytes / MIB,
        ("resident memory at the end", "MiB"): last.resident_bytes / MIB,
        ("resident memory at most", "MiB"): max(each.resident_bytes for each in samples) / MIB,
        ("records/s", "records/s"): (last.appended - first.appended) / max(0.001, last.at - first.at),
    }
    for (figure, unit), value in figures.items():
        write(Figure(part="soak", contender="ours", figure=figure, unit=unit, rounds=[value], conditions=conditions))
    write(
        Curve(
            part="soak",
            contender="ours",
            x=[each.appended / 1000 for each in samples],
            y=[each.resident_bytes / MIB for each in samples],
            x_label="1,000 records scored",
            y_label="resident memory, MiB",
            conditions=conditions,
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    measure(Plan(smoke=options.smoke), show, SMOKE_RECORDS if options.smoke else options.records)


if __name__ == "__main__":
    main()
