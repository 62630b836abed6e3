"""The rules file, and what becomes of it while a worker runs: a new one holds at once, a broken one does not."""

import errno
import logging
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
from streams.watched import Watched

EXAMPLE = PACKAGE / "news" / "rules.yaml"
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


class RulesFile(Watched[bytes | None]):
    """Call it for the rules that hold now: by default those of the file."""

    what = "rules"

    def __init__(
        self,
        path: Path,
        sectors: Mapping[str, str],
        topics: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sectors, self._topics, self._was_there = sectors, topics, False
        super().__init__(path, clock)

    def __call__(self) -> RuleBook:
        self._look()
        return self.book

    def _mark(self) -> tuple[int, ...] | None:
        return mark_of(self.path)

    def _load(self) -> bytes | None:
        content = content_of(self.path)
        if content is None and self._was_there:
            raise SettingsError(f"{self.path}: the file is gone; put it back, or start again for the defaults")
        return content

    def _take(self, content: bytes | None) -> None:
        self.book, self.loaded_at = book_of(self.path, content, self._sectors, self._topics), time.time()
        self._was_there = content is not None
        source = str(self.path) if content is not None else "default"
        log.info("%d rules hold now, those of %s", len(self.book.rules), source)
        for doubt in doubts(self.book):
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
