"""A process watched while it works, and what its samples and its outputs' stamps say."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.speed.cluster import Bound
from models.errors import GretchenError

LOOK_S = 0.2
FROM, TO = 0.10, 0.95  # of the outputs: what lies before is start-up, what comes after is the batches' end


class Sample(NamedTuple):
    """Until `at` (time.time()): the process's CPU seconds, its bytes in memory, outputs appended."""

    at: float
    cpu_s: float
    resident_bytes: int
    appended: int


def follow(
    processes: Sequence[Bound],
    appended: Callable[[], int],
    done: Callable[[Sample], bool],
    timeout_s: float,
    every_s: float = LOOK_S,
) -> list[Sample]:
    """Samples, of all processes together, until `done`. Raises GretchenError when one ends or the time is over."""
    samples, deadline = list[Sample](), time.monotonic() + timeout_s
    while True:
        usages = [process.usage() for process in processes]
        sample = Sample(
            time.time(), sum(each.cpu_s for each in usages), sum(each.resident_bytes for each in usages), appended()
        )
        samples.append(sample)
        if done(sample):
            return samples
        if time.monotonic() > deadline:
            log = processes[0].log.read_text(errors="replace")[-600:]
            raise GretchenError(f"{sample.appended} outputs after {timeout_s:.0f} s, wanted more; its log ends: {log}")
        for process in processes:
            process.check()
        time.sleep(every_s)


class Steady(NamedTuple):
    """Between the append of output 10% and of output 95%."""

    begun_at: float
    ended_at: float
    records: int

    @property
    def per_s(self) -> float:
        return self.records / max(self.ended_at - self.begun_at, 0.001)  # stamps are whole milliseconds

    def cpu_s_per_1000(self, samples: Sequence[Sample]) -> float:
        """CPU seconds of the process for 1,000 records, between its samples by interpolation."""
        times, spent = [each.at for each in samples], [each.cpu_s for each in samples]
        begun, ended = np.interp([self.begun_at, self.ended_at], times, spent)
        return float(1000 * (ended - begun) / max(1, self.records))


def steady(stamps_ms: Sequence[int]) -> Steady:
    """Of the stamps of all outputs, in any order. Outputs come by batches: only what was appended after the first
    stamp, up to the last, took that time."""
    stamps = np.sort(np.asarray(stamps_ms))
    first, last = stamps[int(FROM * len(stamps))], stamps[min(int(TO * len(stamps)), len(stamps) - 1)]
    records = int((stamps <= last).sum() - (stamps <= first).sum())
    return Steady(float(first) / 1000, float(last) / 1000, records)
