"""Ctrl-C and SIGTERM as a value: a record is never torn, a wait is broken off at once."""

import signal
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TypeVar

T = TypeVar("T")


class Interrupted(Exception):
    """Raised out of a wait when the signal came."""


class Interrupt:
    """A context manager that holds SIGINT and SIGTERM; of the main thread only. A second signal ends the hard way."""

    def __init__(self) -> None:
        self.signal = 0
        self._waiting = False

    def wait_for(self, call: Callable[[], T]) -> T:
        """Run what may take long and may be broken off: a read, a sleep. Raises Interrupted once a signal came."""
        self._waiting = True
        try:
            if self.signal:
                raise Interrupted
            return call()
        finally:
            self._waiting = False

    def sleep(self, seconds: float) -> None:
        self.wait_for(lambda: time.sleep(seconds))

    def _note(self, number: int, frame: FrameType | None) -> None:
        again, self.signal = bool(self.signal), number
        if self._waiting:
            raise Interrupted
        if again:
            raise KeyboardInterrupt

    def __enter__(self) -> "Interrupt":
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
