"""What a way's own confidence is worth: the chance of being right, by straight lines through measured points.

`chances.toml` holds those of the shipped models. Of any other model one point is known: its threshold was chosen so
that to answer at it costs as much as a hand-over (models/evaluation/evaluate.py), so it is worth just that chance.
"""

import tomllib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from models.errors import SettingsError
from streams.chat.decide import least_chance

MEASURED = Path(__file__).with_name("chances.toml")
THRESHOLD_PRICE = 3.0  # what models/evaluation/evaluate.py chooses thresholds by

Chance = Callable[[float], float]
Points = Sequence[tuple[float, float]]


def chance_of(way: str, version: str, threshold: float, shipped: bool) -> Chance:
    """The map for a model; measured ones are found by its version."""
    points = measured().get(way, {}).get(version) if shipped else None
    return line(points or [(0.0, 0.0), (threshold, least_chance(THRESHOLD_PRICE)), (1.0, 1.0)])


def line(points: Points) -> Chance:
    """Straight lines between points, which rise; level beyond both ends."""
    xs, ys = [x for x, _ in points], [y for _, y in points]

    def chance(confidence: float) -> float:
        n = bisect_right(xs, confidence)
        if n == 0 or n == len(xs):
            return ys[min(n, len(xs) - 1)]
        share = (confidence - xs[n - 1]) / (xs[n] - xs[n - 1])
        return ys[n - 1] + share * (ys[n] - ys[n - 1])

    return chance


@cache
def measured(path: Path = MEASURED) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Way -> version -> points. Raises SettingsError for points that are none, or do not rise."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for way, versions in tomllib.loads(path.read_text(encoding="utf-8")).items():
        for version, points in versions.items():
            pairs = [(float(x), float(y)) for x, y in points]
            if pairs != sorted(pairs) or any(not (0 <= x <= 1 and 0 <= y <= 1) for x, y in pairs) or len(pairs) < 2:
                raise SettingsError(
                    f"{path}: {way}, {version}: got {points}, wanted two or more [confidence, chance] that rise"
                    " from 0 to 1; write it again with benchmarks/abstain.py"
                )
            found.setdefault(way, {})[version] = pairs
    return found
