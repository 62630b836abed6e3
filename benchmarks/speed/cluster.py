"""One real Kafka whose clock times everything, cores shared out, processes bound to theirs, topics of a run's own.

Kafka stamps every record when it appends it (LogAppendTime), so a latency is the difference of two of its stamps. What
is measured runs on one half of the cores; Kafka, and whoever feeds and watches, on the other half.
"""

import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import httpx
import psutil

from models.errors import BrokerUnavailable, GretchenError
from streams.admin import delete_topics, ensure_topics
from streams.broker import EmbeddedKafka
from streams.broker.process import Guarded
from streams.demo.children import free_port
from streams.demo.run import child_environ
from streams.settings import Settings, load_settings
from streams.topics import NEWS, SCORED_NEWS, TOPICS, Topic

HEAP_MB = 512
STOP_S = 12.0
ATTEMPTS = 4
STAMPS = {"log.message.timestamp.type": "LogAppendTime"}
PEERS_TOPICS = (NEWS, SCORED_NEWS)


class Cores(NamedTuple):
    """`worker`: of what is measured; `rest`: of Kafka, the feeder and the watcher. Equal where there is one core."""

    worker: tuple[int, ...]
    rest: tuple[int, ...]

    def told(self) -> dict[str, str]:
        return {"worker's cores": listed(self.worker), "Kafka's and the load's cores": listed(self.rest)}


def share_cores() -> Cores:
    """Half of those we may use for the worker. Where a process can't be bound, none are named."""
    if not hasattr(os, "sched_getaffinity") or shutil.which("taskset") is None:
        return Cores((), ())
    ours = sorted(os.sched_getaffinity(0))
    half = max(1, len(ours) // 2)
    return Cores(tuple(ours[:half]), tuple(ours[half:] or ours))


def listed(cores: Sequence[int]) -> str:
    return ",".join(map(str, cores)) or "all"


class Cluster(NamedTuple):
    """`folder` is for logs and data, and goes with it."""

    kafka: EmbeddedKafka
    cores: Cores
    folder: Path


@contextmanager
def cluster(overrides: Mapping[str, str] | None = None, cores: Cores | None = None) -> Iterator[Cluster]:
    """Kafka on its cores, and so are we meanwhile: whom we start inherits them unless it is bound to others."""
    shared, before = cores or share_cores(), os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if shared.rest:
        os.sched_setaffinity(0, shared.rest)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="gretchen-bench-") as folder,
            EmbeddedKafka(heap_mb=HEAP_MB, overrides=STAMPS | dict(overrides or {})) as kafka,
        ):
            yield Cluster(kafka, shared, Path(folder))
    finally:
        if shared.rest:
            os.sched_setaffinity(0, before)


@contextmanager
def installation(cluster: Cluster, topics: Sequence[Topic] = TOPICS) -> Iterator[Settings]:
    """Empty topics, a group and a data dir of its own; the rest as the environment says. Gone at the end."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    settings = load_settings(
        os.environ,
        bootstrap_servers=cluster.kafka.bootstrap_servers,
        security_protocol="PLAINTEXT",
        app_id=name,
        topic_prefix=f"{name}-",
        data_dir=cluster.folder / name,
        metrics_port=free_port(),
    )
    make_topics(settings, topics)
    yield settings
    delete_topics(settings)
    shutil.rmtree(settings.data_dir, ignore_errors=True)


def make_topics(settings: Settings, topics: Sequence[Topic]) -> None:
    """Raises BrokerUnavailable when Kafka does not manage it, in several times the ten seconds that it has at once."""
    for left in reversed(range(ATTEMPTS)):
        try:
            ensure_topics(settings, topics)
            return
        except BrokerUnavailable:
            if not left:
                raise


class Usage(NamedTuple):
    """Of a process until `at` (time.time()): CPU seconds of all its threads, bytes in memory."""

    at: float
    cpu_s: float
    resident_bytes: int


class Bound:
    """A process on its cores; a context manager that leaves nothing running, not even after our kill -9."""

    def __init__(
        self, command: Sequence[str], cores: Sequence[int], log: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        """`environ` is what differs from ours."""
        bind = ["taskset", "-c", listed(cores)] if cores else []
        self.log, self.started_at = log, time.time()
        self._command = [*bind, "env", *(f"{name}={value}" for name, value in (environ or {}).items()), *command]

    def __enter__(self) -> Self:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.started_at = time.time()
        self._process = Guarded(self._command, self.log, remove=None)
        self._seen = psutil.Process(self._process.pid)  # taskset and env become the command: the id stays
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate(STOP_S)

    def usage(self) -> Usage:
        """Raises GretchenError when it has ended."""
        try:
            with self._seen.oneshot():
                spent, held = self._seen.cpu_times(), self._seen.memory_info()
        except psutil.Error:
            self.check()
            raise
        return Usage(time.time(), spent.user + spent.system, held.rss)

    def check(self) -> None:
        """Raises GretchenError with the end of its log when it has ended by itself."""
        if not self._process.running:
            last = " / ".join(self.log.read_text(errors="replace").strip().splitlines()[-5:])
            raise GretchenError(f"{self.log.stem} ended by itself (exit {self._process.wait(1)}): {last}")

    def wait_ready(self, settings: Settings, timeout_s: float = 120.0) -> None:
        """Until a worker's /readyz says so. Raises GretchenError when it ends or the time is over."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.check()
            with suppress(httpx.TransportError):
                url = f"http://127.0.0.1:{settings.metrics_port}/readyz"
                if httpx.get(url, timeout=5.0, trust_env=False).status_code == 200:
                    return
            time.sleep(0.1)
        raise GretchenError(f"the worker was not ready after {timeout_s:.0f} s; log: {self.log}")

    def wait(self, timeout_s: float) -> int:
        """The exit status. Raises subprocess.TimeoutExpired."""
        return self._process.wait(timeout_s)


def worker(cluster: Cluster, settings: Settings, cores: Sequence[int] | None = None) -> Bound:
    """`gretchen worker` as it ships, on the worker's cores or on those given."""
    command = [sys.executable, "-m", "streams", "worker"]
    log = cluster.folder / f"{settings.app_id}-{settings.metrics_port}.log"
    return Bound(command, cluster.cores.worker if cores is None else cores, log, child_environ(settings))
