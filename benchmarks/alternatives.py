"""Other ways to find surges, on NAB's tweets and on months without a surge: what the shipped way is compared with.

    python benchmarks/alternatives.py FOLDER [MONTHS]    # CSV files of the Numenta Anomaly Benchmark, windows.json

Each takes counts in five-minute buckets and gives a statistic a bucket; an alarm is the statistic over a threshold,
with the shipped rule's cooldown. Printed for a ladder of thresholds: NAB's raw score, and false alarms a simulated
month. Needs numpy.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from math import lgamma, log, log1p, sqrt
from pathlib import Path

import numpy as np
from detection import read_nab, series

from streams.backtest.nab import nab_score
from streams.news.surge import SurgeRule

BUCKET_S = 300.0
COOLDOWN_S = SurgeRule().cooldown_s
A_DAY = 288
Statistic = Callable[[Sequence[int]], Iterator[float]]


def ewma_z(counts: Sequence[int]) -> Iterator[float]:
    """Standard deviations over an exponentially weighted mean, half-life a day: the usual dashboard rule."""
    keep = 0.5 ** (1 / A_DAY)
    mean, square = float(counts[0]), float(counts[0]) ** 2
    for y in counts:
        yield (y - mean) / sqrt(max(square - mean * mean, 1.0))
        mean, square = keep * mean + (1 - keep) * y, keep * square + (1 - keep) * y * y


def cusum(counts: Sequence[int]) -> Iterator[float]:
    """One-sided CUSUM (Page 1954) of Anscombe residuals 2 sqrt(y + 3/8) against a day's mean, drift one deviation."""
    keep, total = 0.5 ** (1 / A_DAY), 0.0
    mean, spread = 2 * sqrt(counts[0] + 0.375), 1.0
    for y in counts:
        x = 2 * sqrt(y + 0.375)
        z = (x - mean) / sqrt(spread)
        total = max(0.0, total + min(z, 6.0) - 1.0)
        yield total
        mean = keep * mean + (1 - keep) * x
        spread = max(0.25, keep * spread + (1 - keep) * min((x - mean) ** 2, 16 * spread))
        if total > 60.0:
            total = 60.0


def bocpd(counts: Sequence[int], hazard: float = 1 / (4 * A_DAY), most: int = 400) -> Iterator[float]:
    """Bayesian online change point detection (Adams and MacKay 2007) with Gamma-Poisson runs, counts
    tempered to a quarter; log odds that the run is shorter than two hours and its rate double the one before."""
    shape, rate, weight = np.array([1.0]), np.array([0.1]), np.array([1.0])
    usual = float(np.mean(counts[:12])) + 0.1
    for y in counts:
        tempered = y / 4.0  # overdispersed: a count says less than Poisson would have it
        score = np.array([log_predictive(tempered, a, b) for a, b in zip(shape, rate, strict=True)])
        grown = weight * np.exp(score - score.max()) * (1 - hazard)
        fresh = float((weight * np.exp(score - score.max()) * hazard).sum())
        weight = np.concatenate([[fresh], grown])
        weight /= weight.sum()
        shape = np.concatenate([[1.0], shape + tempered])[:most]
        rate = np.concatenate([[0.1 + 1 / (usual / 4 + 0.1)], rate + 1.0])[:most]
        weight = weight[:most] / weight[:most].sum()
        young = slice(0, 24)
        level = float((weight[young] * shape[young] / rate[young]).sum() / max(weight[young].sum(), 1e-12))
        probability = float(weight[young].sum()) if level > 2 * usual / 4 else 0.0
        yield log((probability + 1e-12) / (1 - probability + 1e-12))
        keep = 0.5 ** (1 / A_DAY)
        usual = keep * usual + (1 - keep) * y


