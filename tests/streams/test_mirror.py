"""What chat answers from is at hand: all of it once ready, what comes later soon after, over a broker's restart too."""

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from kafka import KafkaProducer
from kafka.admin import NewTopic

from streams.admin import admin_client, ensure_topics, kafka_client_config
from streams.broker import EmbeddedKafka
from streams.mirror import ZLIB, DocumentsMirror, LastAlerts, MarketMirror, States
from streams.news.groups import group_of
from streams.news.windows import WindowState, encode_state
from streams.queries import partition_of
from streams.records import Alert, Passage
from streams.settings import Settings
from streams.tables import wrap
from streams.topics import ALERTS, DOCUMENTS

LEAKS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""kafka-python drops the sockets of connections that were refused without closing them."""

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


class Shelf:
    """An index that only holds."""

    def __init__(self) -> None:
        self.passages: dict[str, Passage] = {}

    def apply(self, upserts: Iterable[Passage], deletes: Iterable[str]) -> None:
        self.passages |= {passage.id: passage for passage in upserts}
        for id in deletes:
            self.passages.pop(id, None)


def passage(n: int, text: str = "Some words.") -> Passage:
    return Passage(id=f"faq#{n}", document="faq", title="FAQ", n=n, passages=9, heading=[], text=text, start=0,
                   end=len(text), digest="d", added_at=NOON)  # fmt: skip


def alert(n: int) -> Alert:
    at = NOON + timedelta(minutes=n)
    return Alert(id=f"e{n}:opened", episode=f"e{n}", entity="Nokia", name="Nokia", status="opened", severity="warning",
                 at=at, opened_at=at, summary="", observed=9, expected=1, p_value=0.0, evidence=[])  # fmt: skip


def state_of(key: str, applied: int = 1) -> WindowState:
    return WindowState(entity=key, name=f"Name of {key}", scope=group_of(key).scope, applied=applied)


def record(key: str, offset: int, state: WindowState) -> Any:
    return SimpleNamespace(key=msgspec.json.encode(key), value=wrap(offset, encode_state(state)))


def put(settings: Settings, topic: str, *values: tuple[str, bytes | None]) -> None:
    producer = KafkaProducer(**kafka_client_config(settings))
    for key, value in values:
        producer.send(topic, key=key.encode(), value=value)
    producer.close()


def put_state(settings: Settings, table: str, *values: tuple[str, int, WindowState]) -> None:
    producer = KafkaProducer(**kafka_client_config(settings))
    for key, offset, state in values:
        made = record(key, offset, state)
        place = partition_of(key, settings.partitions)
        producer.send(f"{settings.app_id}-{table}-changelog", key=made.key, value=made.value, partition=place)
    producer.close()


def soon(true: Callable[[], bool], within_s: float = 20.0) -> bool:
    deadline = time.monotonic() + within_s
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


def forget_sockets() -> None:
    """Now, rather than in whatever test comes next."""
    assert soon(lambda: not any(thread.name.startswith("mirror-") for thread in threading.enumerate()))
    gc.collect()


def encoded(*passages: Passage) -> list[tuple[str, bytes | None]]:
    return [(passage.id, msgspec.json.encode(passage)) for passage in passages]


@pytest.mark.kafka
def test_documents_are_all_there_once_ready_and_change_while_it_reads(kafka_settings: Settings) -> None:
    ensure_topics(kafka_settings, [DOCUMENTS])
    topic = DOCUMENTS.of(kafka_settings)
    put(kafka_settings, topic, *encoded(*(passage(n) for n in range(500))), ("faq#7", None), ("faq#8", b"no passage"))
    put(kafka_settings, topic, ("another#1", msgspec.json.encode(passage(9, "under a wrong key"))))
    shelf = Shelf()
    with DocumentsMirror(kafka_settings, shelf) as mirror:
        assert mirror.wait(20)
        assert mirror.ready
        assert len(shelf.passages) == 499  # 8 keeps its last text that could be read
        assert "faq#7" not in shelf.passages
        assert mirror.unreadable == 2
        put(kafka_settings, topic, *encoded(passage(3, "Other words."), passage(700)), ("faq#0", None))
        assert soon(lambda: "faq#700" in shelf.passages and "faq#0" not in shelf.passages)
        assert soon(lambda: shelf.passages["faq#3"].text == "Other words.")
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert not mirror.ready


@pytest.mark.kafka
def test_tables_that_no_worker_has_made_yet_are_empty_and_followed_once_they_are_there(
    kafka_settings: Settings,
) -> None:
    with MarketMirror(kafka_settings) as market:
        assert market.wait(20)
        assert market.state("Nokia") is None
        assert list(market.states("entity")) == []
        names = [f"{kafka_settings.app_id}-{table}-changelog" for table in ("windows", "groups")]
        ensure_topics(kafka_settings, [ALERTS])
        with admin_client(kafka_settings) as admin:
            admin.create_topics([NewTopic(name, kafka_settings.partitions, 1) for name in names])
            admin.wait_for_topics(names)
        put_state(kafka_settings, "windows", *(("Nokia", n, state_of("Nokia", n)) for n in (3, 8, 5)))
        put_state(kafka_settings, "windows", ("三菱", 1, state_of("三菱")))
        put_state(kafka_settings, "groups", *((key, 1, state_of(key)) for key in ("topic:Oil", "sector:banks", "all:")))
        put(kafka_settings, ALERTS.of(kafka_settings), *((f"k{n}", msgspec.json.encode(alert(n))) for n in range(20)))
        assert soon(lambda: len(market.alerts()) == 20 and market.state("all:") is not None)
        assert soon(lambda: market.state("三菱") is not None and market.state("sector:banks") is not None)
        assert market.state("Nokia") == state_of("Nokia", 8)
        assert {state.entity for state in market.states("entity")} == {"Nokia", "三菱"}
        assert [each.at for each in market.alerts()] == [alert(n).at for n in range(20)]


@LEAKS
@pytest.mark.kafka
def test_a_restarted_broker_is_read_on_from_where_we_were(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "kafka")
    shelf = Shelf()
    with EmbeddedKafka(tmp_path / "kafka") as kafka:
        settings = Settings(bootstrap_servers=kafka.bootstrap_servers, partitions=1)
        ensure_topics(settings, [DOCUMENTS])
        put(settings, DOCUMENTS.of(settings), *encoded(passage(1)))
        with DocumentsMirror(settings, shelf) as mirror:
            assert mirror.wait(20)
            kafka.kill()
            time.sleep(2.0)
            kafka.start()
            assert kafka.bootstrap_servers == settings.bootstrap_servers
            shelf.passages.clear()  # what was read is not read again
            put(settings, DOCUMENTS.of(settings), *encoded(passage(2)))
            assert soon(lambda: "faq#2" in shelf.passages, 40)
            assert shelf.passages.keys() == {"faq#2"}
    forget_sockets()


@LEAKS
def test_a_mirror_ends_promptly_where_no_broker_answers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "kafka")  # its records hold the sockets
    mirror = DocumentsMirror(Settings(bootstrap_servers="127.0.0.1:1"), Shelf())
    mirror.start()
    assert not mirror.wait(0.5)
    assert not mirror.ready
    began = time.monotonic()
    mirror.stop()
    assert time.monotonic() - began < 6
    forget_sockets()


def test_a_state_that_has_seen_more_wins_also_against_one_that_comes_later() -> None:
    states = States()
    states.take([record("Nokia", offset, state_of("Nokia", offset)) for offset in (3, 8, 5)])
    assert states.get("Nokia") == state_of("Nokia", 8)
    states.take([record("Nokia", 7, state_of("Nokia", 7))])
    assert states.get("Nokia") == state_of("Nokia", 8)
    states.take([record("Nokia", 9, state_of("Nokia", 9))])
    assert states.get("Nokia") == state_of("Nokia", 9)


def test_a_state_is_decoded_once_until_it_changes_and_only_so_many_are_kept() -> None:
    states = States(decoded=2)
    states.take([record(key, 1, state_of(key)) for key in "abc"])
    first = states.get("a")
    assert states.get("a") is first
    assert {state.entity for state in states.of("entity")} == {"a", "b", "c"}
    assert states.get("a") is not first
    assert states.get("a") == first


def test_states_that_are_written_seldom_are_compressed_and_read_all_the_same() -> None:
    states = States(loose=2)
    for offset, key in enumerate("abcadbaee"):
        states.take([record(key, offset, state_of(key, offset))])
    held = {key: state for key, (_, state) in states._held["entity"].items()}
    assert {key for key, state in held.items() if state.startswith(ZLIB)} == {"b", "c", "d"}
    assert [states.get(key) for key in "abcde"] == [
        state_of(*each) for each in zip("abcde", (6, 5, 2, 4, 8), strict=True)
    ]


def test_what_a_table_keeps_beside_streams_and_what_is_broken_is_no_state() -> None:
    states = States()
    tombstone, broken = SimpleNamespace(key=b'"Nokia"', value=None), SimpleNamespace(key=b"Nokia", value=b"[1,{}]")
    states.take([record("\0day", 1, state_of("x")), tombstone, broken, SimpleNamespace(key=None, value=b"[1,{}]")])
    assert list(states.of("entity")) == []


def test_the_last_alerts_are_kept_by_their_time_whatever_the_order_they_come_in() -> None:
    alerts = LastAlerts(kept=3)
    alerts.take([SimpleNamespace(value=msgspec.json.encode(alert(n))) for n in (4, 1, 3)])
    alerts.take([SimpleNamespace(value=msgspec.json.encode(alert(n))) for n in (2, 2)] + [SimpleNamespace(value=b"{")])
    assert [each.id for each in alerts()] == ["e2:opened", "e3:opened", "e4:opened"]
