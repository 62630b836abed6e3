"""One Apache Kafka node as a context manager: `with EmbeddedKafka() as kafka: kafka.bootstrap_servers`."""

import base64
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from models.errors import BrokerUnavailable
from streams.broker import config, guard
from streams.broker.jars import Progress, fetch_jars, read_lock
from streams.broker.java import find_java

START_S = 90.0  # a loaded CI machine; two seconds elsewhere
STOP_S = 6.0  # before SIGKILL, which loses nothing: what is acknowledged is in the page cache
PORT_ATTEMPTS = 5


class PortTaken(BrokerUnavailable):
    """Somebody else got the port between our look and Kafka's."""


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
        self.temporary = data_dir is None
        self.wanted_port, self.port, self.controller_port = port, port, 0
        self.heap_mb, self.overrides, self.environ, self.progress = heap_mb, dict(overrides or {}), environ, progress
        self.data_dir = Path() if data_dir is None else data_dir.expanduser().absolute()
        self.pid: int | None = None  # Java's
        self.guard: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        return f"{config.HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """Kafka's log of the last start."""
        return self.data_dir / "kafka.log"

    @property
    def running(self) -> bool:
        return self.guard is not None and self.guard.poll() is None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Return once the broker takes requests; on the same data and port if it ran before."""
        if self.running:
            return
        java, lock = find_java(self.environ), read_lock()
        self.classpath = str(fetch_jars(lock, self.environ, self.progress) / "*")
        self.java = java
        self.lay_out()
        keep_port = self.port != 0
        for attempt in range(PORT_ATTEMPTS):
            self.choose_ports(keep_port)
            try:
                self.configure()
                if not (self.data_dir / "data" / "meta.properties").exists():
                    self.format()
                self.launch(self.command("kafka.Kafka", str(self.data_dir / "server.properties")))
                self.wait_ready()
                return
            except PortTaken:
                self.kill()
                if attempt == PORT_ATTEMPTS - 1:
                    raise
            except BaseException:
                self.kill()
                raise

    def stop(self) -> None:
        """End the node, politely, then not; its data stay. Safe to repeat."""
        self._end(b"t", STOP_S)
        self._end(b"k", STOP_S)

    def kill(self) -> None:
        """kill -9, as a crash would; its data stay."""
        self._end(b"k", STOP_S)

    def close(self) -> None:
        """Stop, and remove a temporary data dir."""
        if self.temporary:
            self.kill()  # nobody will read these data
            if self.data_dir != Path():
                shutil.rmtree(self.data_dir, ignore_errors=True)
                self.data_dir = Path()
        else:
            self.stop()

    def lay_out(self) -> None:
        try:
            if self.temporary and self.data_dir == Path():
                self.data_dir = Path(tempfile.mkdtemp(prefix="gretchen-kafka-"))
            (self.data_dir / "tmp").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BrokerUnavailable(f"no data dir for Kafka at {self.data_dir}: {error}") from None

    def choose_ports(self, keep_port: bool) -> None:
        if not keep_port:
            self.port = config.free_port()
        elif not config.is_free(self.port):
            raise BrokerUnavailable(
                f"port {self.port} on {config.HOST} is taken by another process; stop it or choose another port"
            )
        self.controller_port = config.free_port(frozenset({self.port}))

    def configure(self) -> None:
        """Write the files a start reads, and put the last start's log aside."""
        settings = config.properties(self.data_dir, self.port, self.controller_port, self.overrides)
        (self.data_dir / "server.properties").write_text(settings)
        (self.data_dir / "log4j2.properties").write_text(config.logging_properties(self.log))
        for output in (self.log, self.data_dir / "java.out"):
            if output.exists():
                output.replace(output.with_name(output.name + ".before"))

    def command(self, main_class: str, *arguments: str) -> list[str]:
        options = config.java_options(self.data_dir, self.heap_mb, self.java.major)
        return [str(self.java.path), *options, "-cp", self.classpath, main_class, *arguments]

    def format(self) -> None:
        cluster_id = kafka_uuid(uuid.uuid4())
        settings = str(self.data_dir / "server.properties")
        self.launch(self.command("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", settings))
        assert self.guard is not None
        try:
            status = self.guard.wait(START_S)
        except subprocess.TimeoutExpired:
            raise BrokerUnavailable(f"Kafka's storage tool did not end within {START_S:.0f} s") from None
        self._end(b"k", STOP_S)
        if status:
            raise self.failure(self.said())

    def launch(self, command: list[str]) -> None:
        # a session of its own: Ctrl-C in the terminal must not end Kafka before the worker has drained into it
        self.guard = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", guard.__file__),
                *(str(self.data_dir) if self.temporary else "", str(self.data_dir / "java.out")),
                *command,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # an order to one who has ended must not wait in a buffer for close()
            start_new_session=True,
        )
        self.pid = int(pipe(self.guard.stdout).readline() or 0) or None

    def wait_ready(self) -> None:
        """Until our node says so itself: an open port could be another's."""
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s:
            running = self.running
            said = self.said()
            if config.READY in said and running:
                return
            if not running:
                raise self.failure(said)
            time.sleep(0.02)
        raise BrokerUnavailable(f"Kafka was not ready after {START_S:.0f} s; its log is {self.log}")

    def said(self) -> str:
        files = (self.log, self.data_dir / "java.out")
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def failure(self, said: str) -> BrokerUnavailable:
        """One line for the user out of a log that ends with a stack trace."""
        if "Address already in use" in said or "failed to bind" in said:
            return PortTaken(
                f"port {self.port} or {self.controller_port} on {config.HOST} was taken while Kafka started"
            )
        if "Failed to acquire lock" in said:
            return BrokerUnavailable(f"{self.data_dir} is in use by another Kafka; stop it or choose another data dir")
        lines = [line for line in said.splitlines() if " ERROR " in line or " FATAL " in line or "Exception" in line]
        reason = (lines or said.splitlines()[-1:] or ["it said nothing"])[0]
        kept = "" if self.temporary else f"; its log is {self.log}"
        return BrokerUnavailable(f"Kafka ended while starting: {reason.strip()}{kept}")

    def _end(self, order: bytes, wait_s: float) -> None:
        if self.guard is None:
            return
        with suppress(BrokenPipeError):  # it has ended already
            pipe(self.guard.stdin).write(order)
        try:
            self.guard.wait(wait_s)
        except subprocess.TimeoutExpired:
            if order != b"k":
                return
            self.guard.kill()  # on Linux Java dies with it
            self.guard.wait()
        for end in (self.guard.stdin, self.guard.stdout):
            pipe(end).close()
        self.guard, self.pid = None, None


def pipe(end: IO[bytes] | None) -> IO[bytes]:
    assert end is not None  # Popen was called with PIPE
    return end


def kafka_uuid(value: uuid.UUID) -> str:
    """Kafka's spelling of a UUID: 22 characters of URL-safe base64, which may not begin with a dash."""
    text = base64.urlsafe_b64encode(value.bytes).rstrip(b"=").decode()
    return text if not text.startswith("-") else "A" + text[1:]