def log_predictive(y: float, shape: float, rate: float) -> float:
    """Gamma-Poisson: log of the negative binomial probability of a count, which may be tempered."""
    return lgamma(shape + y) - lgamma(shape) - lgamma(y + 1.0) + shape * log(rate / (rate + 1.0)) - y * log1p(rate)


def e_process(counts: Sequence[int], factors: tuple[float, ...] = (1.5, 2.0, 3.0, 5.0)) -> Iterator[float]:
    """Log of an e-detector (Shin, Ramdas and Rinaldo 2022): sums of likelihood ratios begun at every bucket, of rates
    1.5 to 5 times the baseline (two weeks' Gamma-Poisson), counts tempered by their learned dispersion."""
    keep = 0.5 ** (1 / (14 * A_DAY))
    total, exposure, squares, level = 1.0, 0.5, 1.0, [0.0] * len(factors)
    for y in counts:
        mean = total / exposure
        inflation = max(1.0, squares / exposure)
        for i, factor in enumerate(factors):
            gain = (y * log(factor) - mean * (factor - 1.0)) / inflation
            level[i] = np.logaddexp(level[i], 0.0) + gain
        yield float(np.logaddexp.reduce(level)) - log(len(factors))
        taken = min(float(y), mean + 4 * sqrt(inflation * mean) + 1)
        squares = keep * squares + (taken - mean) ** 2 / max(mean, 0.1)
        total, exposure = keep * total + taken, keep * exposure + 1.0


WAYS: dict[str, tuple[Statistic, tuple[float, ...]]] = {
    "EWMA z, half-life a day": (ewma_z, (3, 4, 6, 8, 10, 14)),
    "CUSUM of Anscombe residuals": (cusum, (5, 10, 20, 30, 45, 58)),
    "BOCPD, Gamma-Poisson": (bocpd, (-2, 0, 2, 4, 8, 12)),
    "e-detector, Gamma-Poisson": (e_process, (7, 12, 20, 40, 80, 160)),
}


def alarms(statistic: Sequence[float], threshold: float) -> list[int]:
    """Buckets of the alarms, a cooldown apart."""
    found, quiet = [], -1.0
    for place, value in enumerate(statistic):
        if value > threshold and place * BUCKET_S > quiet:
            found.append(place)
            quiet = place * BUCKET_S + COOLDOWN_S + 3600
    return found


def quiet_month(kind: str, rate_h: float, seed: int) -> list[int]:
    """44 days of counts a bucket without a surge, the first 14 to settle in."""
    counts: list[int] = series(kind, rate_h, 44, np.random.default_rng(seed)).tolist()
    return counts


def main(folder: Path, months: int) -> None:
    labels = {Path(name).name: spans for name, spans in json.loads((folder / "windows.json").read_text()).items()}
    tweets = {path.stem: read_nab(path, labels[path.name])[1:] for path in sorted(folder.glob("*.csv"))}
    print(f"| way | threshold | NAB | {' | '.join(f'{kind}, {rate:g}/h' for kind, rate in NOISES)} |")
    print(f"|---|---|---|{'---|' * len(NOISES)}")
    for name, (way, ladder) in WAYS.items():
        scored = {stem: list(way(counts)) for stem, (counts, _) in tweets.items()}
        quiet = {
            (kind, rate): [list(way(quiet_month(kind, rate, seed))) for seed in range(months)] for kind, rate in NOISES
        }
        for threshold in ladder:
            total = sum(
                nab_score(len(tweets[stem][0]), tweets[stem][1], alarms(statistic, threshold))
                for stem, statistic in scored.items()
            )
            rates = [
                sum(sum(place >= 14 * A_DAY for place in alarms(each, threshold)) for each in quiet[noise]) / months
                for noise in NOISES
            ]
            print(
                f"| {name} | {threshold:g} | {total:.2f} | {' | '.join(f'{each:.2f}' for each in rates)} |", flush=True
            )


NOISES = (("poisson", 4.0), ("overdispersed", 4.0), ("daily", 4.0))

if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20)
