"""Two claims of docs/scaling.md, checked without a cluster: how even partitions are by real names, and KEDA over a day.

`shares` puts the names of SEntFiN's headlines into partitions as Kafka's clients do. `followed` plays a day of news
with bursts, second by second, against rules that set the number of workers.
"""

import math
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.speed.results import Plan
from benchmarks.speed.tables import number, table
from benchmarks.speed.texts import sentfin
from streams.queries import partition_of

PARTITIONS = (4, 16, 64, 256, 1024)


def shares(data: Path) -> list[str]:
    """Busiest partition's share of all mentions, keyed by the name."""
    named = Counter(name for headline in sentfin(Plan(data=data)) for name in headline.names)
    total = named.total()
    (first, most), rows = named.most_common(1)[0], []
    for partitions in PARTITIONS:
        held = Counter[int]()
        for name, mentions in named.items():
            held[partition_of(name, partitions)] += mentions
        busiest = max(held.values()) / total
        rows.append(
            (
                f"{partitions:,}",
                f"{1 / partitions:.2%}",
                f"{busiest:.2%}",
                f"{busiest * partitions:.2f}×",
                f"{1 / busiest:.0f}",
            )
        )
    header = ("partitions", "even share", "busiest partition", "of even", "workers' worth of work at most")
    told = f"{total:,} mentions of {len(named):,} names; the commonest, {first}, has {most / total:.2%}."
    return [*table(header, rows), "", told]


DAY_S = 86_400
LOOK_S = 15  # between two looks of the autoscaler
START_S = 20  # from its decision until a worker joins
STALL_S = 6  # of everybody, whenever the group changes
SESSION_S = 10  # until what a static member has left behind moves
TOLERANCE = 0.1  # the autoscaler leaves small differences alone
LEAST, MOST = 2, 64
SEED = 3


class Rule(NamedTuple):
    """`wanted`: (lag, news/s of the last minute, news/s of a worker) -> workers. What falls waits for `calm_s`."""

    name: str
    wanted: Callable[[float, float, float], float]
    calm_s: int


class Outcome(NamedTuple):
    """Delays are from a news' arrival until it is scored, over all news of the day."""

    p50_s: float
    p99_s: float
    worst_s: float
    changes: int
    worker_hours: float


def lag_rule(seconds: float, calm_s: int) -> Rule:
    """KEDA's Kafka trigger: a worker for every `lagThreshold` news that wait."""
    return Rule(
        f"lag, threshold {seconds:g} s of a worker's work", lambda lag, rate, each: lag / (seconds * each), calm_s
    )


def rate_rule(busy: float, calm_s: int) -> Rule:
    """KEDA's Prometheus trigger on the rate of what arrives."""
    return Rule(f"rate, workers {busy:.0%} busy", lambda lag, rate, each: rate / (busy * each), calm_s)


def both_rule(busy: float, seconds: float, calm_s: int) -> Rule:
    """Two triggers: the larger answer holds."""
    by_rate, by_lag = rate_rule(busy, calm_s), lag_rule(seconds, calm_s)
    return Rule(
        f"rate, workers {busy:.0%} busy, and lag, threshold {seconds:g} s",
        lambda lag, rate, each: max(by_rate.wanted(lag, rate, each), by_lag.wanted(lag, rate, each)),
        calm_s,
    )


def fixed(workers: int) -> Rule:
    return Rule(f"{workers} workers, always", lambda lag, rate, each: workers, 0)


RULES = (
    fixed(10),
    fixed(16),
    fixed(32),
    lag_rule(5, 60),
    lag_rule(5, 300),
    lag_rule(5, 1800),
    lag_rule(20, 300),
    rate_rule(0.6, 300),
    rate_rule(0.6, 1800),
    both_rule(0.6, 5, 1800),
)


