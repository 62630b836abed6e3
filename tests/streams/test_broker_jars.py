"""Fetching Kafka's jars from a repository that is slow, cut off, wrong or away: a local server plays all of them."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from models.errors import BrokerUnavailable
from streams.broker import jars
from streams.broker.jars import Jar, Lock, fetch_jars, jars_dir, read_lock


@dataclass
class Repository:
    """What the server has, how it misbehaves, and which ranges it was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    cut_after: list[int] = field(default_factory=list)  # bytes of each coming answer; then whole ones
    statuses: list[int] = field(default_factory=list)  # of each coming answer; then 200 or 206
    ranges: list[str | None] = field(default_factory=list)
    honors_range: bool = True
    stalled: threading.Event = field(default_factory=threading.Event)  # set by the first answer once `stalls`
    stalls: bool = False
    released: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def add(self, artifact: str, content: bytes) -> Jar:
        jar = Jar(f"org.example:{artifact}:1.0", hashlib.sha256(content).hexdigest(), len(content))
        self.files[f"/{jar.path}"] = content
        return jar


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    served = Repository()
    monkeypatch.setattr(jars, "BACKOFF_S", 0.01)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            served.ranges.append(asked)
            content = served.files.get(self.path)
            status = served.statuses.pop(0) if served.statuses else 200
            if content is None or status != 200:
                self.send_error(404 if content is None else status)
                return
            begin = int(asked.removeprefix("bytes=").split("-")[0]) if asked and served.honors_range else 0
            rest = content[begin:]
            self.send_response(206 if begin else 200)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            if served.stalls:
                self.wfile.write(rest[:1000])
                served.stalled.set()
                served.released.wait(60)
                return
            self.wfile.write(rest[: served.cut_after.pop(0)] if served.cut_after else rest)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}/maven2"
    served.files = {}
    yield served
    served.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def environ(repository: Repository, tmp_path: Path) -> dict[str, str]:
    return {"GRETCHEN_CACHE": str(tmp_path), "GRETCHEN_MAVEN_URL": repository.url}


def lock_of(repository: Repository, **contents: bytes) -> Lock:
    """A lock of jars that the server has, under its base path."""
    locked = tuple(repository.add(artifact, content) for artifact, content in contents.items())
    repository.files = {f"/maven2{path}" if not path.startswith("/maven2") else path: content
                        for path, content in repository.files.items()}  # fmt: skip
    return Lock("9.9.9", locked)


BODY = bytes(range(256)) * 1000


def test_every_jar_lands_verified_and_a_second_fetch_asks_for_nothing(
    repository: Repository, environ: dict[str, str]
) -> None:
    lock = lock_of(repository, first=BODY, second=b"2" * 5000)
    told: list[int] = []
    asked: list[tuple[int, int]] = []

    def progress(files: int, size: int) -> jars.Progress:
        asked.append((files, size))
        return told.append

    folder = fetch_jars(lock, environ, progress)
    assert (folder / "first-1.0.jar").read_bytes() == BODY
    assert (folder / "second-1.0.jar").read_bytes() == b"2" * 5000
    assert asked == [(2, len(BODY) + 5000)] and sum(told) == len(BODY) + 5000
    requests = len(repository.ranges)
    assert fetch_jars(lock, environ, progress) == folder
    assert len(repository.ranges) == requests and len(asked) == 1


def test_a_download_cut_off_goes_on_where_it_stopped(repository: Repository, environ: dict[str, str]) -> None:
    lock = lock_of(repository, first=BODY)
    repository.cut_after = [100_000, 50_000]
    folder = fetch_jars(lock, environ)
    assert (folder / "first-1.0.jar").read_bytes() == BODY
    assert repository.ranges == [None, "bytes=100000-", "bytes=150000-"]


def test_a_part_left_by_a_killed_process_is_continued(repository: Repository, environ: dict[str, str]) -> None:
    lock = lock_of(repository, first=BODY)
    part = jars_dir(lock, environ) / "first-1.0.jar.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(BODY[:200_000])
    folder = fetch_jars(lock, environ)
    assert (folder / "first-1.0.jar").read_bytes() == BODY
    assert repository.ranges == ["bytes=200000-"] and not part.exists()


def test_a_part_of_something_else_is_thrown_away_and_fetched_again(
    repository: Repository, environ: dict[str, str]
) -> None:
    lock = lock_of(repository, first=BODY)
    part = jars_dir(lock, environ) / "first-1.0.jar.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"\0" * 200_001)
    assert (fetch_jars(lock, environ) / "first-1.0.jar").read_bytes() == BODY
    assert repository.ranges == ["bytes=200001-", None]


def test_a_server_that_ignores_ranges_is_read_from_the_start(repository: Repository, environ: dict[str, str]) -> None:
    lock = lock_of(repository, first=BODY)
    repository.cut_after, repository.honors_range = [1000], False
    assert (fetch_jars(lock, environ) / "first-1.0.jar").read_bytes() == BODY


