"""`gretchen notify` as a process that a test starts, kills and watches over."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from streams.broker.config import free_port
from streams.settings import Settings, variable

ROOT = Path(__file__).parents[2]
TOLD = ("bootstrap_servers", "topic_prefix", "app_id", "session_timeout_s")


def environ_of(settings: Settings, **more: str) -> dict[str, str]:
    """For a verb that uses the test's topics."""
    return {variable(field): str(getattr(settings, field)) for field in TOLD} | more


class NotifyProcess:
    """Runs once started, with `sinks` as its file. Leaving it kills it."""

    def __init__(self, settings: Settings, folder: Path, sinks: str, **environ: str) -> None:
        self.log, self.url = folder / "notify.log", f"http://127.0.0.1:{free_port()}"
        (folder / "sinks.toml").write_text(sinks)
        own = {"GRETCHEN_SINKS": str(folder / "sinks.toml"), "GRETCHEN_NOTIFY_PORT": self.url.rpartition(":")[2]}
        self.environ = {**os.environ, "NO_PROXY": "127.0.0.1", **environ_of(settings, **own), **environ}

    def start(self) -> Self:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams", "notify"], env=self.environ, cwd=ROOT, stdout=log, stderr=log
            )
        return self

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def terminate(self, within_s: float = 15.0) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def text(self, path: str) -> str:
        """An endpoint's answer with its status before it, nothing while nobody answers."""
        try:
            answer = httpx.get(self.url + path, timeout=5.0, trust_env=False)
        except httpx.TransportError:
            return ""
        return f"{answer.status_code} {answer.text}"

    def until(self, true: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Fails with the end of the log when the time is over or the process has ended."""
        deadline = time.monotonic() + timeout_s
        while not true():
            ended = self.process.poll()
            assert ended is None and time.monotonic() < deadline, f"exit {ended}\n{self.log.read_text()[-4000:]}"
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
