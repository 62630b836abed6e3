"""How much of a machine's scoring is left once it goes through Kafka: our worker, the engine alone, and peers.

    python -m benchmarks.speed.stream [--only ours …] [--records 5000] [--rounds 1] [--smoke]

Headlines lie in `news`, then a contender is started. Its rate is that between the append of its output for the first
tenth of them and for 95%, by Kafka's clock; so its start is out of it. All promise the same: outputs acknowledged by
all (acks=all) before the input is committed. Contenders take turns, round by round, on the same cores; Kafka runs on
the others.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import msgspec

from benchmarks.speed.alone import Alone
from benchmarks.speed.classifying import ENGINE, PIPELINE, STOCK_INT8
from benchmarks.speed.cluster import PEERS_TOPICS, Bound, Cluster, Cores, cluster, installation, worker
from benchmarks.speed.feeding import Fed, Feeder, news
from benchmarks.speed.following import FROM, Sample, Steady, follow, steady
from benchmarks.speed.part import encode_path
from benchmarks.speed.peers import Config, Labelled
from benchmarks.speed.results import Figure, Plan, Result, Write
from benchmarks.speed.topic_log import TopicLog
from models.errors import GretchenError
from streams.admin import group_lag
from streams.app import GROUPS_LINGER_S
from streams.settings import Settings
from streams.topics import (
    ALERTS,
    ENTITY_SENTIMENTS,
    GROUP_SENTIMENTS,
    NEWS,
    SCORED_NEWS,
    SUMMARIES,
    SURGES,
    TOPICS,
    Topic,
)

TIMEOUT_S = 240.0
SMOKE_RECORDS = 200
FEWEST = 100
AGREE = 0.97  # of labels, by another quantization of the same weights
SAME = 0.999  # by the same model: of thousands one may lie so near to another label that a rounding decides
LOOK_S = 0.3
ROUNDS = 2  # at most: a round takes two minutes
ALONE = "engine alone"
STOCK_FILE = "stock-int8.onnx"


class Contender(NamedTuple):
    """`share` of a round's records: slower ones get fewer, so that all take about as long."""

    name: str
    share: float
    start: Callable[[Cluster, Settings], Bound]
    conditions: Mapping[str, str]
    topics: Sequence[Topic] = PEERS_TOPICS
    agree: float = AGREE


class Run(NamedTuple):
    """What a contender did in a round. `all_through_per_s`: as Steady, until everything downstream was done too."""

    steady: Steady
    cpu_s_per_1000: float
    all_through_per_s: float
    labels: dict[str, str]


def peer(module: str, classifier: str, batch: int) -> Callable[[Cluster, Settings], Bound]:
    """A process of benchmarks/speed/MODULE.py on the worker's cores."""

    def start(running: Cluster, settings: Settings) -> Bound:
        config = Config(
            bootstrap_servers=settings.bootstrap_servers,
            news=NEWS.of(settings),
            scored=SCORED_NEWS.of(settings),
            group=settings.app_id,
            classifier=classifier,
            model=str(running.folder / STOCK_FILE),
            batch=batch,
            data_dir=str(settings.data_dir),
        )
        command = [sys.executable, "-m", f"benchmarks.speed.{module}", msgspec.json.encode(config).decode()]
        log = running.folder / f"{settings.app_id}.log"
        return Bound(command, running.cores.worker, log, {"TOKENIZERS_PARALLELISM": "false"})

    return start


def told(model: str, batch: int, more: str = "idempotent") -> dict[str, str]:
    return {"model": model, "batch": str(batch), "producer": f"acks=all, {more}"}