def day(worker_per_s: float) -> npt.NDArray[np.float64]:
    """News that arrive in each second: between 3 and 9 workers' worth over the day, and bursts of three times as many
    that come within half a minute and fade by half every five."""
    chance, at = np.random.default_rng(SEED), np.arange(DAY_S)
    rate = worker_per_s * (6 - 3 * np.cos(2 * np.pi * at / DAY_S))
    for begin in chance.integers(0, DAY_S, 6):
        after = at - begin
        rate *= 1 + 2 * np.clip(after / 30, 0, 1) * np.where(after >= 0, 0.5 ** (np.maximum(after - 30, 0) / 300), 0)
    return chance.poisson(rate).astype(np.float64)


def simulate(arrived: npt.NDArray[np.float64], worker_per_s: float, rule: Rule) -> Outcome:
    """The group over the day. Workers share all work evenly; while the group changes nobody works."""
    lag, changes, worker_s, stalled_until, slow_until, slow = 0.0, 0, 0.0, 0, 0, 1.0
    working = target = bounded(rule.wanted(0.0, float(arrived[:60].mean()), worker_per_s))
    joins: deque[tuple[int, int]] = deque()  # (second, workers from then on)
    looks: deque[tuple[int, int]] = deque()  # what was wanted lately: of it the most holds
    done = np.empty(len(arrived))
    for at, news in enumerate(arrived):
        if at % LOOK_S == 0:
            recent = float(arrived[max(0, at - 60) : at].mean()) if at else float(news)
            wanted = rule.wanted(lag, recent, worker_per_s)
            near = abs(wanted / target - 1) <= TOLERANCE
            looks.append((at, target if near else bounded(wanted)))
            while looks[0][0] < at - rule.calm_s:
                looks.popleft()
            new = min(max(each for _, each in looks), max(2 * target, target + 4))  # its default pace upward
            if new != target:
                joins.append((at + (START_S if new > target else 0), new))
                target = new
        while joins and joins[0][0] <= at:
            _, now = joins.popleft()
            if now != working:
                changes += 1
                stalled_until = at + STALL_S
                if now < working:
                    slow_until, slow = at + STALL_S + SESSION_S, now / working
                working = now
        able = 0.0 if at < stalled_until else working * worker_per_s * (slow if at < slow_until else 1.0)
        done[at] = min(able, lag + news)
        lag += news - done[at]
        worker_s += max(working, target)
    return outcome(arrived, done, changes, worker_s / 3600)


def bounded(wanted: float) -> int:
    return min(MOST, max(LEAST, math.ceil(wanted)))


def outcome(
    arrived: npt.NDArray[np.float64], done: npt.NDArray[np.float64], changes: int, worker_hours: float
) -> Outcome:
    """Delays by the two curves: the n-th news arrives when the one passes n, and is scored when the other does."""
    came, went = np.cumsum(arrived), np.cumsum(done)
    scored = came <= went[-1] + 1e-6
    delays = np.maximum(0, np.searchsorted(went, came[scored] - 1e-6) - np.flatnonzero(scored))
    order, weights = np.argsort(delays), arrived[scored]
    passed = np.cumsum(weights[order]) / weights.sum()

    def at(share: float) -> float:
        return float(delays[order][min(np.searchsorted(passed, share), len(order) - 1)])

    return Outcome(at(0.5), at(0.99), float(delays.max()), changes, worker_hours)


def followed(worker_per_s: float, rules: Sequence[Rule] = RULES) -> list[str]:
    """A row a rule."""
    arrived, rows = day(worker_per_s), []
    for rule in rules:
        found = simulate(arrived, worker_per_s, rule)
        calm = f"{rule.calm_s} s" if rule.calm_s else ""
        rows.append(
            (
                rule.name,
                calm,
                number(found.p50_s),
                number(found.p99_s),
                number(found.worst_s),
                f"{found.changes}",
                number(found.worker_hours),
            )
        )
    header = ("rule", "falls after", "delay p50, s", "p99, s", "worst, s", "changes", "worker hours")
    most = f"up to {arrived.max():,.0f} in a second"
    told = f"{arrived.sum():,.0f} news, {most}; a worker scores {worker_per_s:,.0f} a second."
    return [*table(header, rows), "", told]
