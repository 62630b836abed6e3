"""A worker of fake engines as a process that a test starts, kills and watches over."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from streams.broker.config import free_port
from streams.exact import FAIL_STOP
from streams.settings import Settings, variable

ROOT = Path(__file__).parents[2]
TOLD = ("bootstrap_servers", "topic_prefix", "app_id", "session_timeout_s", "broker_wait_s", "table_store")


class WorkerProcess:
    """Runs as soon as it is made. `environ` on top: more GRETCHEN_ variables, or KILL_AT (see fake_worker.py)."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        name: str = "worker",
        command: Sequence[str] = ("tests.support.fake_worker",),
        **environ: str,
    ) -> None:
        """`command`: a module to run, and its arguments."""
        folder.mkdir(parents=True, exist_ok=True)
        self.command = [sys.executable, "-m", *command]
        self.name, self.log = name, folder / f"{name}.log"
        self.url = f"http://127.0.0.1:{free_port()}"
        self.environ = {
            **os.environ,
            **{variable(field): str(getattr(settings, field)) for field in TOLD},
            "GRETCHEN_DATA_DIR": str(folder / name),  # of its own: two workers share no table store
            "GRETCHEN_METRICS_PORT": self.url.rpartition(":")[2],
            **environ,
        }
        self.fail_stops = 0
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    def start(self, **environ: str) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environ | environ, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
            )

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def terminate(self, within_s: float = 10.0) -> int:
        """SIGTERM; the exit code. Fails when it takes longer."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait(within_s)

    def wait(self, within_s: float) -> int:
        """The exit code. Fails when it takes longer."""
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {within_s:.0f} s\n{self.tail()}") from None

    def supervise(self) -> None:
        """Start it again if it stopped itself, as a supervisor would; any other end is a failure."""
        code = self.process.poll()
        if code == FAIL_STOP:
            self.fail_stops += 1
            self.start()
        elif code is not None:
            raise AssertionError(f"{self.name} ended with {code}\n{self.tail()}")

    def tail(self, characters: int = 4000) -> str:
        return self.log.read_text(errors="replace")[-characters:]

    def get(self, path: str) -> httpx.Response | None:
        """An endpoint's answer, None while nobody answers."""
        try:
            return httpx.get(self.url + path, timeout=5.0, trust_env=False)
        except httpx.TransportError:
            return None

    def ready(self) -> bool:
        answer = self.get("/readyz")
        return answer is not None and answer.status_code == 200


def until(true: Callable[[], bool], *workers: WorkerProcess, timeout_s: float = 150.0, every_s: float = 0.1) -> None:
    """Wait, with an eye on the workers. Fails with the ends of their logs when the time is over."""
    deadline = time.monotonic() + timeout_s
    while not true():
        for worker in workers:
            worker.supervise()
        if time.monotonic() > deadline:
            tails = "\n".join(f"--- {worker.name}\n{worker.tail()}" for worker in workers)
            raise AssertionError(f"not within {timeout_s:.0f} s\n{tails}")
        time.sleep(every_s)
