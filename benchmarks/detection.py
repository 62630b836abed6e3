"""How well surges are found: NAB's tweets scored as NAB scores, false alarms and misses in simulated months.

    python benchmarks/detection.py nab FOLDER [RULE]       # CSV files of the Numenta Anomaly Benchmark, windows.json
    python benchmarks/detection.py quiet MONTHS [RULE]     # false alarms an entity-month, by kind of noise
    python benchmarks/detection.py injected TRIALS [RULE]  # surges found, and after how long

RULE is JSON, as {"open_p": 1e-3}; the default rule without one. All go through the functions that the worker runs.
Needs numpy.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from math import exp
from pathlib import Path

import msgspec
import numpy as np

from streams.news.surge import SurgeRule, decide, judge, learn_past, resolve
from streams.news.tails import tail
from streams.news.windows import BUCKET_S, FINE, HOURS, WindowState, shifted
from streams.records import Transition

FALSE_POSITIVE_WEIGHT = 0.11  # NAB's standard profile; a hit and a miss weigh 1
PROBATION = 0.15  # this share of a file, of 5,000 rows at most, is not judged


def opened_in(at_s: Sequence[float], counts: Sequence[int], rule: SurgeRule) -> Iterator[tuple[int, Transition]]:
    """Episodes in a series of counts, each taken as that many negatives at its time: (row, opening).

    Adds a row's negatives at once instead of one by one: the last of them decides, since of two counts the larger is
    never the likelier.
    """
    state = WindowState(entity="series")
    for row, (now_s, count) in enumerate(zip(at_s, counts, strict=True)):
        if count == 0:
            continue
        if state.episode is not None and now_s >= state.episode.hot_s + rule.calm_s:
            resolve(state, rule)
        add(state, now_s, int(count))
        learn_past(state, rule)
        yield from ((row, told) for told in decide(state, rule) if told.kind == "opened")


def p_values_in(at_s: Sequence[float], counts: Sequence[int], rule: SurgeRule) -> Iterator[tuple[int, float]]:
    """The calibrated p-value at each row that has negatives, where it is below 0.01: what any `open_p` would see."""
    state, never = WindowState(entity="series"), msgspec.structs.replace(rule, open_p=0.0)
    for row, (now_s, count) in enumerate(zip(at_s, counts, strict=True)):
        if count:
            add(state, now_s, int(count))
            learn_past(state, never)
            p = state.baseline.calibrated(judge(state, never).p_value)
            decide(state, never)
            if p < 1e-2:
                yield row, p


def add(state: WindowState, at_s: float, negatives: int) -> None:
    """What `count` does, for several negatives at one moment that is not before the clock."""
    bucket = int(at_s // BUCKET_S)
    if state.clock_s is None:
        state.head = bucket
        state.fine, state.hours = [0] * (3 * FINE), [0] * (3 * HOURS)
    state.fine = shifted(state.fine, bucket - state.head)
    state.hours = shifted(state.hours, bucket // 12 - state.head // 12)
    state.clock_s, state.head = at_s, bucket
    state.fine[-3] += negatives
    state.hours[-3] += negatives


def scaled_sigmoid(position: float) -> float:
    """NAB's weight of a detection by its place: -1 at a window's start, 0 at its end, positive past it."""
    return -1.0 if position > 3.0 else 2.0 / (1.0 + exp(5.0 * position)) - 1.0


def nab_score(rows: int, windows: Sequence[tuple[int, int]], detections: Sequence[int]) -> float:
    """Raw score of one file (Lavin and Ahmad, Evaluating Real-time Anomaly Detection Algorithms, 2015; nab/sweeper.py).

    `windows` are first and last rows. A window pays its best detection, -1 without one; a detection outside costs
    up to 0.11, less just past a window. The probationary rows count for nothing.
    """
    probation = int(min(PROBATION * rows, PROBATION * 5000))
    total = 0.0
    judged = [row for row in detections if row >= probation]
    for first, last in windows:
        width = last - first + 1
        hits = [
            scaled_sigmoid(-(last - row + 1) / width) / scaled_sigmoid(-1.0) for row in judged if first <= row <= last
        ]
        total += max(hits, default=-1.0)
    for row in judged:
        if any(first <= row <= last for first, last in windows):
            continue
        past = [(first, last) for first, last in windows if last < row]
        if past:
            first, last = past[-1]
            total += FALSE_POSITIVE_WEIGHT * scaled_sigmoid((row - last) / (last - first))
        else:
            total -= FALSE_POSITIVE_WEIGHT
    return total


def read_nab(path: Path, windows: Sequence[Sequence[str]]) -> tuple[list[float], list[int], list[tuple[int, int]]]:
    """Times, counts and labelled windows (first and last row) of one file."""
    lines = [line.split(",") for line in path.read_text().splitlines()[1:]]
    at = [datetime.fromisoformat(line[0]).replace(tzinfo=UTC).timestamp() for line in lines]
    row_of = {at_s: row for row, at_s in enumerate(at)}
    edges = [
        [row_of[datetime.fromisoformat(edge).replace(tzinfo=UTC).timestamp()] for edge in span] for span in windows
    ]
    return at, [int(float(line[1])) for line in lines], [(first, last) for first, last in edges]


def nab(folder: Path, rule: SurgeRule) -> float:
    """Print each file's score; the sum."""
    labels = {Path(name).name: spans for name, spans in json.loads((folder / "windows.json").read_text()).items()}
    total = 0.0
    for path in sorted(folder.glob("*.csv")):
        at, counts, windows = read_nab(path, labels[path.name])
        found = [row for row, _ in opened_in(at, counts, rule)]
        score = nab_score(len(at), windows, found)
        hit = sum(any(first <= row <= last for row in found) for first, last in windows)
        print(f"{path.name:32} score {score:6.2f} of {len(windows)}; windows hit {hit}; episodes {len(found)}")
        total += score
    print(f"{'sum':32} score {total:6.2f}")
    return total


