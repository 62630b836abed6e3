"""What a team edits while a worker runs: a change holds at once, a broken one leaves what was there."""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from models.errors import SettingsError

LOOK_S = 2.0

Content = TypeVar("Content")

log = logging.getLogger(__name__)


class Watched(ABC, Generic[Content]):
    """A file or a folder, looked at every two seconds at most by whoever asks.

    A change is read at the second look that finds it, for the first may come while it is being written. Safe to ask
    from several threads. `what` is what it holds, for the log. Raises SettingsError if it is broken from the beginning.
    """

    what: str

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self.path, self._clock = path, clock
        self._read = self._seen = self._mark()
        self._lock = threading.Lock()
        self._next_s = clock() + LOOK_S
        self.failure = ""  # why what is there now does not hold
        self._content = self._load()
        self._take(self._content)

    @abstractmethod
    def _mark(self) -> object:
        """What changes when the content may have."""

    @abstractmethod
    def _load(self) -> Content:
        """Raises SettingsError."""

    @abstractmethod
    def _take(self, content: Content) -> None:
        """Let it hold, and say so. Raises SettingsError for a mistake in it."""

    def failed(self) -> bool:
        """Whether what is there now is broken, and something older holds: for a gauge to ask."""
        self._look()
        return bool(self.failure)

    def _look(self) -> None:
        if self._clock() >= self._next_s and self._lock.acquire(blocking=False):
            try:
                self._next_s = self._clock() + LOOK_S
                mark = self._mark()
                rests, self._seen = mark == self._seen, mark
                if rests and mark != self._read:
                    self._read = mark
                    self._reload()
            finally:
                self._lock.release()

    def _reload(self) -> None:
        try:
            content = self._load()
            if content != self._content:
                self._take(content)
                self._content = content
            elif self.failure:
                log.info("%s is again what it was", self.path)
            self.failure = ""
        except SettingsError as error:
            self.failure = str(error)
            log.error("the %s stay as they were: %s", self.what, error)
