"""How well surges are found: NAB's tweets scored as NAB scores, false alarms and misses in simulated months.

    python benchmarks/detection.py nab FOLDER [RULE]       # CSV files of the Numenta Anomaly Benchmark, windows.json
    python benchmarks/detection.py plateau FOLDER [RULE]   # the same for several promises, each file's by the others
    python benchmarks/detection.py quiet MONTHS [RULE]     # false alarms an entity-month, by kind of noise
    python benchmarks/detection.py injected TRIALS [RULE]  # surges found, and after how long
    python benchmarks/detection.py draw TABLE PICTURE      # what injected printed, as curves (matplotlib)
    python benchmarks/detection.py sample REPLAYS [RULE]   # the sample with verdicts wrong at random
    python benchmarks/detection.py speed [RULE]            # microseconds a decision

RULE is JSON, as {"false_alarms": 0.5}; the default rule without one. All go through the functions that the worker runs.
NAB's files one negative after the other, as the worker would count them: gretchen backtest --counts. Needs numpy.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import msgspec
import numpy as np
from sample_surges import Sample

from streams.backtest.nab import nab_score
from streams.news.surge import SurgeRule, Watching, decide, expire, judge, learn_past
from streams.news.tails import tail
from streams.news.windows import BUCKET_S, COLUMNS, FINE, NEGATIVE, Detector, Mention, WindowState, copied, count
from streams.records import Transition


def opened_in(
    at_s: Sequence[float], counts: Sequence[int], rule: SurgeRule, name: str = "series"
) -> Iterator[tuple[int, Transition]]:
    """Episodes in a series of counts, each taken as that many negatives at its time: (row, opening).

    Adds a row's negatives at once instead of one by one: the last of them decides, since of two counts the larger is
    never the likelier.
    """
    state, watching = WindowState(entity=name), Watching((rule,))
    for row, (now_s, negatives) in enumerate(zip(at_s, counts, strict=True)):
        if negatives == 0:
            continue
        expire(state, now_s, watching)
        detector = add(state, now_s, int(negatives), watching)
        yield from ((row, told) for told in decide(state, detector, rule) if told.status == "opened")


def alarms_in(at_s: Sequence[float], counts: Sequence[int], rule: SurgeRule, name: str) -> Iterator[tuple[int, float]]:
    """How many moments as unlikely a month would have, at each row where that is less than ten."""
    state, watching = WindowState(entity=name), Watching((rule,))
    for row, (now_s, negatives) in enumerate(zip(at_s, counts, strict=True)):
        if negatives:
            alarms = judge(state, add(state, now_s, int(negatives), watching), rule).alarms
            if alarms < 10.0:
                yield row, alarms


def add(state: WindowState, at_s: float, negatives: int, watching: Watching) -> Detector:
    """Count several negatives at one moment that is not before the clock, and learn what is past by then."""
    count(state, Mention(at_s, NEGATIVE, -1.0), watching.lateness_s)
    for counts in (state.fine, state.hours, state.days):
        counts[len(counts) - COLUMNS + NEGATIVE] += negatives - 1
    learn_past(state, watching)
    return state.detectors["negatives"]


def read_nab(path: Path, windows: Sequence[Sequence[str]]) -> tuple[list[float], list[int], list[tuple[int, int]]]:
    """Times, counts and labelled windows (first and last row) of one file."""
    lines = [line.split(",") for line in path.read_text().splitlines()[1:]]
    at = [datetime.fromisoformat(line[0]).replace(tzinfo=UTC).timestamp() for line in lines]
    row_of = {at_s: row for row, at_s in enumerate(at)}
    edges = [
        [row_of[datetime.fromisoformat(edge).replace(tzinfo=UTC).timestamp()] for edge in span] for span in windows
    ]
    return at, [int(float(line[1])) for line in lines], [(first, last) for first, last in edges]


def nab(folder: Path, rule: SurgeRule) -> list[float]:
    """Print each file's score; the scores."""
    labels = {Path(name).name: spans for name, spans in json.loads((folder / "windows.json").read_text()).items()}
    scores = []
    for path in sorted(folder.glob("*.csv")):
        at, counts, windows = read_nab(path, labels[path.name])
        found = [row for row, _ in opened_in(at, counts, rule)]
        scores.append(nab_score(len(at), windows, found))
        hit = sum(any(first <= row <= last for row in found) for first, last in windows)
        print(f"{path.name:32} score {scores[-1]:6.2f} of {len(windows)}; windows hit {hit}; episodes {len(found)}")
    print(f"{'sum':32} score {sum(scores):6.2f}")
    return scores


