"""Two workers against one, each with a core of its own; Kafka and the feeder have the cores that are left.

    python -m benchmarks.speed.scaling [--records 5000] [--rounds 1] [--smoke]

On two cores none is left: Kafka takes its time from both workers, and twice as much of it for two. So the CPU that
workers and Kafka take for 1,000 records stands beside the rates: the first tells what a second worker costs, whatever
the machine.
"""

import argparse
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

import msgspec
import psutil

from benchmarks.speed.cluster import Cluster, Cores, cluster, installation, share_cores, worker
from benchmarks.speed.feeding import Fed, Feeder, news
from benchmarks.speed.following import follow, steady
from benchmarks.speed.results import Curve, Figure, Plan, Write
from benchmarks.speed.stream import show
from benchmarks.speed.topic_log import TopicLog
from streams.demo.children import free_port
from streams.topics import SCORED_NEWS

WORKERS = (1, 2)
SHARE = 0.3  # of a plan's records
SMOKE_RECORDS = 400
ROUNDS = 2  # at most
QUIET_S = 2.0  # once all are ready: the group's last rebalance is over
TIMEOUT_S = 240.0


class Run(NamedTuple):
    per_s: float
    workers_cpu_s_per_1000: float
    kafka_cpu_s_per_1000: float


def run(plan: Plan, write: Write) -> None:
    records = news(plan, SMOKE_RECORDS if plan.smoke else int(SHARE * plan.records))
    rounds = 1 if plan.smoke else min(plan.rounds, ROUNDS)
    found: dict[int, list[Run]] = {workers: [] for workers in WORKERS}
    with cluster(cores=cores_of()) as running:
        for _ in range(rounds):
            for workers in WORKERS:
                found[workers].append(one_run(running, workers, records))
    for workers, runs in found.items():
        tell(write, workers, runs, running.cores)
    rates = [sorted(each.per_s for each in runs)[len(runs) // 2] for runs in found.values()]
    write(
        Curve(
            part="scaling",
            contender="ours",
            x=list(map(float, WORKERS)),
            y=rates,
            x_label="workers, a core each",
            y_label="records/s",
        )
    )


def cores_of() -> Cores:
    """A core for each worker; Kafka has the others, or all where there are no others."""
    shared = share_cores()
    ours = sorted({*shared.worker, *shared.rest})
    most = max(WORKERS)
    return Cores(tuple(ours[:most]), tuple(ours[most:] or ours)) if len(ours) >= most else Cores((), ())


def one_run(running: Cluster, workers: int, records: Sequence[Fed]) -> Run:
    with (
        installation(running) as settings,
        TopicLog(settings, SCORED_NEWS) as scored,
        ExitStack() as stack,
    ):
        processes = []
        for n in range(workers):
            port, data_dir = free_port(), settings.data_dir / str(n)
            own = msgspec.structs.replace(settings, metrics_port=port, data_dir=data_dir)
            processes.append((own, stack.enter_context(worker(running, own, running.cores.worker[n : n + 1]))))
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < QUIET_S:
            for own, process in processes:
                asked_at = time.monotonic()
                process.wait_ready(own)
                if time.monotonic() - asked_at > 0.5:
                    quiet_since = time.monotonic()
            time.sleep(0.2)
        kafka = psutil.Process(running.kafka.pid)
        kafka_before = kafka.cpu_times()
        Feeder(settings).preload(records)
        samples = follow(
            [process for _, process in processes], scored.count, lambda each: each.appended >= len(records), TIMEOUT_S
        )
        kafka_after = kafka.cpu_times()
        rate = steady([each.at_ms for each in scored.read()])
    kafka_s = kafka_after.user + kafka_after.system - kafka_before.user - kafka_before.system
    return Run(rate.per_s, rate.cpu_s_per_1000(samples), 1000 * kafka_s / len(records))


def tell(write: Write, workers: int, runs: Sequence[Run], cores: Cores) -> None:
    spare = "cores of its own" if set(cores.rest).isdisjoint(cores.worker) else "the workers' cores"
    conditions = {"workers": str(workers), "Kafka has": spare if cores.rest else f"any of {os.cpu_count()}"}
    figures = {
        ("records/s", "records/s"): [each.per_s for each in runs],
        ("CPU of the workers for 1,000 records", "s"): [each.workers_cpu_s_per_1000 for each in runs],
        ("CPU of Kafka for 1,000 records", "s"): [each.kafka_cpu_s_per_1000 for each in runs],
    }
    for (figure, unit), rounds in figures.items():
        write(
            Figure(
                part="scaling", contender="ours", figure=figure, unit=unit, rounds=list(rounds), conditions=conditions
            )
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=int(SHARE * Plan().records))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    run(Plan(records=int(options.records / SHARE), rounds=options.rounds, smoke=options.smoke), show)


if __name__ == "__main__":
    main()
