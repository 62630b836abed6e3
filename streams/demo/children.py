"""The demo's child processes, in sessions of their own: Ctrl-C reaches only the parent, which then stops them."""

import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from models.errors import GretchenError
from streams.broker.process import Guarded

STOP_S = 8.0


class Child:
    """`gretchen VERB …` as a process; a context manager that leaves nothing running, not even after our kill -9."""

    def __init__(self, *arguments: str, environ: Mapping[str, str], log: Path) -> None:
        """`environ` is what differs from ours: `env` puts it in, as the guard passes its own on."""
        self.name, self.log = arguments[0], log
        self._command = ["env", *(f"{k}={v}" for k, v in environ.items()), sys.executable, "-m", "streams", *arguments]

    def __enter__(self) -> Self:
        self.log.unlink(missing_ok=True)
        self._process = Guarded(self._command, self.log, remove=None)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate(STOP_S)

    def check(self) -> None:
        """Raise GretchenError with the end of its log when it has ended by itself."""
        if not self._process.running:
            last = self.log.read_text(errors="replace").strip().splitlines()[-3:]
            raise GretchenError(
                f"the {self.name} ended by itself (exit {self._process.wait(1)}): {' / '.join(last)}; log: {self.log}"
            )

    def wait_ready(self, url: str, timeout_s: float = 60.0) -> None:
        """Wait until `url` answers 200. Raises GretchenError when the child ends or the time is over."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.check()
            try:
                if httpx.get(url, timeout=2.0, trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise GretchenError(f"the {self.name} was not ready after {timeout_s:.0f} s ({url}); log: {self.log}")


def free_port(preferred: int = 0, host: str = "127.0.0.1") -> int:
    """`preferred` when it is free, else one that the system picks."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise GretchenError(f"no port can be bound on {host}; check the machine's network settings")
