"""`gretchen page` as a process over a real Kafka, and a writer of what agents write."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
from kafka import KafkaProducer
from kafka.admin import NewTopic

from streams.admin import admin_client, kafka_client_config
from streams.news.windows import WindowState, encode_state
from streams.queries import changelog, partition_of
from streams.records import Record
from streams.settings import Settings, variable
from streams.topics import Topic

ROOT = Path(__file__).resolve().parents[2]


class PageProcess:
    """`gretchen page` on a free port; `url` is where it says that it serves."""

    def __init__(self, settings: Settings, log: Path, port: int = 0) -> None:
        fields = ("bootstrap_servers", "topic_prefix", "app_id")
        environ = os.environ | {variable(field): getattr(settings, field) for field in fields}
        environ |= {"GRETCHEN_PAGE_PORT": str(port)}
        self.log = log
        command = [sys.executable, "-m", "streams", "page"]
        with log.open("w") as stderr:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=stderr, text=True
            )
        assert self.process.stdout
        told = self.process.stdout.readline()
        assert told.startswith("Gretchen's page: http://127.0.0.1:"), log.read_text()
        self.url = told.split()[-1]

    def __enter__(self) -> "PageProcess":
        self.until(lambda: httpx.get(self.url + "healthz").status_code == 200)
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def until(self, true: Callable[[], bool], timeout_s: float = 60.0) -> None:
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            with contextlib.suppress(httpx.HTTPError):
                if true():
                    return
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def ready(self) -> bool:
        return httpx.get(self.url + "readyz").status_code == 200

    def broker(self) -> str:
        return str(httpx.get(self.url + "readyz").json()["broker"])

    @contextlib.contextmanager
    def events(self) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
        with httpx.stream("GET", self.url + "events", timeout=30) as response:
            yield events(response.iter_lines())


def events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """For a minute at most: the page speaks every second, so a stream without what is waited for never ends."""
    end = time.monotonic() + 60
    kind = ""
    for line in lines:
        assert time.monotonic() < end, "what was waited for did not come"
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        if line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


def seen(stream: Iterator[tuple[str, dict[str, Any]]], part: str, count: int) -> list[dict[str, Any]]:
    """The first `count` different items of a part, over snapshots and deltas."""
    found: dict[str, dict[str, Any]] = {}
    for _, data in stream:
        for item in data.get(part, []):
            found[item.get("id") or item.get("episode") or item.get("key") or str(item)] = item
        if len(found) >= count:
            return list(found.values())
    raise AssertionError(f"the stream ended with {len(found)} {part}")


class Writer:
    """Writes records as agents do."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.producer = KafkaProducer(**kafka_client_config(settings), acks="all")

    def put(self, topic: Topic, record: Record | bytes, key: str = "k", headers: dict[str, str] | None = None) -> Any:
        value = record if isinstance(record, bytes) else msgspec.json.encode(record)
        pairs = [(name, value.encode()) for name, value in (headers or {}).items()]
        sent = self.producer.send(topic.of(self.settings), value, key=key.encode(), headers=pairs)
        return sent.get(timeout=20)

    def changelog(self, table: str, state: WindowState) -> None:
        """Puts a state where a worker's table keeps it."""
        name, partitions = changelog(self.settings, table), self.settings.partitions
        with admin_client(self.settings) as admin:
            admin.create_topics([NewTopic(name, partitions, 1)])
        key, value = msgspec.json.encode(state.entity), b"[7,%b]" % encode_state(state)
        partition = partition_of(state.entity, partitions)
        self.producer.send(name, value, key=key, partition=partition).get(timeout=20)

    def close(self) -> None:
        self.producer.close()
