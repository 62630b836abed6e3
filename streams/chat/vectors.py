"""Vectors of length 1 as int8, and the nearest of them by looking at all: 38 MB for 100,000 of 384 numbers.

Blocks are widened to float32 as they are multiplied: it takes half the time of float32 all along, as memory is what
it waits for. docs/experiments.md has what else was tried.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

BLOCK_ROWS = 2048
LEAST_ROWS = 1024
GONE = -1
Floats = npt.NDArray[np.float32]


class Rows(NamedTuple):
    """A row each: its vector in steps of `scale`, and the number it is known by, GONE for one that was dropped."""

    vectors: npt.NDArray[np.int8]
    scales: Floats
    numbers: npt.NDArray[np.int64]


class Vectors:
    """Grows at its end; what is dropped keeps its row until half of them are. One writer; any number of readers, which
    look at the rows there are when they begin."""

    def __init__(self, dimensions: int) -> None:
        self._rows = empty(LEAST_ROWS, dimensions)
        self._count = 0
        self._row_of: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._row_of)

    def add(self, numbers: Sequence[int], vectors: Floats) -> None:
        """Vectors float32 [len(numbers), dimensions]; a number is given once, ever."""
        needed = self._count + len(numbers)
        if needed > len(self._rows.numbers):
            self._move(range(self._count), max(needed, 2 * self._count))
        rows = slice(self._count, needed)
        scales = np.maximum(np.abs(vectors).max(1), 1e-9) / 127
        self._rows.vectors[rows] = np.round(vectors / scales[:, None])
        self._rows.scales[rows] = scales
        self._rows.numbers[rows] = numbers
        self._row_of.update(zip(numbers, range(self._count, needed), strict=True))
        self._count = needed

    def drop(self, numbers: Sequence[int]) -> None:
        """Forget these; all of them are known."""
        for number in numbers:
            self._rows.numbers[self._row_of.pop(number)] = GONE
        if self._count > max(LEAST_ROWS, 2 * len(self._row_of)):
            kept = sorted(self._row_of.values())
            self._move(kept, max(LEAST_ROWS, len(kept)))
            self._count = len(kept)
            self._row_of = {int(number): row for row, number in enumerate(self._rows.numbers[: self._count])}

    def _move(self, kept: Sequence[int], room: int) -> None:
        """To new arrays, so that who reads the old ones is not disturbed."""
        old = self._rows
        new = empty(room, old.vectors.shape[1])
        places = np.fromiter(kept, np.int64, len(kept))
        new.vectors[: len(kept)] = old.vectors[places]
        new.scales[: len(kept)] = old.scales[places]
        new.numbers[: len(kept)] = old.numbers[places]
        self._rows = new

    def nearest(self, queries: Floats, count: int, also: Sequence[Iterable[int]]) -> list[dict[int, float]]:
        """For each of the queries float32 [n, dimensions] the cosines of the nearest, and of the numbers that are asked
        for it `also`."""
        rows, row_of = self._rows, self._row_of
        known = min(self._count, len(rows.numbers))
        cosines = np.empty((len(queries), known), np.float32)
        for start in range(0, known, BLOCK_ROWS):
            block = slice(start, min(start + BLOCK_ROWS, known))
            wide = rows.vectors[block].astype(np.float32)
            for query, found in zip(queries, cosines, strict=True):
                np.vecdot(wide, query, out=found[block])  # a product of matrices would wake threads, which spin
        cosines *= rows.scales[:known]
        numbers = rows.numbers[:known].copy()
        cosines[:, numbers == GONE] = -np.inf
        return [
            {
                int(numbers[row]): float(of_query[row])
                for row in {*top(of_query, count), *(row_of.get(number, known) for number in wanted)}
                if row < known and numbers[row] != GONE
            }
            for of_query, wanted in zip(cosines, also, strict=True)
        ]


def top(scores: Floats, count: int) -> list[int]:
    """Where the `count` greatest are, in no order."""
    return list(range(len(scores)) if len(scores) <= count else map(int, np.argpartition(-scores, count)[:count]))


def empty(rows: int, dimensions: int) -> Rows:
    return Rows(np.zeros((rows, dimensions), np.int8), np.zeros(rows, np.float32), np.full(rows, GONE, np.int64))