def series(kind: str, rate_h: float, days: int, chance: np.random.Generator) -> np.ndarray:
    """Negatives in each five minutes, int [days * 288], without a surge. `rate_h` is the mean rate an hour.

    poisson: always the same rate. overdispersed: each hour's rate is Gamma distributed, variance half its mean squared.
    rhythm: between a tenth and nearly twice the mean over the day, and 40% of it on two days of seven.
    """
    hours = np.full(days * 24, rate_h)
    if kind == "overdispersed":
        hours = rate_h * chance.gamma(2.0, 0.5, days * 24)
    if kind == "rhythm":
        clock = np.arange(days * 24)
        hours = rate_h * (1 + 0.9 * np.sin(2 * np.pi * clock / 24)) * np.where(clock // 24 % 7 < 5, 1.0, 0.4)
    return chance.poisson(np.repeat(hours / 12, 12))


KINDS = ("poisson", "overdispersed", "rhythm")
RATES_H = (0.125, 1.0, 8.0)
LEVELS = (1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
SETTLING_DAYS = 14


def quiet(months: int, rule: SurgeRule) -> None:
    """Print false alarms an entity-month for each kind of noise, rate and `open_p`, after two weeks of settling."""
    print(f"{'noise':14} {'rate/h':>7} {'months':>7} " + " ".join(f"{level:>8.0e}" for level in LEVELS))
    each = max(1, months // (len(KINDS) * len(RATES_H)))
    days = SETTLING_DAYS + 30
    at = [i * float(BUCKET_S) for i in range(days * 288)]
    for kind in KINDS:
        for rate_h in RATES_H:
            chance = np.random.default_rng([KINDS.index(kind), int(rate_h * 1000)])
            alarms = np.zeros(len(LEVELS))
            for _ in range(each):
                low = list(p_values_in(at, series(kind, rate_h, days, chance).tolist(), rule))
                alarms += [paused([at[row] for row, p in low if p <= level], rule) for level in LEVELS]
            print(f"{kind:14} {rate_h:7} {each:7} " + " ".join(f"{n / each:8.3f}" for n in alarms), flush=True)


def paused(at_s: Sequence[float], rule: SurgeRule) -> int:
    """How many episodes moments of alarm make, those past the settling only; each silences what follows it."""
    count, until_s = 0, SETTLING_DAYS * 86_400.0
    for now_s in at_s:
        if now_s >= until_s:
            count, until_s = count + 1, now_s + rule.calm_s + rule.cooldown_s
    return count


def injected(trials: int, rule: SurgeRule) -> None:
    """Print the share of injected surges found within two hours and the median delay, beside an oracle's.

    A surge multiplies a constant rate for one hour, after three weeks. The oracle knows the rate and looks at the
    same windows with Poisson's tail at the same `open_p`.
    """
    print(f"{'rate/h':>7} {'factor':>7} {'found':>7} {'delay':>7} {'oracle':>7} {'delay':>7}   (delay in minutes)")
    for rate_h in (0.125, 1.0, 8.0, 30.0):
        for factor in (2.0, 3.0, 5.0, 10.0):
            chance = np.random.default_rng([int(rate_h * 1000), int(factor)])
            ours, oracles = [], []
            for _ in range(trials):
                start = 21 * 288 + int(chance.integers(288))
                rate = np.full(22 * 288 + 288, rate_h / 12)
                rate[start : start + 12] *= factor
                counts = chance.poisson(rate).tolist()
                at = [i * float(BUCKET_S) for i in range(len(counts))]
                rows = [row for row, _ in opened_in(at, counts, rule)]
                ours += [row - start for row in rows if start <= row < start + 24][:1]
                oracles += oracle(counts, start, rate_h, rule)
            both = (f"{len(delays) / trials:7.2f} {middle(delays)}" for delays in (ours, oracles))
            print(f"{rate_h:7} {factor:7}", *both, flush=True)


def oracle(counts: Sequence[int], start: int, rate_h: float, rule: SurgeRule) -> list[int]:
    """The first row after `start` at which one who knows the rate sees a surge: none or one."""
    for row in range(start, start + 24):
        for span_s in rule.windows_s:
            buckets = int(span_s // BUCKET_S)
            seen = sum(counts[row + 1 - buckets : row + 1])
            p = len(rule.windows_s) * tail(seen, rate_h * span_s / 3600, 0.0)
            if counts[row] and seen >= rule.minimum and p <= rule.open_p:
                return [row - start]
    return []


def middle(delays: Sequence[int]) -> str:
    return f"{5 * (1 + float(np.median(delays))):7.0f}" if delays else f"{'-':>7}"


if __name__ == "__main__":
    rule = msgspec.convert(json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}, SurgeRule)
    if sys.argv[1] == "nab":
        nab(Path(sys.argv[2]), rule)
    elif sys.argv[1] == "quiet":
        quiet(int(sys.argv[2]), rule)
    else:
        injected(int(sys.argv[2]), rule)