OURS = Contender(
    "ours", 0.5, worker, {"model": "ours", "producer": "acks=all, idempotent; effects exact"}, TOPICS, SAME
)
CONTENDERS = (
    OURS,
    Contender(
        "confluent-kafka loop, our engine", 0.5, peer("peers_confluent", ENGINE, 256), told("ours", 256), agree=SAME
    ),
    Contender("confluent-kafka loop", 0.15, peer("peers_confluent", STOCK_INT8, 256), told(STOCK_INT8, 256)),
    Contender("aiokafka loop", 0.15, peer("peers_aiokafka", STOCK_INT8, 256), told(STOCK_INT8, 256)),
    Contender("Quix Streams", 0.15, peer("peers_quix", STOCK_INT8, 256), told(STOCK_INT8, 256)),
    Contender("Faust take()", 0.03, peer("peers_faust", PIPELINE, 64), told(PIPELINE, 64, "not idempotent")),
)


def run(plan: Plan, write: Write) -> None:
    """Raises GretchenError when a contender loses a record or gives other labels than the engine alone."""
    measure(plan, write, CONTENDERS)


def measure(plan: Plan, write: Write, contenders: Sequence[Contender], *, alone: bool = True) -> None:
    count, rounds = SMOKE_RECORDS if plan.smoke else plan.records, 1 if plan.smoke else min(plan.rounds, ROUNDS)
    records, engine = news(plan, count), list[Alone]()
    found: dict[str, list[Run]] = {each.name: [] for each in contenders}
    # only a smoke's contenders run beside each other: their times mean nothing
    at_once, cores = (len(contenders) + 1, Cores((), ())) if plan.smoke else (1, None)
    with cluster(cores=cores) as running, ThreadPoolExecutor(at_once) as pool:
        if any(each.conditions["model"] == STOCK_INT8 for each in contenders):
            make_stock(running)
        for _ in range(rounds):
            engines = [pool.submit(engine_alone, running, plan, counted(OURS, count))] if alone else []
            runs = [pool.submit(one_run, running, each, records[: counted(each, count)]) for each in contenders]
            engine += [each.result() for each in engines]
            for each, done in zip(contenders, runs, strict=True):
                found[each.name].append(done.result())
    for each in contenders:
        check(each, found[each.name], engine)
    if engine:
        tell_alone(engine, write)
    for each in contenders:
        tell(each, found[each.name], write)


def counted(contender: Contender, records: int) -> int:
    return min(records, max(FEWEST, int(contender.share * records)))


def make_stock(running: Cluster) -> None:
    """In a process of its own, as it needs torch. Raises subprocess.CalledProcessError."""
    command = [sys.executable, "-m", "benchmarks.speed.classifying", str(running.folder / STOCK_FILE)]
    subprocess.run(command, check=True)


def engine_alone(running: Cluster, plan: Plan, count: int) -> Alone:
    described, log = msgspec.json.encode(plan, enc_hook=encode_path).decode(), running.folder / "alone.jsonl"
    log.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.speed.alone", described, str(count)]
    with Bound(command, running.cores.worker, log) as process:
        if process.wait(TIMEOUT_S):
            process.check()
    return msgspec.json.decode(log.read_bytes().splitlines()[-1], type=Alone)


def one_run(running: Cluster, contender: Contender, records: Sequence[Fed]) -> Run:
    with installation(running, contender.topics) as settings, TopicLog(settings, SCORED_NEWS) as scored:
        Feeder(settings).preload(records)
        with contender.start(running, settings) as process:
            samples = follow([process], scored.count, lambda sample: sample.appended >= len(records), TIMEOUT_S)
            if contender is OURS:
                drained(settings, process)
            samples.append(Sample(*process.usage(), scored.count()))
        outputs = list(scored.read())
        rate = steady([each.at_ms for each in outputs])
        whole = whole_rate(settings, rate, len(records)) if contender is OURS else rate.per_s
    labels = {each.id: each.sentiment for each in (msgspec.json.decode(o.value, type=Labelled) for o in outputs)}
    if missing := {each.id for each in records} - labels.keys():
        raise GretchenError(f"{contender.name} lost {len(missing)} of {len(records)} records, {min(missing)} for one")
    return Run(rate, rate.cpu_s_per_1000(samples), whole, labels)


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


