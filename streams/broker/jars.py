"""Kafka's jars: what the lock file names, fetched once from Maven Central into the user's cache and verified.

A download that was cut off is resumed where it stopped; a jar appears under its name only once its SHA-256 is right.
"""

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import msgspec

from models.errors import BrokerUnavailable

LOCK = Path(__file__).with_name("broker.lock")
MAVEN_URL = "https://repo1.maven.org/maven2"
DOWNLOADS = 4  # at once: more than a few is rude to the repository and no faster
ATTEMPTS = 4  # in a row without a byte of progress
BACKOFF_S = 0.5
SILENCE_S = 8.0  # without a byte; also the longest that a Ctrl-C waits for a stalled download

Progress = Callable[[int], None]
"""Told how many bytes more are there; called from several threads."""


class Jar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One locked artifact; `coordinates` are Maven's group:artifact:version."""

    coordinates: Annotated[str, msgspec.Meta(pattern=r"^[\w.-]+:[\w.-]+:[\w.-]+$")]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[int, msgspec.Meta(ge=1)]

    @property
    def name(self) -> str:
        _, artifact, version = self.coordinates.split(":")
        return f"{artifact}-{version}.jar"

    @property
    def path(self) -> str:
        """Where it lies in a Maven repository."""
        group, artifact, version = self.coordinates.split(":")
        return f"{group.replace('.', '/')}/{artifact}/{version}/{self.name}"


class Lock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole class path of one Kafka version."""

    kafka: str
    jars: tuple[Jar, ...]


def read_lock(path: Path = LOCK) -> Lock:
    """The lock file; raises BrokerUnavailable where it is unreadable."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Lock)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BrokerUnavailable(f"{path}: {error}; reinstall gretchen") from None


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """$GRETCHEN_CACHE, $XDG_CACHE_HOME/gretchen, or ~/.cache/gretchen."""
    if chosen := environ.get("GRETCHEN_CACHE"):
        return Path(chosen).expanduser().absolute()
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "gretchen"


def jars_dir(lock: Lock, environ: Mapping[str, str] = os.environ) -> Path:
    return cache_dir(environ) / f"kafka-{lock.kafka}"


def is_whole(file: Path, jar: Jar) -> bool:
    """Whether the file is there and is the locked one."""
    try:
        if file.stat().st_size != jar.bytes:
            return False
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == jar.sha256
    except OSError:
        return False


def missing(lock: Lock, folder: Path) -> list[Jar]:
    """The locked jars that are not there, or are not what was locked."""
    return [jar for jar in lock.jars if not is_whole(folder / jar.name, jar)]


def fetch_jars(
    lock: Lock, environ: Mapping[str, str] = os.environ, progress: Callable[[int, int], Progress] | None = None
) -> Path:
    """The folder with every locked jar, downloaded where missing; safe to call from several processes at once.

    `progress(files, bytes)` is called once if there is anything to download. Raises BrokerUnavailable, in one line,
    when the repository can't be reached or sends something else.
    """
    folder = jars_dir(lock, environ)
    base_url = (environ.get("GRETCHEN_MAVEN_URL") or MAVEN_URL).rstrip("/")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not missing(lock, folder):
            return folder
        with one_at_a_time(folder / ".lock"):
            wanted = missing(lock, folder)  # again: another process may have fetched them meanwhile
            if wanted:
                tell = progress(len(wanted), sum(jar.bytes for jar in wanted)) if progress else lambda _: None
                fetch_all(wanted, folder, base_url, tell)
                for stale in folder.glob("java-*"):  # Java's start-up cache knows the jars by their time stamps
                    stale.unlink()
    except OSError as error:
        raise BrokerUnavailable(f"can't write Kafka's jars to {folder}: {error}; set GRETCHEN_CACHE") from None
    return folder


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    with path.open("w") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        yield


def fetch_all(wanted: list[Jar], folder: Path, base_url: str, tell: Progress) -> None:
    stop = threading.Event()
    headers = {"Accept-Encoding": "identity"}  # a mirror must send the very bytes, and ranges of them
    with (
        httpx.Client(timeout=SILENCE_S, follow_redirects=True, headers=headers) as client,
        ThreadPoolExecutor(DOWNLOADS, thread_name_prefix="fetch") as pool,
    ):
        largest_first = sorted(wanted, key=lambda jar: -jar.bytes)
        downloads = [pool.submit(fetch, client, base_url, jar, folder, tell, stop) for jar in largest_first]
        try:
            for download in downloads:
                download.result()
        finally:  # the first failure or Ctrl-C ends the others at their next chunk
            stop.set()
            pool.shutdown(cancel_futures=True)


def fetch(
    client: httpx.Client, base_url: str, jar: Jar, folder: Path, tell: Progress, stop: threading.Event | None = None
) -> None:
    """One jar into `folder`, resumed from its `.part` if there is one. Raises BrokerUnavailable, OSError."""
    url, part = f"{base_url}/{jar.path}", folder / f"{jar.name}.part"
    stop = stop or threading.Event()
    resumed, failures = part.exists(), 0
    tell(size_of(part))
    while True:
        before = size_of(part)
        try:
            read_into(client, url, part, jar.bytes, tell, stop)
        except httpx.TransportError as error:
            failures = 0 if size_of(part) > before else failures + 1
            if failures >= ATTEMPTS or stop.wait(BACKOFF_S * 2**failures):
                raise BrokerUnavailable(unreachable(base_url, error)) from None
            continue
        if is_whole(part, jar):
            part.replace(folder / jar.name)
            return
        part.unlink(missing_ok=True)
        if not resumed:
            raise BrokerUnavailable(
                f"{url} is not what was locked: wanted {jar.bytes} bytes with SHA-256 {jar.sha256[:12]}…; "
                "the repository or a proxy changed it, so it was thrown away: try another GRETCHEN_MAVEN_URL"
            )
        resumed = False  # the first part may have been another's: once more from the start


def read_into(client: httpx.Client, url: str, part: Path, bytes_: int, tell: Progress, stop: threading.Event) -> None:
    """Append what is missing of `url`, never past `bytes_`. Raises httpx.TransportError where a retry may help."""
    have = size_of(part)
    if have >= bytes_:
        return
    with client.stream("GET", url, headers={"Range": f"bytes={have}-"} if have else {}) as response:
        if response.status_code >= 500 or response.status_code in (408, 416, 429):
            if response.status_code == 416:
                part.unlink(missing_ok=True)
            raise httpx.TransportError(f"HTTP {response.status_code} for {url}")
        if response.status_code not in (200, 206):
            raise BrokerUnavailable(
                f"{url} answered HTTP {response.status_code}; check GRETCHEN_MAVEN_URL (a Maven repository's base)"
            )
        with part.open("ab" if response.status_code == 206 else "wb") as file:
            written = file.tell()
            for chunk in response.iter_raw():
                if stop.is_set():
                    raise BrokerUnavailable("the download was stopped; it resumes where it is next time")
                written += file.write(chunk[: bytes_ - written])
                tell(len(chunk))
    if written < bytes_:
        raise httpx.RemoteProtocolError(f"{url} ended after {written} of {bytes_} bytes")


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def unreachable(base_url: str, error: Exception) -> str:
    return (
        f"Kafka's jars can't be fetched from {base_url}: {error or type(error).__name__}; check the network "
        "(a proxy goes into HTTPS_PROXY, its certificate into SSL_CERT_FILE, a mirror into GRETCHEN_MAVEN_URL), "
        "or set KAFKA_BOOTSTRAP_SERVERS to a running Kafka"
    )
