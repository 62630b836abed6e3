"""How much of a machine's scoring is left once it goes through Kafka: our worker, the engine alone, and peers.

    python -m benchmarks.speed.stream [--only ours …] [--records 5000] [--rounds 1] [--smoke]

Headlines lie in `news`, then a contender is started. Its rate is that between the append of its output for the first
tenth of them and for 95%, by Kafka's clock; so its start is out of it. All promise the same: outputs acknowledged by
all (acks=all) before the input is committed. Contenders take turns, round by round, on the same cores; Kafka runs on
the others.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from benchmarks.speed.cluster import PEERS_TOPICS, Bound, Cluster, cluster, installation, worker
from benchmarks.speed.feeding import Fed, Feeder, news
from benchmarks.speed.following import Sample, Steady, follow, steady
from benchmarks.speed.results import Figure, Plan, Result, Write
from benchmarks.speed.topic_log import TopicLog
from models.errors import GretchenError
from streams.admin import group_lag
from streams.settings import Settings
from streams.topics import SCORED_NEWS, TOPICS, Topic

TIMEOUT_S = 240.0
SMOKE_RECORDS = 200
FEWEST = 100
AGREE = 0.97  # of labels, by another quantization of the same weights
LOOK_S = 0.3
ROUNDS = 3  # at most: a round takes more than a minute


class Contender(NamedTuple):
    """`share` of a round's records: slower ones get fewer, so that all take about as long."""

    name: str
    share: float
    start: Callable[[Cluster, Settings], Bound]
    conditions: Mapping[str, str]
    topics: Sequence[Topic] = PEERS_TOPICS
    exact: bool = False  # the same model as ours: so are its labels


class Run(NamedTuple):
    """What a contender did in a round. `all_through_per_s`: as Steady, until everything downstream was done too."""

    steady: Steady
    cpu_s_per_1000: float
    all_through_per_s: float
    labels: dict[str, str]
    copies: int


class Labelled(msgspec.Struct):
    """What all contenders' outputs have."""

    id: str
    sentiment: str


OURS = Contender("ours", 0.5, worker, {"promise": "acks=all, idempotent, effects exact"}, TOPICS, exact=True)


def run(plan: Plan, write: Write, contenders: Sequence[Contender] = (OURS,)) -> None:
    """Raises GretchenError when a contender loses a record or gives other labels than ours."""
    records, rounds = news(plan, SMOKE_RECORDS if plan.smoke else plan.records), 1 if plan.smoke else plan.rounds
    found: dict[str, list[Run]] = {each.name: [] for each in contenders}
    with cluster() as running:
        for _ in range(min(rounds, ROUNDS)):
            for each in contenders:
                found[each.name].append(one_run(running, each, records[: counted(each, len(records))]))
    for each in contenders:
        report(each, found[each.name], write)


def counted(contender: Contender, records: int) -> int:
    return min(records, max(FEWEST, int(contender.share * records)))


def one_run(running: Cluster, contender: Contender, records: Sequence[Fed]) -> Run:
    with installation(running, contender.topics) as settings, TopicLog(settings, SCORED_NEWS) as scored:
        Feeder(settings).preload(records)
        ours = contender.topics is TOPICS
        with contender.start(running, settings) as process:
            samples = follow([process], scored.count, lambda sample: sample.appended >= len(records), TIMEOUT_S)
            done_at = drained(settings, process) if ours else 0.0
            samples.append(Sample(*process.usage(), scored.count()))
        outputs = list(scored.read())
    labels = {each.id: each.sentiment for each in (msgspec.json.decode(o.value, type=Labelled) for o in outputs)}
    if missing := {each.id for each in records} - labels.keys():
        raise GretchenError(f"{contender.name} lost {len(missing)} of {len(records)} records, {min(missing)} for one")
    rate = steady([each.at_ms for each in outputs])
    whole = 0.9 * len(records) / (done_at - rate.begun_at) if ours else rate.per_s
    return Run(rate, rate.cpu_s_per_1000(samples), whole, labels, len(outputs) - len(labels))


def drained(settings: Settings, process: Bound) -> float:
    """When (time.time()) nothing was left to be read and committed, in any topic that the worker reads."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        at = time.time()
        if not group_lag(settings):
            return at
        process.check()
        if time.monotonic() > deadline:
            raise GretchenError(f"the worker is not through after {TIMEOUT_S:.0f} s; log: {process.log}")
        time.sleep(LOOK_S)


def report(contender: Contender, runs: Sequence[Run], write: Write) -> None:
    def figure(what: str, unit: str, of: Callable[[Run], float], note: str = "") -> None:
        write(
            Figure(
                part="stream",
                contender=contender.name,
                figure=what,
                unit=unit,
                rounds=[of(each) for each in runs],
                conditions=dict(contender.conditions),
                note=note,
            )
        )

    figure("records/s", "records/s", lambda each: each.steady.per_s)
    figure("CPU of the process for 1,000 records", "s", lambda each: each.cpu_s_per_1000)
    if contender.topics is TOPICS:
        figure(
            "records/s until tables, summaries and alerts are done too",
            "records/s",
            lambda each: each.all_through_per_s,
            "Until the group's last commit, which comes at most a second later.",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="CONTENDER")
    parser.add_argument("--records", type=int, default=Plan().records, help="of our share: peers get fewer")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    chosen = [each for each in (OURS,) if options.only is None or each.name in options.only]
    run(Plan(records=options.records, rounds=options.rounds, smoke=options.smoke), show, chosen)


def show(result: Result) -> None:
    if isinstance(result, Figure):
        rounds = " ".join(f"{each:.6g}" for each in result.rounds)
        print(f"{result.contender:<28}{result.figure:<60}{rounds} {result.unit}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
