"""How the one node runs: Kafka's properties, its logging, Java's options, ports. Values in, text out."""

import random
import socket
from collections.abc import Mapping
from pathlib import Path

HOST = "127.0.0.1"
READY = "Kafka Server started"
PORTS = range(20_000, 30_000)
"""Below every system's ephemeral range: a client that retries a dead broker on an ephemeral port can, on loopback,
connect to itself and so hold the port of the broker that wants to come back."""


def properties(data_dir: Path, port: int, controller_port: int, overrides: Mapping[str, str]) -> str:
    """server.properties of a combined broker and controller that suits a laptop, tests included."""
    values = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data_dir / "data"),
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(2 << 20),  # a dead letter carries 1 MB of someone's bytes as base64, and headers
        # one node
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # quick to start, to rebalance and to notice a dead worker
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "500",
        # after a crash the node's former self must expire before it may register again: 9 s by default
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # small: the cleaner's default buffer alone is half of the heap
        "log.cleaner.dedupe.buffer.size": str(8 << 20),
        "num.network.threads": "2",
        "num.io.threads": "4",
    }
    values.update(overrides)
    return "".join(f"{key}={escape(value)}\n" for key, value in values.items())


def escape(value: str) -> str:
    """A value for a Java properties file, where a backslash begins an escape and only Latin-1 is plain."""
    return "".join(c if c != "\\" and " " <= c <= "~" else java_escape(c) for c in value)


def java_escape(character: str) -> str:
    if character == "\\":
        return "\\\\"
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def logging_properties(log: Path) -> str:
    """log4j2's configuration: all of it into one file that rolls at 10 MB."""
    return f"""\
appenders=file
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName={escape(str(log))}
appender.file.filePattern={escape(str(log))}.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d{{ISO8601}} %p %m (%c)%n%throwable
appender.file.policies.type=Policies
appender.file.policies.size.type=SizeBasedTriggeringPolicy
appender.file.policies.size.size=10MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=2
rootLogger.level=INFO
rootLogger.appenderRefs=file
rootLogger.appenderRef.file.ref=file
"""


def java_options(data_dir: Path, heap_mb: int, java_major: int) -> list[str]:
    """One small heap, one collector thread, one compiler tier; nothing outside of `data_dir`."""
    options = [
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",  # else /tmp/hsperfdata_* stays behind a kill -9
        f"-Djava.io.tmpdir={data_dir / 'tmp'}",  # so do the native libraries that the codecs unpack
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={(data_dir / 'log4j2.properties').as_uri()}",
    ]
    if java_major >= 24:
        options += ["--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"]
    return options


def free_port(avoid: frozenset[int] = frozenset()) -> int:
    """A port nobody listens on now; it may be taken a moment later, so be ready to retry. Raises OSError."""
    for port in random.sample(PORTS, 200):
        if port not in avoid and is_free(port):
            return port
    raise OSError(f"200 ports between {PORTS.start} and {PORTS.stop} are all taken")


def is_free(port: int, host: str = HOST) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
