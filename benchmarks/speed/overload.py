"""Three times what one worker can score, for a minute, and then how it comes back.

    python -m benchmarks.speed.overload [--seconds 10] [--smoke]

What does not fit waits in Kafka: memory has to stay where it was, the rate too, and no order is lost, nor a record.
After the load we watch for a while, not to the end: three minutes of work take three minutes.
"""

import argparse
import time
from collections.abc import Iterator, Sequence

from benchmarks.speed.cluster import cluster
from benchmarks.speed.feeding import Fed, endless
from benchmarks.speed.following import Sample, follow
from benchmarks.speed.loads import Aside, Scored, line, origins
from benchmarks.speed.results import Curve, Figure, Plan, Write
from benchmarks.speed.stream import show
from benchmarks.speed.topic_log import Appended
from models.errors import GretchenError

TIMES = 3.0
OVERLOAD_S, AFTER_S = 60.0, 30.0
SMOKE_S = 3.0
CAPACITY_RECORDS, SMOKE_RECORDS = 6000, 300
SETTLED = 1 / 6  # of the load's time: then all that buffers is full
EVERY_S = 0.5
MIB = 1 << 20


def run(plan: Plan, write: Write) -> None:
    measure(plan, write, SMOKE_S if plan.smoke else OVERLOAD_S)


def measure(plan: Plan, write: Write, seconds: float) -> None:
    """Raises GretchenError where a record is lost or comes before an older one of its key."""
    records = repeating(endless(plan, SMOKE_RECORDS if plan.smoke else plan.records))
    with cluster() as running, line(running) as at:
        capacity = at.capacity(records, SMOKE_RECORDS if plan.smoke else CAPACITY_RECORDS)
        begun_at, news_counts = time.time(), list[int]()
        feeding = Aside(at.feeder.play, records, TIMES * capacity, seconds)

        def counted() -> int:
            news_counts.append(at.news.count())
            return at.scored.count()

        def over(sample: Sample) -> bool:
            return feeding.done() and (sample.appended >= news_counts[-1] or sample.at > begun_at + seconds + AFTER_S)

        samples = follow([at.process], counted, over, 2 * seconds + 10 * AFTER_S, EVERY_S)
        outputs = origins(at.scored.read())
    check(outputs)
    conditions = {"load": f"{TIMES:g}x", "seconds": f"{seconds:g}"}
    tell_rates(write, outputs, begun_at, seconds, capacity, conditions)
    tell_memory(write, samples, begun_at, seconds, conditions)
    lag = [float(news - sample.appended) for news, sample in zip(news_counts, samples, strict=True)]
    tell_curve(write, samples, begun_at, lag, "news not scored yet")


def repeating(records: Iterator[Fed]) -> Iterator[Fed]:
    """Every tenth has the id, and so the key, of a news shortly before it."""
    recent: list[Fed] = []
    for n, record in enumerate(records):
        recent = [*recent[-4:], record]
        yield Fed(recent[0].id, record.text) if n % 10 == 9 else record


def check(outputs: Sequence[tuple[Scored, Appended]]) -> None:
    """Per key the order of the news, per partition of the news none left out up to the last one scored."""
    last: dict[str, int] = {}
    offsets: dict[int, set[int]] = {}
    for scored, _ in sorted(outputs, key=lambda each: (each[1].partition, each[1].offset)):
        if scored.origin.offset < last.get(scored.id, -1):
            raise GretchenError(f"{scored.id}: news {scored.origin} was scored after {last[scored.id]}, a later one")
        last[scored.id] = scored.origin.offset
        offsets.setdefault(scored.origin.partition, set()).add(scored.origin.offset)
    for partition, found in offsets.items():
        if len(found) != max(found) + 1:
            raise GretchenError(f"{max(found) + 1 - len(found)} news of partition {partition} were left out")


def tell_rates(
    write: Write,
    outputs: Sequence[tuple[Scored, Appended]],
    begun_at: float,
    seconds: float,
    capacity: float,
    conditions: dict[str, str],
) -> None:
    stamps = [output.at_ms / 1000 for _, output in outputs]
    loaded = (begun_at + SETTLED * seconds, begun_at + seconds)
    alone = (begun_at + seconds + 0.5, max(max(stamps), begun_at + seconds + 0.6))
    tell(write, "capacity before", "records/s", capacity, conditions)
    for what, (first, last) in {"rate under overload": loaded, "rate after it": alone}.items():
        rate = sum(first < at <= last for at in stamps) / (last - first)
        if what == "rate under overload" or rate:  # a smoke may be through by then
            tell(write, what, "records/s", rate, conditions)


def tell_memory(
    write: Write, samples: Sequence[Sample], begun_at: float, seconds: float, conditions: dict[str, str]
) -> None:
    resident = [each.resident_bytes / MIB for each in samples]
    settled = next(n for n, each in enumerate(samples) if each.at >= begun_at + SETTLED * seconds)
    tell(write, "resident memory when buffers are full", "MiB", resident[settled], conditions)
    tell(write, "resident memory at most", "MiB", max(resident), conditions)
    tell(write, "resident memory at the end", "MiB", resident[-1], conditions)
    tell_curve(write, samples, begun_at, resident, "resident memory, MiB")


def tell_curve(write: Write, samples: Sequence[Sample], begun_at: float, y: Sequence[float], y_label: str) -> None:
    x = [each.at - begun_at for each in samples]
    write(Curve(part="overload", contender="ours", x=x, y=list(y), x_label="s since the load began", y_label=y_label))


def tell(write: Write, figure: str, unit: str, value: float, conditions: dict[str, str]) -> None:
    write(Figure(part="overload", contender="ours", figure=figure, unit=unit, rounds=[value], conditions=conditions))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=OVERLOAD_S)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    measure(Plan(smoke=options.smoke), show, SMOKE_S if options.smoke else options.seconds)


if __name__ == "__main__":
    main()