def whole_rate(settings: Settings, rate: Steady, records: int) -> float:
    """From the first tenth's append to the last one in any topic or changelog downstream. The second that groups wait
    for more of their batch is no work: it is taken off what they lead to."""
    at_once = [topic.of(settings) for topic in (SCORED_NEWS, ENTITY_SENTIMENTS, GROUP_SENTIMENTS)]
    by_groups = [topic.of(settings) for topic in (SUMMARIES, SURGES, ALERTS)]
    at_once.append(f"{settings.app_id}-windows-changelog")
    by_groups += [f"{settings.app_id}-{table}-changelog" for table in ("groups", "storms")]
    ended = max(*(ended_at(settings, name) for name in at_once))
    ended = max(ended, *(ended_at(settings, name) - GROUPS_LINGER_S for name in by_groups))
    return (1 - FROM) * records / (ended - rate.begun_at)


def ended_at(settings: Settings, topic: str) -> float:
    with TopicLog(settings, topic) as log:
        return log.last_at()


def agreement(found: Run, engine: Alone) -> float:
    return sum(engine.labels[id_] == label for id_, label in found.labels.items()) / len(found.labels)


def check(contender: Contender, runs: Sequence[Run], engine: Sequence[Alone]) -> None:
    """Raise GretchenError where its labels are not those of the engine alone."""
    for each in runs if engine else ():
        if (share := agreement(each, engine[0])) < contender.agree:
            raise GretchenError(f"{contender.name}: {share:.2%} of labels are the engine's, wanted {contender.agree:%}")


def tell(contender: Contender, runs: Sequence[Run], write: Write) -> None:
    conditions = dict(contender.conditions)
    figure(write, contender.name, "records/s", "records/s", [each.steady.per_s for each in runs], conditions)
    figure(write, contender.name, "CPU for 1,000 records", "s", [each.cpu_s_per_1000 for each in runs], conditions)
    if contender is OURS:
        rates = [each.all_through_per_s for each in runs]
        note = "Until the last append to any topic or changelog; the second that groups wait for more is taken off."
        what = "records/s, tables, summaries and alerts too"
        figure(write, contender.name, what, "records/s", rates, conditions, note)


def tell_alone(engine: Sequence[Alone], write: Write) -> None:
    conditions = {"model": "ours"}
    figure(write, ALONE, "records/s", "records/s", [each.per_s for each in engine], conditions, "Without Kafka.")
    figure(write, ALONE, "CPU for 1,000 records", "s", [each.cpu_s_per_1000 for each in engine], conditions)


def figure(
    write: Write,
    contender: str,
    what: str,
    unit: str,
    rounds: Sequence[float],
    conditions: Mapping[str, str],
    note: str = "",
) -> None:
    write(
        Figure(
            part="stream",
            contender=contender,
            figure=what,
            unit=unit,
            rounds=list(rounds),
            conditions=dict(conditions),
            note=note,
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [ALONE, *(each.name for each in CONTENDERS)]
    parser.add_argument("--only", nargs="+", choices=names, metavar="CONTENDER", help=", ".join(names))
    parser.add_argument("--records", type=int, default=Plan().records, help="of which slower ones get a share")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    only = options.only or names
    chosen = [each for each in CONTENDERS if each.name in only]
    plan = Plan(records=options.records, rounds=options.rounds, smoke=options.smoke)
    measure(plan, show, chosen, alone=ALONE in only)


def show(result: Result) -> None:
    if isinstance(result, Figure):
        rounds = " ".join(f"{each:.6g}" for each in result.rounds)
        told = " ".join(f"{name}={value}" for name, value in result.conditions.items())
        print(f"{result.contender:<34}{result.figure:<46}{rounds} {result.unit}   {told}", flush=True)


if __name__ == "__main__":
    main()
