"""The folder of a team's answers, and what becomes of it while a worker runs: new answers hold at once, broken ones do
not."""

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from models.errors import SettingsError
from streams.chat.template import Slot, Template, Templates, fill
from streams.chat.template_text import read_templates
from streams.watched import Watched

__all__ = ["SHIPPED", "Slot", "Template", "Templates", "TemplatesFolder", "check_templates", "fill", "load_templates"]

SHIPPED = Path(__file__).with_name("templates")
MOST_BYTES = 16 << 20  # of all files together: some 50,000 answers

Mark = tuple[tuple[object, ...], ...]

log = logging.getLogger(__name__)


def load_templates(folder: Path = SHIPPED) -> Templates:
    """All files of a folder. Raises SettingsError that names every mistake with its file and intent."""
    return read_templates(texts_in(folder), str(folder))


def check_templates(folder: Path) -> list[str]:
    """The mistakes in a folder, a line each; none if it may be used."""
    try:
        load_templates(folder)
    except SettingsError as error:
        return str(error).splitlines()
    return []


def texts_in(folder: Path) -> dict[str, str]:
    """File name -> text. Raises SettingsError for what can't be read."""
    if not folder.is_dir():
        raise SettingsError(f"{folder}: got no such folder, wanted one of .toml files; see docs/templates.md")
    texts: dict[str, str] = {}
    room = MOST_BYTES
    for path in sorted(folder.glob("*.toml")):
        try:
            with path.open("rb") as file:
                content = file.read(room + 1)
            texts[path.name] = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise SettingsError(f"{path}: {error}; save the file as UTF-8") from None
        except OSError as error:
            raise SettingsError(f"{path}: can't be read ({error.strerror})") from None
        room -= len(content)
        if room < 0:
            raise SettingsError(f"{folder}: got more than {MOST_BYTES >> 20} MiB of answers; long texts are documents")
    return texts


class TemplatesFolder(Watched[dict[str, str]]):
    """Call it for the answers that hold now. A change holds if it has no mistake and answers all `intents`."""

    what = "answers"

    def __init__(
        self,
        folder: Path,
        intents: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._intents, self._now = tuple(intents), now
        super().__init__(folder, clock)

    def __call__(self) -> Templates:
        self._look()
        return self.templates

    def _mark(self) -> Mark:
        return mark_of(self.path)

    def _load(self) -> dict[str, str]:
        return texts_in(self.path)

    def _take(self, content: dict[str, str]) -> None:
        templates = read_templates(content, str(self.path))
        templates.require(self._intents)
        self.templates, self.loaded_at = templates, self._now()
        log.info("%d answers hold now, those of %s", len(templates.answers), self.path)


def mark_of(folder: Path) -> Mark:
    """What changes when a file of the folder does, comes or goes; empty without any."""
    marks: list[tuple[object, ...]] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            stat = path.stat()
            marks.append((path.name, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino))
        except OSError as error:
            marks.append((path.name, error.errno))
    return tuple(marks)
