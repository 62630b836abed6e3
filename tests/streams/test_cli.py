"""The command line: help for every verb, one line for every error, light imports."""

import subprocess
import sys

import pytest

from streams.cli import VERBS

GRETCHEN = [sys.executable, "-m", "streams"]


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [*GRETCHEN, *arguments], capture_output=True, text=True, timeout=60, env={**os.environ, **environ}
    )


def test_help_lists_every_verb() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    done = run(verb, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage: gretchen" in done.stdout


def test_an_unknown_verb_is_a_usage_error() -> None:
    done = run("sing")
    assert done.returncode == 2
    assert "No such command 'sing'" in done.stderr


def test_a_broken_setting_is_one_line_and_exit_code_3() -> None:
    done = run("worker", GRETCHEN_PARTITIONS="many")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "GRETCHEN_PARTITIONS" in done.stderr


def test_serving_imports_neither_torch_nor_transformers() -> None:
    code = """
import importlib, pkgutil, sys, streams
import models.artifact, models.engines.onnx
for module in pkgutil.walk_packages(streams.__path__, "streams."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
heavy = {"torch", "transformers", "onnx", "sklearn", "pandas"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