def test_another_content_is_refused_and_leaves_nothing_behind(repository: Repository, environ: dict[str, str]) -> None:
    lock = lock_of(repository, first=BODY)
    repository.files = {path: b"x" + content[1:] for path, content in repository.files.items()}
    with pytest.raises(BrokerUnavailable, match="is not what was locked: wanted 256000 bytes with SHA-256") as caught:
        fetch_jars(lock, environ)
    assert "\n" not in str(caught.value)
    assert not list(jars_dir(lock, environ).glob("first*"))


def test_a_longer_content_is_never_written_past_its_size(repository: Repository, environ: dict[str, str]) -> None:
    lock = lock_of(repository, first=BODY)
    repository.files = dict.fromkeys(repository.files, b"x" * 10000000)
    with pytest.raises(BrokerUnavailable, match="is not what was locked"):
        fetch_jars(lock, environ)


def test_a_damaged_jar_in_the_cache_is_fetched_again(repository: Repository, environ: dict[str, str]) -> None:
    lock = lock_of(repository, first=BODY, second=b"2")
    jar = fetch_jars(lock, environ) / "first-1.0.jar"
    jar.write_bytes(b"x" + BODY[1:])
    repository.ranges.clear()
    fetch_jars(lock, environ)
    assert jar.read_bytes() == BODY and len(repository.ranges) == 1


def test_a_missing_jar_is_one_line_with_address_and_remedy(repository: Repository, environ: dict[str, str]) -> None:
    lock = lock_of(repository, first=BODY)
    repository.files.clear()
    with pytest.raises(BrokerUnavailable, match=r"first-1\.0\.jar answered HTTP 404; check GRETCHEN_MAVEN_URL"):
        fetch_jars(lock, environ)
    assert len(repository.ranges) == 1


def test_a_server_in_trouble_is_asked_again(repository: Repository, environ: dict[str, str]) -> None:
    lock = lock_of(repository, first=BODY)
    repository.statuses = [503, 429, 500]
    assert (fetch_jars(lock, environ) / "first-1.0.jar").read_bytes() == BODY


def test_offline_is_one_line_that_names_the_ways_out(
    repository: Repository, environ: dict[str, str], tmp_path: Path
) -> None:
    lock = lock_of(repository, first=BODY)
    environ["GRETCHEN_MAVEN_URL"] = "http://127.0.0.1:9/maven2"
    with pytest.raises(BrokerUnavailable, match=r"GRETCHEN_MAVEN_URL.*KAFKA_BOOTSTRAP_SERVERS") as caught:
        fetch_jars(lock, environ)
    assert "\n" not in str(caught.value)


def test_two_at_once_download_each_jar_once(repository: Repository, environ: dict[str, str]) -> None:
    lock = lock_of(repository, first=BODY, second=b"2" * 100_000)
    both = [threading.Thread(target=fetch_jars, args=(lock, environ)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(repository.ranges) == 2
    assert not jars.missing(lock, jars_dir(lock, environ))


def test_a_cache_that_cannot_be_written_is_one_line(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    environ = {"GRETCHEN_CACHE": str(tmp_path / "file"), "GRETCHEN_MAVEN_URL": repository.url}
    with pytest.raises(BrokerUnavailable, match=r"can't write Kafka's jars to .*set GRETCHEN_CACHE"):
        fetch_jars(lock_of(repository, first=BODY), environ)


def test_the_shipped_lock_names_one_kafka_and_each_jar_once() -> None:
    lock = read_lock()
    assert len({jar.name for jar in lock.jars}) == len(lock.jars) > 40
    assert {jar.coordinates.split(":")[2] for jar in lock.jars if jar.coordinates.startswith("org.apache.kafka:")} == {
        lock.kafka
    }


def test_a_damaged_lock_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "broker.lock").write_text(
        '{"kafka": "4", "jars": [{"coordinates": "../../x", "sha256": "", "bytes": 1}]}'
    )
    with pytest.raises(BrokerUnavailable, match=r"broker\.lock: .*reinstall gretchen"):
        read_lock(tmp_path / "broker.lock")


def test_ctrl_c_ends_a_stalled_download_soon_and_keeps_what_came(
    repository: Repository, environ: dict[str, str], tmp_path: Path
) -> None:
    lock = lock_of(repository, first=BODY)
    repository.stalls = True
    (tmp_path / "lock").write_bytes(msgspec.json.encode(lock))
    program = """
import sys; from pathlib import Path; from streams.broker.jars import fetch_jars, read_lock
try:
    fetch_jars(read_lock(Path(sys.argv[1])))
except KeyboardInterrupt:
    sys.exit(130)
"""
    child = subprocess.Popen([sys.executable, "-c", program, tmp_path / "lock"], env={**os.environ, **environ})
    assert repository.stalled.wait(60)
    part = jars_dir(lock, environ) / "first-1.0.jar.part"
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 130
    assert part.read_bytes() == BODY[:1000]


def test_the_bar_counts_what_is_there_already(repository: Repository, environ: dict[str, str]) -> None:
    lock = lock_of(repository, first=BODY)
    part = jars_dir(lock, environ) / "first-1.0.jar.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(BODY[:200_000])
    told: list[int] = []
    fetch_jars(lock, environ, lambda files, size: told.append)
    assert sum(told) == len(BODY)
