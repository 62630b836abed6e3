"""A child process that a guard watches: it dies with us, and a Ctrl-C in the terminal does not reach it."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from streams.broker import guard

KILL_S = 10.0


class Guarded:
    """`command` running, its output appended to `output`; the folder `remove` goes when we are gone before it."""

    def __init__(self, command: Sequence[str], output: Path, remove: Path | None) -> None:
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, str(remove or ""), str(output), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # an order to one who has ended must not wait in a buffer for close()
            start_new_session=True,  # the terminal's Ctrl-C must not end Kafka before the worker has drained into it
        )
        self.pid = int(pipe(self._guard.stdout).readline() or 0)  # the command's own

    @property
    def running(self) -> bool:
        return self._guard.poll() is None

    def wait(self, timeout_s: float) -> int:
        """The exit status. Raises subprocess.TimeoutExpired."""
        return self._guard.wait(timeout_s)

    def terminate(self, wait_s: float) -> None:
        """SIGTERM, and SIGKILL for one who is still there after `wait_s`."""
        self._order(b"t")
        with suppress(subprocess.TimeoutExpired):
            self._guard.wait(wait_s)
        self.kill()

    def kill(self) -> None:
        """SIGKILL; returns when it is gone. Safe to repeat."""
        self._order(b"k")
        try:
            self._guard.wait(KILL_S)
        except subprocess.TimeoutExpired:
            self._guard.kill()  # on Linux the child dies with it
            self._guard.wait()
        pipe(self._guard.stdin).close()
        pipe(self._guard.stdout).close()

    def _order(self, order: bytes) -> None:
        with suppress(BrokenPipeError, ValueError):  # it has ended already, and perhaps we have closed the pipe
            pipe(self._guard.stdin).write(order)


def pipe(end: IO[bytes] | None) -> IO[bytes]:
    assert end is not None  # Popen was called with PIPE
    return end
