"""Tables at a recovery, without a broker: which value wins, and what a topic's records are folded into."""

from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.exact import ExactApp
from streams.news.alerts import EpisodeState, decode_episodes, fold_alert
from streams.settings import Settings
from streams.tables import ExactTable, Row, TopicTable, unwrap, wrap
from tests.support.page_records import alert


@pytest.fixture
def app(tmp_path: Path) -> ExactApp:
    return ExactApp(Settings(data_dir=tmp_path, table_store="memory"))


def changelog(*values: tuple[int, bytes]) -> list[Row]:
    """A key's values, (offset of the source, value), as they lie one after the other."""
    tp = TP("gretchen-windows-changelog", 1)
    return [Row(tp, at, "E01", wrap(*value), b'"E01"') for at, value in enumerate(values)]


def read(table: ExactTable, key: str = "E01") -> bytes | None:
    event = SimpleEvent()
    return table.read(event, key)


class SimpleEvent:
    message = SimpleNamespace(partition=1)


@given(st.integers(0, 2**63), st.binary())
def test_a_stored_value_comes_back_with_its_offset(offset: int, value: bytes) -> None:
    assert unwrap(wrap(offset, value)) == (offset, value)


def test_the_value_that_has_seen_more_wins_not_the_one_a_zombie_wrote_last(app: ExactApp) -> None:
    table = app.exact_table("windows")
    table.apply_changelog_batch(changelog((5, b"1"), (9, b"2"), (7, b"3")))
    assert read(table) == b"2"
    table.apply_changelog_batch(changelog((8, b"4")))
    assert read(table) == b"2"
    table.apply_changelog_batch(changelog((9, b"5"), (10, b"6")))
    assert read(table) == b"6"


def test_a_topics_records_are_folded_once_however_often_they_are_read(app: ExactApp) -> None:
    table = app.topic_table("episodes", "alerts", fold_alert)
    records = alerts_topic("opened", "grew")
    table.apply_changelog_batch(records)
    table.apply_changelog_batch(records)
    assert raised(table) == ["E01:1:opened", "E01:1:grew"]


def test_what_others_wrote_into_the_topic_is_left_out(app: ExactApp) -> None:
    table = app.topic_table("episodes", "alerts", fold_alert)
    tp = TP("alerts", 1)
    foreign = [Row(tp, 7, "", b"\xff not an alert", b"E01"), Row(tp, 8, "", b"", b"E01"), Row(tp, 9, "", b"{}", b"")]
    table.apply_changelog_batch([*alerts_topic("opened"), *foreign])
    assert raised(table) == ["E01:1:opened"]


def test_what_is_old_is_forgotten_a_few_at_a_time_and_what_is_new_is_not(tmp_path: Path) -> None:
    """On disk; RocksDB gives keys in their order, so each look goes on behind the one before."""
    app = ExactApp(Settings(data_dir=tmp_path))
    (tmp_path / app.settings.app_id).mkdir()
    table = app.topic_table("episodes", "alerts", lambda _, record: record)
    names = [f"E{n:02d}" for n in range(10)]
    rows = [Row(TP("alerts", 1), at, "", b"old" if at % 2 else b"new", name.encode()) for at, name in enumerate(names)]
    table.apply_changelog_batch(rows)
    assert [table.forget(lambda value: value == b"old", 4) for _ in range(5)] == [2, 2, 1, 0, 0]
    assert [name for name in names if read(table, name)] == names[::2]
    assert table.data.persisted_offset(TP("alerts", 1)) == 9


def test_a_table_holds_little_of_what_is_written_in_memory(tmp_path: Path) -> None:
    """Of 3 MiB, which are days of alerts: what fills up slowly is memory that climbs."""
    app = ExactApp(Settings(data_dir=tmp_path))
    (tmp_path / app.settings.app_id).mkdir()
    table = app.topic_table("episodes", "alerts", lambda _, record: record)
    for at in range(300):
        table.apply_changelog_batch([Row(TP("alerts", 1), at, "", b"%d" % at + b"x" * (10 << 10), b"E%d" % (at % 9))])
    (db,) = table.data._dbs.values()
    assert db.property_int_value("rocksdb.cur-size-all-mem-tables") < 2.5 * (1 << 20)
    assert read(table, "E8") is not None


def alerts_topic(*kinds: str) -> list[Row]:
    found = [msgspec.structs.replace(alert("E01"), id=f"E01:1:{kind}") for kind in kinds]
    return [Row(TP("alerts", 1), at, "", msgspec.json.encode(one), b"E01") for at, one in enumerate(found)]


def raised(table: TopicTable) -> list[str]:
    value = read(table)
    return (EpisodeState() if value is None else decode_episodes(value)).raised
