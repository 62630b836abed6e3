"""The embedded Kafka itself: what it keeps, what it leaves behind, and what it says when it can't start."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from models.errors import BrokerUnavailable
from streams.broker import EmbeddedKafka, broker_for, config, warm
from streams.broker.node import PortTaken, kafka_uuid
from streams.settings import Settings

pytestmark = pytest.mark.kafka


def produce(bootstrap_servers: str, topic: str, values: range) -> None:
    """Each value acknowledged."""
    producer = KafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", linger_ms=5)
    futures = [producer.send(topic, str(value).encode(), partition=value % 2) for value in values]
    for future in futures:
        future.get(30)
    producer.close()


def read_all(bootstrap_servers: str, topic: str) -> list[int]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap_servers, consumer_timeout_ms=10_000)
    partitions = [TopicPartition(topic, 0), TopicPartition(topic, 1)]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    left = sum(consumer.end_offsets(partitions).values())
    values = []
    for record in consumer:
        values.append(int(record.value))
        if len(values) == left:
            break
    consumer.close()
    return values


def create(bootstrap_servers: str, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    admin.create_topics([NewTopic(topic, 2, 1)])
    admin.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:  # a zombie is dead: nobody reaps orphans in some containers
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return sys.platform != "linux"


def wait_until(true: Callable[[], bool], timeout_s: float = 15.0) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if true():
            return True
        time.sleep(0.05)
    return true()


def test_nothing_acknowledged_is_lost_by_kill_9_and_a_clean_stop(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path) as kafka:
        create(kafka.bootstrap_servers, "kept")
        produce(kafka.bootstrap_servers, "kept", range(2000))
        address, first = kafka.bootstrap_servers, kafka.pid
        kafka.kill()
        assert first is not None and not is_alive(first) and not kafka.running
        kafka.start()
        assert kafka.bootstrap_servers == address and kafka.pid != first
        produce(address, "kept", range(2000, 2500))
        kafka.stop()
        assert config.is_free(kafka.port)
        kafka.start()
        assert sorted(read_all(address, "kept")) == list(range(2500))
        pid, port = kafka.pid, kafka.port
    assert pid is not None and not is_alive(pid) and config.is_free(port)
    assert (tmp_path / "data" / "kept-0").is_dir(), "a given data dir stays"


def test_a_temporary_broker_leaves_no_process_no_port_and_no_folder(tmp_path: Path) -> None:
    before = set(Path("/tmp").iterdir())
    with EmbeddedKafka() as kafka:
        folder, pid, port = kafka.data_dir, kafka.pid, kafka.port
        assert folder.is_dir() and pid is not None
        assert is_alive(pid)
    assert not folder.exists() and not is_alive(pid) and config.is_free(port)
    assert not {path for path in set(Path("/tmp").iterdir()) - before if path.name.startswith(("hsperf", "snappy"))}


PARENT = """
import os, sys, time
from streams.broker import EmbeddedKafka
with EmbeddedKafka() as kafka:
    print(kafka.pid, kafka.port, kafka.data_dir, flush=True)
    time.sleep(600)
