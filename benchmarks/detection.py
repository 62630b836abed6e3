"""How well surges are found: NAB's tweets scored as NAB scores, false alarms and misses in simulated months.

    python benchmarks/detection.py nab FOLDER [RULE]       # CSV files of the Numenta Anomaly Benchmark, windows.json
    python benchmarks/detection.py plateau FOLDER [RULE]   # the same for several promises, each file's by the others
    python benchmarks/detection.py quiet MONTHS [RULE]     # false alarms an entity-month, by kind of noise
    python benchmarks/detection.py injected TRIALS [RULE]  # surges found, and after how long

    python benchmarks/detection.py sample REPLAYS [RULE]   # the sample with verdicts wrong at random
    python benchmarks/detection.py speed [RULE]            # microseconds a decision

RULE is JSON, as {"false_alarms": 0.5}, or 'social'; the default rule without one. All go through the functions that the
worker runs. Needs numpy.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import exp
from pathlib import Path
from time import perf_counter

import msgspec
import numpy as np

import streams.sample
from streams.news.entities import Gazetteer
from streams.news.surge import SurgeRule, decide, judge, learn_past, observe, resolve
from streams.news.tails import tail
from streams.news.watchlist import load_watchlist
from streams.news.windows import BUCKET_S, FINE, HOURS, WindowState, shifted
from streams.records import SENTIMENTS, EntityObservation, News, Origin, Transition

SAMPLE = Path(streams.sample.__file__).parent
WATCHLIST = SAMPLE.parent / "news" / "watchlist.csv"
FALSE_POSITIVE_WEIGHT = 0.11  # NAB's standard profile; a hit and a miss weigh 1
PROBATION = 0.15  # this share of a file, of 5,000 rows at most, is not judged


def opened_in(
    at_s: Sequence[float], counts: Sequence[int], rule: SurgeRule, name: str = "series"
) -> Iterator[tuple[int, Transition]]:
    """Episodes in a series of counts, each taken as that many negatives at its time: (row, opening).

    Adds a row's negatives at once instead of one by one: the last of them decides, since of two counts the larger is
    never the likelier.
    """
    state = WindowState(entity=name)
    for row, (now_s, count) in enumerate(zip(at_s, counts, strict=True)):
        if count == 0:
            continue
        if state.episode is not None and now_s >= state.episode.hot_s + rule.calm_s:
            resolve(state, rule)
        add(state, now_s, int(count))
        learn_past(state, rule)
        yield from ((row, told) for told in decide(state, rule) if told.kind == "opened")


def alarms_in(at_s: Sequence[float], counts: Sequence[int], rule: SurgeRule, name: str) -> Iterator[tuple[int, float]]:
    """How many moments as unlikely a month would have, at each row where that is less than ten."""
    state = WindowState(entity=name)
    for row, (now_s, count) in enumerate(zip(at_s, counts, strict=True)):
        if count:
            add(state, now_s, int(count))
            learn_past(state, rule)
            alarms = judge(state, rule).alarms
            if alarms < 10.0:
                yield row, alarms


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
PROMISES = (0.05, 0.1, 0.2, 0.5, 1.0, 3.0)
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


def past(rate_h: float, number: int, rule: SurgeRule, chance: np.random.Generator) -> tuple[WindowState, np.ndarray]:
    """A state after four weeks and a part of a day at a constant rate, no episode open, and the counts behind it."""
    counts = chance.poisson(rate_h / 12, 28 * 288 + int(chance.integers(288)))
    state = WindowState(entity=f"series {number}")
    for row in np.flatnonzero(counts).tolist():
        add(state, row * float(BUCKET_S), int(counts[row]))
        learn_past(state, rule)
        judge(state, rule)
    return state, counts


def found_after(state: WindowState, row: int, counts: Sequence[int], rule: SurgeRule) -> list[int]:
    """The first row from `row` on at which an episode opens, none or one, when `counts` follow."""
    state = msgspec.structs.replace(state)
    for after, count in enumerate(counts):
        if count:
            add(state, (row + after) * float(BUCKET_S), count)
            learn_past(state, rule)
            if decide(state, rule):
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
    truth = json.loads((SAMPLE / "truth.json").read_text(encoding="utf-8"))
    gazetteer = Gazetteer(load_watchlist(WATCHLIST))
    news = [msgspec.json.decode(line, type=News) for line in (SAMPLE / "news.jsonl").read_bytes().splitlines()]
    named = [(item, list(dict.fromkeys(m.entity for m in gazetteer.find(item.text)))) for item in news]
    chance = np.random.default_rng(7)
    found: Counter[str] = Counter()
    for _ in range(replays):
        shift = timedelta(days=int(chance.integers(365)))
        opened = replayed(named, truth["sentiment"], shift, chance, wrong, rule)
        hits = [
            sum(
                name == surge["entity"]
                and datetime.fromisoformat(surge["from"]) <= at <= datetime.fromisoformat(surge["to"])
                for name, at in opened
            )
            for surge in truth["surges"]
        ]
        found.update(surge["entity"] for surge, times in zip(truth["surges"], hits, strict=True) if times == 1)
        found["other episodes"] += len(opened) - sum(hits)
        found["perfect replays"] += all(times == 1 for times in hits) and len(opened) == len(hits)
    print(f"of {replays} replays:", dict(found))


def replayed(
    named: Sequence[tuple[News, list[str]]],
    tones: dict[str, str],
    shift: timedelta,
    chance: np.random.Generator,
    wrong: float,
    rule: SurgeRule,
) -> list[tuple[str, datetime]]:
    """Episodes opened, (entity, moment as in the sample), when a share `wrong` of the verdicts is another at random."""
    states: dict[str, WindowState] = {}
    opened = []
    for offset, (item, entities) in enumerate(named):
        for entity in entities:
            tone = tones[item.id]
            verdict = SENTIMENTS.index(tone) if tone in SENTIMENTS else 2 * int(chance.integers(2))  # mixed fates
            if chance.random() < wrong:
                verdict = (verdict + int(chance.integers(1, 3))) % 3
            assert item.published_at is not None
            seen = EntityObservation(
                id=f"{item.id}:{entity}",
                news_id=item.id,
                entity=entity,
                name=entity,
                at=item.published_at + shift,
                sentiment=SENTIMENTS[verdict],
                probabilities={},
                topic="company",
                text=item.text,
                source=item.source,
                url=item.url,
                origin=Origin(0, offset),
            )
            states[entity], events = observe(states.get(entity), seen, rule)
            opened += [(entity, told.at - shift) for told in events if told.kind == "opened"]
    return opened


def speed(rule: SurgeRule) -> None:
    """Print the median microseconds of one decision, for an entity of eight negatives an hour."""
    chance = np.random.default_rng(1)
    state, took = WindowState(entity="series"), []
    for row, count in enumerate(chance.poisson(8 / 12, 14 * 288).tolist()):
        if count:
            add(state, row * float(BUCKET_S), count)
            learn_past(state, rule)
            begun = perf_counter()
            decide(state, rule)
            took.append(perf_counter() - begun)
    print(f"{1e6 * float(np.median(took)):.0f} microseconds a decision, median of {len(took)}")


if __name__ == "__main__":
    verb, rest = sys.argv[1], sys.argv[2:]
    given = rest[0 if verb == "speed" else 1 :]
    social = given == ["social"]
    rule = SurgeRule.social() if social else msgspec.convert(json.loads(given[0]) if given else {}, SurgeRule)
    if verb in ("nab", "plateau"):
        {"nab": nab, "plateau": plateau}[verb](Path(rest[0]), rule)
    elif verb == "speed":
        speed(rule)
    else:
        {"quiet": quiet, "injected": injected, "sample": sample}[verb](int(rest[0]), rule)
