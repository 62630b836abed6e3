"""What was read of each feed, kept on disk (sqlite): ids that entered, validators for conditional GET, where it moved.

Marked only after Kafka acknowledged. Killed between the two, the next run sends those items again, under the same ids.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from models.errors import SettingsError
from streams.sources.fetch import Validators

KEPT_IDS = 10_000
FORGOTTEN_AFTER_S = 365 * 86_400.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS feeds (
    feed TEXT PRIMARY KEY, etag TEXT, modified TEXT, moved_to TEXT, body_sha256 TEXT, polled_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS seen (
    feed TEXT NOT NULL, id TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (feed, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_id ON seen (id);
"""


class FeedState(NamedTuple):
    """What the next poll of a feed starts from."""

    validators: Validators = Validators()
    moved_to: str | None = None
    body_sha256: str | None = None


class Seen:
    """The memory of all feeds: an item that one feed brought is known to the others.

    Bounded: a feed keeps its newest `kept_ids` ids, or as many as its document holds; a feed not read for a year is
    forgotten. Of one thread. Raises SettingsError when the file can't be used.
    """

    def __init__(self, path: Path, kept_ids: int = KEPT_IDS, clock: Callable[[], float] = time.time) -> None:
        self._kept_ids, self._clock = kept_ids, clock
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)  # feeds' addresses may hold a token
            self._db = sqlite3.connect(path, timeout=10.0)
            self._db.executescript(SCHEMA)
            with self._db:
                before = (self._clock() - FORGOTTEN_AFTER_S,)
                self._db.execute("DELETE FROM seen WHERE feed IN (SELECT feed FROM feeds WHERE polled_at < ?)", before)
                self._db.execute("DELETE FROM feeds WHERE polled_at < ?", before)
        except (OSError, sqlite3.Error) as error:
            raise SettingsError(f"{path}: can't keep what was read there ({error}); set GRETCHEN_DATA_DIR") from error

    def state(self, feed: str) -> FeedState:
        row = self._db.execute(
            "SELECT etag, modified, moved_to, body_sha256 FROM feeds WHERE feed = ?", (feed,)
        ).fetchone()
        return FeedState(Validators(row[0], row[1]), row[2], row[3]) if row else FeedState()

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those of `ids` that entered already, from whatever feed."""
        query = "SELECT 1 FROM seen WHERE id = ? LIMIT 1"
        return {id for id in ids if self._db.execute(query, (id,)).fetchone()}

    def mark(self, feed: str, ids: Iterable[str], state: FeedState) -> None:
        """Note, in one transaction, that all `ids` of a feed's document are in Kafka and where its next poll starts."""
        try:
            self._mark(feed, list(ids), state, self._clock())
        except sqlite3.Error as error:
            raise SettingsError(f"can't note what was read ({error}); see to the disk of GRETCHEN_DATA_DIR") from error

    def _mark(self, feed: str, ids: list[str], state: FeedState, now: float) -> None:
        with self._db:
            self._db.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", [(feed, id, now) for id in ids])
            self._db.execute(
                "INSERT OR REPLACE INTO feeds VALUES (?, ?, ?, ?, ?, ?)",
                (feed, *state.validators, state.moved_to, state.body_sha256, now),
            )
            if ids:
                self._db.execute(
                    # at < now: what the document holds stays, also when the clock was set back
                    "DELETE FROM seen WHERE feed = ? AND at < ? AND id NOT IN "
                    "(SELECT id FROM seen WHERE feed = ? ORDER BY at DESC LIMIT ?)",
                    (feed, now, feed, max(self._kept_ids, len(ids))),
                )

    def close(self) -> None:
        self._db.close()
