"""The compose file: what starts, what others can reach, and that it fits the image, the settings and the topics."""

import shutil
import subprocess
from typing import Any

import pytest
import yaml

from streams.settings import load_settings
from streams.sinks.config import Alertmanager, load_sinks
from tests.deploy.expressions import CONFIG, DEPLOY

COMPOSE = DEPLOY / "compose.yaml"


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    parsed: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return parsed


def has_compose() -> bool:
    """Docker's client with its compose plugin; a Docker engine is not needed to check a file."""
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0


def test_the_file_is_accepted(services: dict[str, dict[str, Any]]) -> None:
    """By `docker compose` where it is installed; everywhere as YAML with the services that the README names."""
    assert services.keys() == {"kafka", "worker", "page", "notify", "prometheus", "alertmanager", "grafana"}
    if has_compose():
        done = subprocess.run(
            ["docker", "compose", "-f", COMPOSE, "config", "--quiet"], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr


def test_ports_are_published_on_loopback_only(services: dict[str, dict[str, Any]]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert len(published) == 5
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_images_are_pinned(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        tag = service["image"].partition(":")[2]
        assert "build" in service or tag not in ("", "latest"), name


@pytest.mark.parametrize("name", ["worker", "page", "notify"])
def test_our_containers_can_write_only_their_data_and_have_settings_that_exist(
    name: str, services: dict[str, dict[str, Any]]
) -> None:
    service = services[name]
    settings = load_settings(service["environment"])  # refuses what is unknown
    assert settings.bootstrap_servers == "kafka:19092"
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    writable = [volume for volume in service["volumes"] if not volume.endswith(":ro")]
    assert [f"GRETCHEN_DATA_DIR={folder}\n" in dockerfile for folder in writable] == [True]
    port = {"worker": settings.metrics_port, "page": settings.page_port, "notify": settings.notify_port}[name]
    assert f"127.0.0.1:{port}/healthz" in service["healthcheck"]["test"][-1]


def test_kafka_keeps_its_log_on_its_volume(services: dict[str, dict[str, Any]]) -> None:
    kafka = services["kafka"]
    assert kafka["volumes"] == [f"kafka:{kafka['environment']['KAFKA_LOG_DIRS']}"]


def test_what_is_mounted_is_there(services: dict[str, dict[str, Any]]) -> None:
    mounted = [volume for service in services.values() for volume in service["volumes"] if volume.startswith("./")]
    assert len(mounted) == 5
    assert all((DEPLOY / volume.partition(":")[0]).exists() for volume in mounted)
    assert all(volume.endswith(":ro") for volume in mounted)
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/gretchen.yml").read_text())["providers"][0]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in services["grafana"]["volumes"]


def test_notify_reads_the_sinks_that_are_mounted_and_they_reach_alertmanager(
    services: dict[str, dict[str, Any]],
) -> None:
    settings = load_settings(services["notify"]["environment"])
    assert f"./sinks.toml:{settings.sinks}:ro" in services["notify"]["volumes"]
    sinks = load_sinks(DEPLOY / "sinks.toml", {})
    assert [sink.KIND for sink in sinks] == ["log", "alertmanager"]
    where = published_by(services["alertmanager"], "alertmanager")
    assert [sink.url for sink in sinks if isinstance(sink, Alertmanager)] == [f"http://{where}"]


def test_prometheus_finds_every_process_and_alertmanager(services: dict[str, dict[str, Any]]) -> None:
    config = yaml.safe_load(CONFIG.read_text())
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    worker = jobs["gretchen"]["dns_sd_configs"][0]
    assert (worker["names"], [str(worker["port"])]) == (["worker"], services["worker"]["expose"])
    assert targets(jobs["gretchen-page"]) == [published_by(services["page"], "page")]
    assert targets(jobs["gretchen-notify"]) == [f"notify:{port}" for port in services["notify"]["expose"]]
    where = published_by(services["alertmanager"], "alertmanager")
    assert [targets(each) for each in config["alerting"]["alertmanagers"]] == [[where]]


def published_by(service: dict[str, Any], name: str) -> str:
    """Where other containers reach it, host:port."""
    (port,) = service["ports"]
    return f"{name}:{port.rpartition(':')[2]}"


def targets(job: dict[str, Any]) -> list[str]:
    return [target for each in job["static_configs"] for target in each["targets"]]