"""


def test_java_dies_with_a_parent_that_is_killed_with_9_and_its_folder_goes() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, port, folder = parent.stdout.readline().split()
    assert is_alive(int(pid))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert wait_until(lambda: not is_alive(int(pid)))
    assert wait_until(lambda: not Path(folder).exists())
    assert config.is_free(int(port))


def test_ctrl_c_in_the_terminal_leaves_kafka_running_until_we_stop_it() -> None:
    program = textwrap.dedent("""
        import os, signal, time
        from streams.broker import EmbeddedKafka
        with EmbeddedKafka() as kafka:
            pid = kafka.pid
            try:
                os.killpg(0, signal.SIGINT)  # as a terminal does: everybody in the foreground group
                time.sleep(60)
            except KeyboardInterrupt:
                time.sleep(1)
                print("running" if kafka.running else "gone", flush=True)
        print(pid, flush=True)
    """)
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, start_new_session=True
    )
    assert ran.stdout.startswith("running"), ran.stderr
    assert not is_alive(int(ran.stdout.split()[1]))


def test_a_taken_port_is_one_line_when_asked_for_it() -> None:
    with socket.socket() as taken:
        taken.bind((config.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BrokerUnavailable, match=f"port {port} on 127.0.0.1 is taken by another process"):
            EmbeddedKafka(port=port).start()


def test_a_port_that_is_snatched_while_kafka_starts_is_replaced_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind((config.HOST, 0))
        taken.listen()
        offered = [taken.getsockname()[1]]
        real = config.free_port
        monkeypatch.setattr(config, "free_port", lambda avoid=frozenset(): offered.pop() if offered else real(avoid))
        with EmbeddedKafka() as kafka:
            assert kafka.port != taken.getsockname()[1] and kafka.running


def test_a_second_node_on_the_same_data_dir_is_told_so(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path):
        second = EmbeddedKafka(tmp_path)
        with pytest.raises(BrokerUnavailable, match="is in use by another Kafka; stop it or choose another data dir"):
            second.start()


def test_a_start_that_fails_says_why_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(overrides={"process.roles": "queen"})
    with pytest.raises(BrokerUnavailable, match="queen") as caught:
        kafka.start()
    assert "\n" not in str(caught.value) and not isinstance(caught.value, PortTaken)
    assert not kafka.running


def test_without_a_cluster_of_ones_own_the_broker_is_embedded_and_with_one_it_is_left_alone() -> None:
    given = Settings(bootstrap_servers="kafka.example:9092", security_protocol="SSL")
    with broker_for(given, {"KAFKA_BOOTSTRAP_SERVERS": "kafka.example:9092"}) as settings:
        assert settings is given
    with broker_for(Settings(), {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": ""}) as settings:
        create(settings.bootstrap_servers, "made")
        produce(settings.bootstrap_servers, "made", range(3))
        assert sorted(read_all(settings.bootstrap_servers, "made")) == [0, 1, 2]


def test_a_topic_nobody_created_is_not_there(kafka: EmbeddedKafka, topic_prefix: str) -> None:
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap_servers)
    assert consumer.partitions_for_topic(f"{topic_prefix}unheard-of") in (None, set())
    assert f"{topic_prefix}unheard-of" not in consumer.topics()
    consumer.close()


def test_a_record_of_a_megabyte_and_more_is_taken(kafka: EmbeddedKafka, topic_prefix: str) -> None:
    topic = f"{topic_prefix}large"
    create(kafka.bootstrap_servers, topic)
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap_servers, acks="all", max_request_size=3 << 20)
    producer.send(topic, b"x" * 1_900_000).get(30)
    producer.close()


def test_cluster_ids_never_begin_with_a_dash() -> None:
    import uuid

    assert kafka_uuid(uuid.UUID(bytes=b"\xff" * 16)).startswith("_")
    assert kafka_uuid(uuid.UUID(bytes=b"\xfb" * 16)).startswith("A") and len(kafka_uuid(uuid.uuid4())) == 22


@pytest.mark.parametrize(
    ("value", "written"), [("a\\b", "a\\\\b"), ("é😀", "\\u00e9\\ud83d\\ude00"), ("plain:=#", "plain:=#")]
)
def test_a_properties_value_survives_java(value: str, written: str) -> None:
    assert config.escape(value) == written


def test_a_startup_cache_that_java_chokes_on_is_thrown_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cache = tmp_path / "java-25.aot"
    cache.write_bytes(b"no cache at all")
    monkeypatch.setattr(warm, "startup_cache", lambda *_: cache)
    monkeypatch.setattr(warm, "use_options", lambda path: [f"-XX:AOTCache={path}", "-XX:AOTMode=on"])  # on: or die
    with EmbeddedKafka() as kafka:
        assert kafka.running
    assert not cache.exists() and cache.with_suffix(".failed").exists()
