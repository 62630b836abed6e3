"""One Apache Kafka node as a context manager: `with EmbeddedKafka() as kafka: kafka.bootstrap_servers`."""

import base64
import fcntl
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from models.errors import BrokerUnavailable
from streams.broker import config, warm
from streams.broker.jars import Progress, fetch_jars, read_lock
from streams.broker.java import find_java
from streams.broker.process import Guarded

START_S = 90.0  # a loaded CI machine; two seconds elsewhere
STOP_S = 6.0  # before SIGKILL, which loses nothing: what is acknowledged is in the page cache
RECORD_S = 60.0
PORT_ATTEMPTS = 5


class PortTaken(BrokerUnavailable):
    """Somebody else got the port between our look and Kafka's."""


class DataInUse(BrokerUnavailable):
    """Another node holds the data dir."""


class EmbeddedKafka:
    """One combined KRaft node on loopback, a process of its own that dies with ours.

    `data_dir` None: a temporary one, removed at the end, also when we are killed with -9. A given one persists and may
    be used by one node at a time. `port` 0: any free one, kept over restarts. `overrides` are Kafka's own properties.
    Not thread-safe. Raises BrokerUnavailable when Java or the jars are missing or Kafka does not start.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        port: int = 0,
        *,
        heap_mb: int = 256,
        overrides: Mapping[str, str] | None = None,
        environ: Mapping[str, str] = os.environ,
        progress: Callable[[int, int], Progress] | None = None,
    ) -> None:
        self.temporary, self._data_dir = data_dir is None, data_dir
        self.port, self._keeps_port = port, port != 0
        self.heap_mb, self.overrides, self.environ, self.progress = heap_mb, dict(overrides or {}), environ, progress
        self._process: Guarded | None = None
        self._lock: IO[str] | None = None
        self._command: list[str] = []  # Java with its options, the main class to follow

    @property
    def bootstrap_servers(self) -> str:
        return f"{config.HOST}:{self.port}"

    @property
    def data_dir(self) -> Path:
        """Known once started."""
        assert self._data_dir is not None
        return self._data_dir

    @property
    def log(self) -> Path:
        """Kafka's log of the last start."""
        return self.data_dir / "kafka.log"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int | None:
        """Java's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.running else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Return once the broker takes requests; on the same data and port if it ran before."""
        if self.running:
            return
        try:
            java, lock = find_java(self.environ), read_lock()
            jars = fetch_jars(lock, self.environ, self.progress)
            self._lay_out()
            classpath = os.pathsep.join(str(jars / jar.name) for jar in lock.jars)
            options = config.java_options(self.data_dir, self.heap_mb, java.major)
            plain = [str(java.path), *options, "-cp", classpath]
            cache = warm.startup_cache(java, jars, lambda path: self._record(path, plain))
            if cache:
                self._start_warm(cache, plain)
            else:
                self._start(plain)
            self._keeps_port = True  # clients know it now
        except BaseException:
            self.kill()
            self._clean()
            raise

    def stop(self) -> None:
        """End the node politely; its data stay. Safe to repeat."""
        if self._process is not None:
            self._process.terminate(STOP_S)
        self._unlock()

    def kill(self) -> None:
        """kill -9, as a crash would; its data stay. Safe to repeat."""
        if self._process is not None:
            self._process.kill()
        self._unlock()

    def close(self) -> None:
        """Stop, and remove a temporary data dir."""
        if self.temporary:
            self.kill()  # nobody will read these data
            self._clean()
        else:
            self.stop()

    def _clean(self) -> None:
        if self.temporary and self._data_dir is not None:
            shutil.rmtree(self._data_dir, ignore_errors=True)
            self._data_dir = None

    def _lay_out(self) -> None:
        try:
            if self._data_dir is None:
                self._data_dir = Path(tempfile.mkdtemp(prefix="gretchen-kafka-"))
            self._data_dir = self._data_dir.expanduser().absolute()
            (self._data_dir / "tmp").mkdir(parents=True, exist_ok=True)
            self._lock = self._lock or (self._data_dir / "in-use").open("w")
        except OSError as error:
            raise BrokerUnavailable(f"no data dir for Kafka at {self._data_dir}: {error}; choose another") from None
        try:  # before anything of a running node's files is touched; Kafka's own lock comes too late for that
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise in_use(self._data_dir) from None

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _start(self, command: list[str]) -> None:
        """Until ready, on other ports when somebody was quicker on those that were free."""
        self._command = command
        for attempt in range(1, PORT_ATTEMPTS + 1):
            self._choose_ports()
            try:
                self._configure()
                if not (self.data_dir / "data" / "meta.properties").exists():
                    self._format()
                self._launch("kafka.Kafka", str(self.data_dir / "server.properties"))
                self._wait_ready()
                return
            except PortTaken:
                self.kill()
                if attempt == PORT_ATTEMPTS:
                    raise

    def _start_warm(self, cache: Path, plain: list[str]) -> None:
        """With Java's cache; a plain start tells whether the cache or something else is to blame for a failure."""
        try:
            self._start([*plain[:1], *warm.use_options(cache), *plain[1:]])
        except (PortTaken, DataInUse):
            raise
        except BrokerUnavailable:
            self.kill()
            self._start(plain)
            warm.discard(cache)

    def _choose_ports(self) -> None:
        try:
            if not self._keeps_port:
                self.port = config.free_port()
            elif not config.is_free(self.port):
                raise BrokerUnavailable(
                    f"port {self.port} on {config.HOST} is taken by another process; stop it or choose another port"
                )
            self._controller_port = config.free_port(frozenset({self.port}))
        except OSError as error:
            raise BrokerUnavailable(f"no port for Kafka on {config.HOST}: {error}") from None

    def _configure(self) -> None:
        """Write the files a start reads, and put the last start's log aside."""
        settings = config.properties(self.data_dir, self.port, self._controller_port, self.overrides)
        (self.data_dir / "server.properties").write_text(settings)
        (self.data_dir / "log4j2.properties").write_text(config.logging_properties(self.log))
        for output in self._outputs():
            if output.exists():
                output.replace(output.with_name(output.name + ".before"))

    def _outputs(self) -> tuple[Path, Path]:
        return self.log, self.data_dir / "java.out"

    def _launch(self, main_class: str, *arguments: str) -> Guarded:
        remove = self.data_dir if self.temporary else None
        self._process = Guarded([*self._command, main_class, *arguments], self.data_dir / "java.out", remove)
        return self._process

    def _format(self) -> None:
        settings = str(self.data_dir / "server.properties")
        tool = self._launch("kafka.tools.StorageTool", "format", "-t", kafka_uuid(uuid.uuid4()), "-c", settings)
        try:
            status = tool.wait(START_S)
        except subprocess.TimeoutExpired:
            raise BrokerUnavailable(f"Kafka's storage tool did not end within {START_S:.0f} s") from None
        tool.kill()
        if status:
            raise self._failure(self._said())

    def _wait_ready(self) -> None:
        """Until our node says so itself: an open port could be another's."""
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s:
            running = self.running  # looked at before its last words are read
            said = self._said()
            if running and config.READY in said:
                return
            if not running:
                raise self._failure(said)
            time.sleep(0.03)
        raise BrokerUnavailable(f"Kafka was not ready after {START_S:.0f} s; its log is {self.log}")

    def _record(self, path: Path, plain: list[str]) -> None:
        """One start and stop of a node of its own, which leaves Java's cache at `path`. Raises BrokerUnavailable."""
        node = EmbeddedKafka(heap_mb=self.heap_mb, environ=self.environ)
        node._lay_out()
        try:
            moved = [option.replace(str(self.data_dir), str(node.data_dir)) for option in plain]
            node._start([*moved[:1], *warm.recording_options(path), *moved[1:]])
            assert node._process is not None
            node._process.terminate(RECORD_S)
        finally:
            node.close()

    def _said(self) -> str:
        return "".join(file.read_text(errors="replace") for file in self._outputs() if file.exists())

    def _failure(self, said: str) -> BrokerUnavailable:
        """One line for the user out of a log that ends with a stack trace."""
        if "Address already in use" in said or "failed to bind" in said:
            return PortTaken(f"port {self.port} or {self._controller_port} on {config.HOST} was taken meanwhile")
        if "Failed to acquire lock" in said:
            return in_use(self.data_dir)
        lines = [line for line in said.splitlines() if " ERROR " in line or " FATAL " in line or "Exception" in line]
        reason = (lines or said.splitlines()[-1:] or ["it said nothing"])[0]
        kept = "" if self.temporary else f"; its log is {self.log}"
        return BrokerUnavailable(f"Kafka ended while starting: {reason.strip()}{kept}")


def in_use(data_dir: Path) -> DataInUse:
    return DataInUse(f"{data_dir} is in use by another Kafka; stop it or choose another data dir")


def kafka_uuid(value: uuid.UUID) -> str:
    """Kafka's spelling of a UUID: 22 characters of URL-safe base64, which must not begin with a dash."""
    text = base64.urlsafe_b64encode(value.bytes).rstrip(b"=").decode()
    return text if not text.startswith("-") else "A" + text[1:]
