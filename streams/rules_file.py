"""The rules file, and what becomes of it while a worker runs: a new one holds at once, a broken one does not."""

import errno
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from models.artifact import load_artifact
from models.errors import SettingsError
from streams.news.doubts import doubts
from streams.news.entities import load_watchlist
from streams.news.rule_text import read_rules
from streams.news.rules import RuleBook
from streams.news.score import TOPIC
from streams.settings import PACKAGE, Settings

EXAMPLE = PACKAGE / "news" / "rules.yaml"
LOOK_S = 2.0
MOST_BYTES = 4 << 20  # 50,000 names are one MiB
BY_DEFAULT = Settings().rules  # may be absent; a path that somebody has set may not

log = logging.getLogger(__name__)


def rules_of(settings: Settings, path: Path | None = None) -> RuleBook:
    """The rules of `path` or the settings' file, for the settings' watchlist and model.

    Raises SettingsError, InputError (the watchlist), ArtifactError (the model).
    """
    sectors = {each.entity: each.sector for each in load_watchlist(settings.watchlist)}
    head = load_artifact(settings.news_model).config.heads.get(TOPIC)
    topics = head.labels if head else ()
    return load_rules(path or settings.rules, sectors, topics, must_exist=path is not None)


def load_rules(
    path: Path, sectors: Mapping[str, str], topics: Sequence[str] = (), *, must_exist: bool = False
) -> RuleBook:
    """The rules of a file; the defaults without one at the place where none need be. Raises SettingsError."""
    return book_of(path, content_of(path, must_exist), sectors, topics)


def book_of(path: Path, content: bytes | None, sectors: Mapping[str, str], topics: Sequence[str]) -> RuleBook:
    if content is None:
        return RuleBook(sectors=sectors, topics=topics)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, byte = content.count(b"\n", 0, error.start) + 1, content[error.start]
        raise SettingsError(f"{path}:{line}: got the byte 0x{byte:02x}, wanted UTF-8; save the file as UTF-8") from None
    return read_rules(text, str(path), sectors, topics)


def content_of(path: Path, must_exist: bool = False) -> bytes | None:
    """None without a file where none need be. Raises SettingsError."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        if error.errno == errno.ENOENT and path == BY_DEFAULT and not must_exist:
            return None
        remedy = "gretchen rules example > rules.yaml makes one; without GRETCHEN_RULES the defaults hold"
        raise SettingsError(f"{path}: can't read the rules ({error.strerror}), wanted a YAML file; {remedy}") from None
    if len(content) > MOST_BYTES:
        raise SettingsError(f"{path}: got more than {MOST_BYTES >> 20} MiB of rules; name sectors instead of entities")
    return content


class RulesFile:
    """Call it for the rules that hold now: by default those of the file, looked at every two seconds at most.

    A change is read at the second look that finds it, for the first may come while it is being written. Safe to call
    from several threads. Raises SettingsError if the file is broken from the beginning.
    """

    def __init__(
        self,
        path: Path,
        sectors: Mapping[str, str],
        topics: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path, self._sectors, self._topics, self._clock = path, sectors, topics, clock
        self._read = self._seen = mark_of(path)
        self._content = content_of(path)
        self._lock = threading.Lock()
        self._next_s = clock() + LOOK_S
        self.failure = ""  # why the file as it is now does not hold
        self._hold(book_of(path, self._content, sectors, topics))

    def __call__(self) -> RuleBook:
        if self._clock() >= self._next_s and self._lock.acquire(blocking=False):
            try:
                self._next_s = self._clock() + LOOK_S
                self._look()
            finally:
                self._lock.release()
        return self.book

    def failed(self) -> bool:
        """Whether the file as it is now is broken, and older rules hold."""
        self()
        return bool(self.failure)

    def _look(self) -> None:
        mark = mark_of(self.path)
        rests, self._seen = mark == self._seen, mark
        if mark == self._read or not rests:
            return
        self._read = mark
        try:
            content = content_of(self.path)
            if content is None and self._content is not None:
                raise SettingsError(f"{self.path}: the file is gone; put it back, or start again for the defaults")
            if content != self._content:
                book = book_of(self.path, content, self._sectors, self._topics)
                self._content = content
                self._hold(book)
            elif self.failure:
                log.info("%s is again what it was", self.path)
            self.failure = ""
        except SettingsError as error:
            self.failure = str(error)
            log.error("the rules stay as they were: %s", error)

    def _hold(self, book: RuleBook) -> None:
        self.book, self.loaded_at = book, time.time()
        source = str(self.path) if self._content is not None else "default"
        log.info("%d rules hold now, those of %s", len(book.rules), source)
        for doubt in doubts(book):
            log.warning("%s: %s", self.path, doubt)


def mark_of(path: Path) -> tuple[int, ...] | None:
    """What changes when a file does; None without one."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        return (error.errno or 0,)
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino
