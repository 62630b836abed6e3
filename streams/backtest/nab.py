"""The score of the Numenta Anomaly Benchmark, standard profile (Lavin and Ahmad, arXiv:1510.03336; nab/sweeper.py)."""

from collections.abc import Sequence
from math import exp

FALSE_POSITIVE_WEIGHT = 0.11  # a hit and a miss weigh 1
PROBATION = 0.15  # this share of a file, of 5,000 rows at most, is not judged


def scaled_sigmoid(position: float) -> float:
    """The weight of a detection by its place: -1 at a window's start, 0 at its end, positive past it."""
    return -1.0 if position > 3.0 else 2.0 / (1.0 + exp(5.0 * position)) - 1.0


def nab_score(rows: int, windows: Sequence[tuple[int, int]], detections: Sequence[int]) -> float:
    """Raw score of one file: as many as there are windows at best, minus as many with nothing found.

    `windows` are first and last rows, in order. A window pays its earliest detection, -1 without one; a detection
    outside costs up to 0.11, less just past a window. The probationary rows count for nothing.
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
        if past and past[-1][1] > past[-1][0]:
            first, last = past[-1]
            total += FALSE_POSITIVE_WEIGHT * scaled_sigmoid((row - last) / (last - first))
        else:
            total -= FALSE_POSITIVE_WEIGHT
    return total
