"""Java 25's ahead-of-time cache: recorded once, it halves the time and the work of every start of Kafka.

It costs one start and 64 MB of the user's cache. Java itself checks that it fits (same Java, same jars, same options)
and goes on without it where it does not, so nothing here may fail a start.
"""

import fcntl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from models.errors import BrokerUnavailable
from streams.broker.java import Java

OLDEST = 25  # recording in one step


def startup_cache(java: Java, folder: Path, record: Callable[[Path], None]) -> Path | None:
    """The cache beside the jars, recorded by `record(path)` where it is missing; None where there can't be one.

    Only one process records; the others start without. A recording that failed is not tried again.
    """
    path = folder / f"java-{java.version}.aot"
    if java.major < OLDEST:
        return None
    if path.exists():
        return path
    failed, part = path.with_suffix(".failed"), path.with_suffix(".part")
    with suppress(OSError), (folder / ".record-lock").open("w") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if failed.exists():
            return None
        if not path.exists():
            try:
                record(part)
                part.replace(path)
            except (OSError, BrokerUnavailable) as error:
                failed.write_text(f"{error}\n")
                return None
        return path
    return None


def discard(cache: Path) -> None:
    """Remove one that a start failed with, and record no other."""
    cache.with_suffix(".failed").write_text("Kafka started only without it\n")
    cache.unlink(missing_ok=True)


def recording_options(path: Path) -> list[str]:
    return [f"-XX:AOTCacheOutput={path}"]


def use_options(path: Path) -> list[str]:
    return [f"-XX:AOTCache={path}", "-Xlog:aot*=error"]
