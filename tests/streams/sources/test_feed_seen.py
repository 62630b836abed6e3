"""The memory of what entered."""

import sqlite3
from pathlib import Path

import pytest

from models.errors import SettingsError
from streams.sources.fetch import Validators
from streams.sources.seen import FORGOTTEN_AFTER_S, FeedState, Seen

STATE = FeedState(Validators('"v1"', "yesterday"), "http://moved.example/", "abc")


def test_what_was_marked_is_known_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "new" / "feeds.sqlite3"
    first = Seen(path)
    first.mark("a", ["1", "2"], STATE)
    first.close()
    again = Seen(path)
    assert again.known(["1", "2", "3"]) == {"1", "2"}
    assert again.state("a") == STATE
    assert again.state("b") == FeedState()
    again.close()


def test_file_is_the_owners_alone(tmp_path: Path) -> None:
    Seen(tmp_path / "f").close()
    assert (tmp_path / "f").stat().st_mode & 0o077 == 0


def test_oldest_ids_are_forgotten_past_the_bound_and_those_in_the_document_never(tmp_path: Path) -> None:
    now = [0.0]
    seen = Seen(tmp_path / "f", kept_ids=3, clock=lambda: now[0])
    for at in range(5):
        now[0] = at
        seen.mark("a", [f"a{at}"], STATE)
    seen.mark("b", ["b0"], STATE)
    assert seen.known(["a0", "a1", "a2", "a3", "a4", "b0"]) == {"a2", "a3", "a4", "b0"}
    seen.mark("a", [f"x{i}" for i in range(9)], STATE)
    assert len(seen.known([f"x{i}" for i in range(9)])) == 9
    seen.close()


def test_unchanged_document_forgets_nothing(tmp_path: Path) -> None:
    seen = Seen(tmp_path / "f")
    seen.mark("a", ["1"], STATE)
    seen.mark("a", (), STATE)
    assert seen.known(["1"]) == {"1"}
    seen.close()


def test_feed_not_read_for_a_year_is_forgotten(tmp_path: Path) -> None:
    seen = Seen(tmp_path / "f", clock=lambda: 1000.0)
    seen.mark("a", ["1"], STATE)
    seen.close()
    later = Seen(tmp_path / "f", clock=lambda: 1001.0 + FORGOTTEN_AFTER_S)
    assert (later.known(["1"]), later.state("a")) == (set(), FeedState())
    later.close()


def test_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"not sqlite" * 100)
    with pytest.raises(SettingsError, match="GRETCHEN_DATA_DIR"):
        Seen(tmp_path / "f")


def test_nothing_is_half_marked(tmp_path: Path) -> None:
    seen = Seen(tmp_path / "f")
    with pytest.raises(SettingsError):
        seen.mark("a", ["1", None], STATE)  # type: ignore[list-item]  # breaks NOT NULL
    assert seen.known(["1"]) == set()
    assert sqlite3.connect(tmp_path / "f").execute("SELECT count(*) FROM feeds").fetchone() == (0,)
    seen.close()
