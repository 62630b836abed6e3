"""Which Kafka: the user's cluster where KAFKA_BOOTSTRAP_SERVERS names one, else the embedded one."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from streams.broker.jars import Progress
from streams.broker.node import EmbeddedKafka
from streams.settings import Settings


@contextmanager
def broker_for(
    settings: Settings,
    environ: Mapping[str, str] = os.environ,
    *,
    data_dir: Path | None = None,
    progress: Callable[[int, int], Progress] | None = None,
) -> Iterator[Settings]:
    """Settings whose `bootstrap_servers` answer for as long as the context lasts.

    An embedded Kafka is ready on entry and gone on exit; an existing cluster is passed on untouched and unchecked.
    """
    if environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield settings
        return
    with EmbeddedKafka(data_dir, environ=environ, progress=progress) as kafka:
        yield msgspec.structs.replace(
            settings, bootstrap_servers=kafka.bootstrap_servers, security_protocol="PLAINTEXT"
        )
