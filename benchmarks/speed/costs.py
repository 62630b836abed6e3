"""What a news costs: CPU of the worker and of Kafka, and bytes and records in every topic, changelogs too.

All news lie ready, one worker takes them at full speed on its cores, and what is counted ends when nothing is left to
read in any topic. benchmarks/scaling_model.py reckons with these.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from benchmarks.speed.cluster import Cluster, cluster, installation, worker
from benchmarks.speed.feeding import Feeder, news
from benchmarks.speed.hot_stream import mention_us, state_bytes
from benchmarks.speed.results import Figure, Plan, Write
from benchmarks.speed.stream import drained
from benchmarks.speed.texts import headlines
from benchmarks.speed.topic_log import TopicLog
from models.errors import GretchenError
from streams.settings import Settings
from streams.topics import SCORED_NEWS, TOPICS

SMOKE_RECORDS, MOST_RECORDS = 300, 10_000
ROUNDS = 2
STARTS_S = 60.0
BUSY_A_DAY = 200  # mentions: by then a state is nearly as large as it gets
CHANGELOG = "-changelog"


def run(plan: Plan, write: Write) -> None:
    count = SMOKE_RECORDS if plan.smoke else min(plan.records, MOST_RECORDS)
    rounds: dict[tuple[str, str], list[float]] = defaultdict(list)
    with cluster() as running:
        for _ in range(1 if plan.smoke else min(plan.rounds, ROUNDS)):
            for name, value in one_round(running, plan, count).items():
                rounds[name].append(value)
        conditions = {"news": str(count), **running.cores.told()}
    texts = [request.text for request in headlines(plan)]
    for _ in range(1 if plan.smoke else plan.rounds):
        for name, value in alone(texts, 2 if plan.smoke else 40).items():
            rounds[name].append(value)
    for (figure, unit), values in rounds.items():
        write(Figure(part="costs", contender="ours", figure=figure, unit=unit, rounds=values, conditions=conditions))


def one_round(running: Cluster, plan: Plan, count: int) -> Mapping[tuple[str, str], float]:
    """(figure, unit) -> value."""
    with installation(running) as settings, TopicLog(settings, SCORED_NEWS) as scored:
        Feeder(settings).preload(news(plan, count))
        kafka = psutil.Process(running.kafka.pid)
        with worker(running, settings) as process:
            until = time.monotonic() + STARTS_S
            while not scored.count():  # its start costs the same however much comes after
                process.check()
                if time.monotonic() > until:
                    raise GretchenError(f"nothing scored after {STARTS_S:.0f} s; log: {process.log}")
                time.sleep(0.05)
            begun, kafka_began_s, already = process.usage(), spent(kafka), scored.count()
            drained(settings, process)
            ended, kafka_ended_s = process.usage(), spent(kafka)
        thousands = (count - already) / 1000
        found = {
            ("CPU of the worker for 1,000 news", "s"): (ended.cpu_s - begun.cpu_s) / thousands,
            ("CPU of Kafka for 1,000 news", "s"): (kafka_ended_s - kafka_began_s) / thousands,
        }
        for topic, size in sizes(running.kafka.data_dir / "data", settings).items():
            with TopicLog(settings, settings.topic_prefix + topic) as log:
                records = log.count()
            if records:
                found[f"{topic}: bytes for a news", "bytes"] = size / count
                found[f"{topic}: records for a news", "records"] = records / count
        return found


def alone(texts: Sequence[str], batches: int) -> Mapping[tuple[str, str], float]:
    """Of one stream, in this process."""
    few, many = (state_bytes(texts, BUSY_A_DAY, partitions) for partitions in (4, 1004))
    return {
        ("CPU of a mention in the stream of all news", "µs"): mention_us(texts, batches),
        ("a busy stream's state", "bytes"): few,
        ("a state's bytes for each partition of news", "bytes"): (many - few) / 1000,
    }


def spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def sizes(data: Path, settings: Settings) -> dict[str, int]:
    """Topic, without its prefix -> bytes as they lie in its log: batches, headers, keys and all. A changelog's name
    begins with the app's, which is an installation's prefix too; Faust's own topics are left out."""
    found: dict[str, int] = defaultdict(int)
    ours = {topic.name for topic in TOPICS}
    for folder in data.glob(f"{settings.topic_prefix}*"):
        topic, _, partition = folder.name.removeprefix(settings.topic_prefix).rpartition("-")
        if partition.isdigit() and (topic in ours or topic.endswith(CHANGELOG)):
            found[topic] += sum(file.stat().st_size for file in folder.glob("*.log"))
    return dict(sorted(found.items()))