def plateau(folder: Path, rule: SurgeRule) -> None:
    """Print the scores at several promises, and the sum when each file takes the promise best for the others."""
    scores = np.array(
        [nab(folder, msgspec.structs.replace(rule, false_alarms=promise)) for promise in PLATEAU], dtype=float
    )
    print(" ".join(f"{promise}: {score:.2f}" for promise, score in zip(PLATEAU, scores.sum(axis=1), strict=True)))
    chosen = [int(np.argmax(np.delete(scores, file, axis=1).sum(axis=1))) for file in range(scores.shape[1])]
    print(f"left out in turn: {sum(scores[best, file] for file, best in enumerate(chosen)):.2f}")


PLATEAU = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0)


def series(kind: str, rate_h: float, days: int, chance: np.random.Generator) -> np.ndarray:
    """Negatives in each five minutes, int [days * 288], without a surge. `rate_h` is the mean rate an hour.

    poisson: always the same rate. overdispersed: each hour's rate is Gamma distributed, variance half its mean squared.
    daily: between a tenth and nearly twice the mean over the day. weekly: that, and 40% of it on two days of seven.
    """
    clock = np.arange(days * 24)
    hours = np.full(days * 24, rate_h)
    if kind == "overdispersed":
        hours = rate_h * chance.gamma(2.0, 0.5, days * 24)
    if kind in ("daily", "weekly"):
        hours = rate_h * (1 + 0.9 * np.sin(2 * np.pi * clock / 24))
    if kind == "weekly":
        hours = hours * np.where(clock // 24 % 7 < 5, 1.0, 0.4)
    return chance.poisson(np.repeat(hours / 12, 12))


KINDS = ("poisson", "overdispersed", "daily", "weekly")
RATES_H = (0.125, 1.0, 4.0, 8.0)
PROMISES = (0.1, 0.2, 0.4, 1.0, 3.0)
SETTLING_DAYS = 14


def quiet(months: int, rule: SurgeRule) -> None:
    """Print false alarms an entity-month over those promised, for each kind of noise, rate and promise."""
    print(f"{'noise':14} {'rate/h':>7} {'months':>7} " + " ".join(f"{promise:>6}" for promise in PROMISES))
    days = SETTLING_DAYS + 30
    at = [i * float(BUCKET_S) for i in range(days * 288)]
    for kind in KINDS:
        whole = np.zeros(len(PROMISES))
        for rate_h in RATES_H:
            chance = np.random.default_rng([KINDS.index(kind), int(rate_h * 1000)])
            alarms = np.zeros(len(PROMISES))
            for month in range(months):
                counts = series(kind, rate_h, days, chance).tolist()
                low = list(alarms_in(at, counts, rule, f"series {month}"))
                alarms += [paused([at[row] for row, n in low if n <= promise], rule) for promise in PROMISES]
            told(kind, rate_h, months, alarms)
            whole += alarms * (rate_h >= 1)
        told(kind, ">= 1", months * sum(rate_h >= 1 for rate_h in RATES_H), whole)


def told(kind: str, rate_h: float | str, months: int, alarms: np.ndarray) -> None:
    ratios = alarms / months / np.array(PROMISES)
    print(f"{kind:14} {rate_h:>7} {months:7} " + " ".join(f"{ratio:6.2f}" for ratio in ratios), flush=True)


def paused(at_s: Sequence[float], rule: SurgeRule) -> int:
    """How many episodes moments of alarm make, those past the settling only; each silences what follows it."""
    count, until_s = 0, SETTLING_DAYS * 86_400.0
    for now_s in at_s:
        if now_s >= until_s:
            count, until_s = count + 1, now_s + rule.calm_s + rule.cooldown_s
    return count


def injected(trials: int, rule: SurgeRule) -> None:
    """Print the share of injected surges found within two hours and the median delay, beside an oracle's.

    A surge multiplies a constant rate for one hour, after four weeks; `trials` for each of ten pasts. The oracle knows
    the rate, looks at the same windows with Poisson's tail, and raises as many false alarms (simulated).
    """
    print(f"{'rate/h':>7} {'factor':>7} {'found':>7} {'delay':>7} {'oracle':>7} {'delay':>7}   (delay in minutes)")
    for rate_h in (0.125, 1.0, 4.0, 8.0, 15.0, 30.0):
        chance = np.random.default_rng(int(rate_h * 1000))
        level = oracle_level(rate_h, rule)
        pasts = [past(rate_h, number, rule, chance) for number in range(10)]
        for factor in (2.0, 3.0, 5.0, 10.0):
            rates = np.repeat([factor * rate_h / 12, rate_h / 12], 12)
            ours, oracles = [], []
            for state, before in pasts:
                for _ in range(trials):
                    counts = chance.poisson(rates)
                    ours += found_after(state, len(before), counts.tolist(), rule)
                    seen = np.flatnonzero(oracle(np.append(before[-FINE:], counts), rate_h, rule)[FINE:] <= level)
                    oracles += [int(seen[0])] if len(seen) else []
            both = (f"{len(delays) / trials / len(pasts):7.2f} {middle(delays)}" for delays in (ours, oracles))
            print(f"{rate_h:7} {factor:7}", *both, flush=True)


def draw(table: Path, picture: Path) -> None:
    """Two pictures: the share found and the median delay against the factor, by rate; the oracle dashed."""
    import matplotlib.pyplot as plt

    lines = table.read_text().splitlines()[1:]
    rows = [[np.nan if each == "-" else float(each) for each in line.split()] for line in lines]
    found, delay = plt.subplots(1, 2, figsize=(10, 3.6))[1]
    rates_h = sorted({row[0] for row in rows if row[0] >= 1})
    for rate_h, color in zip(rates_h, plt.cm.viridis(np.linspace(0, 0.85, len(rates_h))), strict=True):
        of_rate = np.array([row for row in rows if row[0] == rate_h])
        for axes, ours, oracles in ((found, 2, 4), (delay, 3, 5)):
            axes.plot(of_rate[:, 1], of_rate[:, ours], "o-", color=color, label=f"{rate_h:g} an hour")
            axes.plot(of_rate[:, 1], of_rate[:, oracles], "--", color=color)
    for axes, name in ((found, "share found within two hours"), (delay, "median delay, minutes")):
        axes.set(xlabel="size of the surge, times the usual rate", ylabel=name, xscale="log", ylim=(0, None))
        axes.set_xticks([2, 3, 5, 10], ["2", "3", "5", "10"])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    delay.legend(title="usual; dashed: the oracle", fontsize=8)
    plt.tight_layout()
    plt.savefig(picture)


def past(rate_h: float, number: int, rule: SurgeRule, chance: np.random.Generator) -> tuple[WindowState, np.ndarray]:
    """A state after four weeks and a part of a day at a constant rate, no episode open, and the counts behind it."""
    counts = chance.poisson(rate_h / 12, 28 * 288 + int(chance.integers(288)))
    state, watching = WindowState(entity=f"series {number}"), Watching((rule,))
    for row in np.flatnonzero(counts).tolist():
        judge(state, add(state, row * float(BUCKET_S), int(counts[row]), watching), rule)
    return state, counts


def found_after(state: WindowState, row: int, counts: Sequence[int], rule: SurgeRule) -> list[int]:
    """The first row from `row` on at which an episode opens, none or one, when `counts` follow."""
    state, watching = copied(state), Watching((rule,))
    for after, negatives in enumerate(counts):
        if negatives and decide(state, add(state, (row + after) * float(BUCKET_S), negatives, watching), rule):
            return [after]
    return []


def oracle(counts: np.ndarray, rate_h: float, rule: SurgeRule) -> np.ndarray:
    """The least of the windows' tail probabilities at each row, for one who knows the rate; 1 below the minimum."""
    least = np.ones(len(counts))
    for span_s in rule.windows_s:
        buckets = int(span_s // BUCKET_S)
        sums = np.convolve(counts, np.ones(buckets, int))[: len(counts)]
        tails = np.array([tail(n, rate_h * span_s / 3600, 0.0) for n in range(int(sums.max()) + 1)])
        least = np.where(sums >= rule.minimum, np.minimum(least, tails[sums]), least)
    return least


def oracle_level(rate_h: float, rule: SurgeRule, months: int = 400) -> float:
    """The largest probability at which the oracle raises no more than the promised false alarms."""
    counts = np.random.default_rng(1).poisson(rate_h / 12, months * 30 * 288)
    least = oracle(counts, rate_h, rule)
    pause = int((rule.calm_s + rule.cooldown_s) // BUCKET_S)
    for level in sorted(set(least[least < 1e-2].tolist()), reverse=True):
        alarms, until = 0, 0
        for row in np.flatnonzero(least <= level).tolist():
            if row >= until:
                alarms, until = alarms + 1, row + pause
        if alarms <= rule.false_alarms * months:
            return float(level)
    return 0.0


def middle(delays: Sequence[int]) -> str:
    return f"{5 * (1 + float(np.median(delays))):7.0f}" if delays else f"{'-':>7}"


def sample(replays: int, rule: SurgeRule, wrong: float = 0.15) -> None:
    """Print in how many noisy replays of the sample each surge opened exactly once, and how often anything else did."""
    played, watching = Sample(), Watching((rule,))
    days = np.random.default_rng(7).integers(365, size=replays).tolist()
    found: Counter[str] = Counter()
    for seed, days_later in enumerate(days):
        opened = played.opened(wrong, days_later, seed, watching)
        hits = played.hits(opened)
        found.update(surge["entity"] for surge, times in zip(played.truth["surges"], hits, strict=True) if times == 1)
        found["other episodes"] += len(opened) - sum(hits)
        found["perfect replays"] += played.is_the_truth(opened)
    print(f"of {replays} replays:", dict(found))


def speed(rule: SurgeRule) -> None:
    """Print the median microseconds of one decision, for an entity of eight negatives an hour."""
    chance = np.random.default_rng(1)
    state, watching, took = WindowState(entity="series"), Watching((rule,)), []
    for row, negatives in enumerate(chance.poisson(8 / 12, 14 * 288).tolist()):
        if negatives:
            detector = add(state, row * float(BUCKET_S), negatives, watching)
            begun = perf_counter()
            decide(state, detector, rule)
            took.append(perf_counter() - begun)
    print(f"{1e6 * float(np.median(took)):.0f} microseconds a decision, median of {len(took)}")


if __name__ == "__main__":
    verb, rest = sys.argv[1], sys.argv[2:]
    if verb == "draw":
        draw(Path(rest[0]), Path(rest[1]))
        sys.exit()
    given = rest[0 if verb == "speed" else 1 :]
    rule = msgspec.convert(json.loads(given[0]) if given else {}, SurgeRule)
    if verb in ("nab", "plateau"):
        {"nab": nab, "plateau": plateau}[verb](Path(rest[0]), rule)
    elif verb == "speed":
        speed(rule)
    else:
        {"quiet": quiet, "injected": injected, "sample": sample}[verb](int(rest[0]), rule)
