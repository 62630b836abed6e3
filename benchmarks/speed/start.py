"""From `gretchen worker` to the first scored record's append, and the time that its imports take.

    python -m benchmarks.speed.start [--rounds 1] [--smoke]

Kafka runs, the topics are there and a news lies in one of them: a worker that is started again, or one more.
"""

import argparse
import sys

from benchmarks.speed.cluster import Bound, Cluster, cluster, installation, worker
from benchmarks.speed.feeding import Feeder, news
from benchmarks.speed.following import follow
from benchmarks.speed.results import Figure, Plan, Write
from benchmarks.speed.stream import show
from benchmarks.speed.topic_log import TopicLog
from models.errors import GretchenError
from streams.topics import SCORED_NEWS

IMPORTS = (  # as the command line does it: without a look for garbage
    "import time; t = time.perf_counter(); from streams.cli import group; group.get_command(None, 'worker');"
    " print(time.perf_counter() - t)"
)
TIMEOUT_S = 120.0
EVERY_S = 0.1


def run(plan: Plan, write: Write) -> None:
    rounds = 1 if plan.smoke else plan.rounds
    imports, firsts = list[float](), list[float]()
    with cluster() as running:
        for _ in range(rounds):
            imports.append(import_s(running))
            firsts.append(first_s(running, plan))
        conditions = {"cores": ",".join(map(str, running.cores.worker)) or "all"}
    for figure, values in {"imports of the serving code": imports, "process to first scored record": firsts}.items():
        write(Figure(part="start", contender="ours", figure=figure, unit="s", rounds=values, conditions=conditions))


def import_s(running: Cluster) -> float:
    """In a fresh process, Python's own start not counted."""
    log = running.folder / "imports.log"
    log.unlink(missing_ok=True)
    with Bound([sys.executable, "-c", IMPORTS], running.cores.worker, log) as process:
        if process.wait(TIMEOUT_S):
            raise GretchenError(f"the imports failed: {log.read_text()[-300:]}")
    return float(log.read_text().split()[-1])


def first_s(running: Cluster, plan: Plan) -> float:
    """Until Kafka's stamp on the first scored record, from just before the process is made."""
    with installation(running) as settings, TopicLog(settings, SCORED_NEWS) as scored:
        Feeder(settings).preload(news(plan, 1))
        with worker(running, settings) as process:
            follow([process], scored.count, lambda sample: sample.appended > 0, TIMEOUT_S, EVERY_S)
        return min(each.at_ms for each in scored.read()) / 1000 - process.started_at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    run(Plan(rounds=options.rounds, smoke=options.smoke), show)


if __name__ == "__main__":
    main()
