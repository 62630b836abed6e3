"""The cores that this process may use, and how many of them an engine takes.

A container's limit is a quota of CPU time a period (100 ms as a rule), not a number of cores: who runs more threads
than the quota pays for has used it up early in each period, and then all of them stand still until the next.
"""

import os
from collections.abc import Iterator
from pathlib import Path

MOST_THREADS = 4
"""Of an engine by default. A worker's event loop handles some 2,300 records/s, a thread some 600: the loop is the limit
past a few of them, and on many cores more workers are the way on (docs/tuning.md)."""


def engine_threads(wanted: int = 0) -> int:
    """`wanted`, or for 0 one a core, at most four."""
    return wanted or min(MOST_THREADS, cores())


def cores() -> int:
    """Whole cores for threads that compute, at least 1."""
    return whole(cpus())


def cpus(root: Path = Path("/")) -> float:
    """CPU time that this process may use a second: its affinity, and the quota of its container, e.g. 0.5."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, quota(root) or allowed)


def whole(time: float) -> int:
    """To the nearest: up, two threads would use 1.1 CPUs up in half of each period; down, one would use half of 1.9.

    The event loop is a thread beside these, and takes what a fraction leaves over.
    """
    return max(1, int(time + 0.5))


def quota(root: Path = Path("/")) -> float | None:
    """The smallest CPU limit of the cgroups that this process is in, v2 or v1; None without one.

    In a container the path in /proc/self/cgroup may be the host's and not be there: the mount's top is then the
    container's own. `root` is where /proc and /sys are.
    """
    limits = [limit for folder in folders(root) if (limit := v2_limit(folder) or v1_limit(folder))]
    return min(limits, default=None)


def folders(root: Path) -> Iterator[Path]:
    """Those of our cgroups and of all above them, as far as they can be seen, that may limit CPU time."""
    mount = root / "sys/fs/cgroup"
    for line in lines(root / "proc/self/cgroup"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            tops = [mount, mount / "unified"]  # v2, or both beside each other
        elif "cpu" in controllers.split(","):
            tops = [mount / controllers, mount / "cpu"]
        else:
            continue
        own = Path(path.strip().lstrip("/"))
        above = [] if ".." in own.parts else [own, *own.parents]  # .. leads out of what our namespace shows
        yield from (top / part for top in tops for part in above or [Path()])


def v2_limit(folder: Path) -> float | None:
    """Of `cpu.max`: quota and period in microseconds, or "max"."""
    return share(" ".join(lines(folder / "cpu.max")).split())


def v1_limit(folder: Path) -> float | None:
    """Of the CFS quota, -1 without one, and its period."""
    return share([*lines(folder / "cpu.cfs_quota_us"), *lines(folder / "cpu.cfs_period_us")])


def share(values: list[str]) -> float | None:
    try:
        quota, period = map(int, values)
    except ValueError:  # no such files, "max"
        return None
    return quota / period if quota > 0 and period > 0 else None


def lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
