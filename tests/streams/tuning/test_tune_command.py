"""`gretchen tune` from end to end, with the shipped model and a second or two of measuring."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.cores import engine_threads
from models.engines.onnx import BUDGET_TOKENS
from streams.commands.tune import changed, report
from streams.settings import Settings, batch_tokens_for, load_settings
from streams.tuning.advice import Advice, Now, Step
from streams.tuning.choice import Choice, Measured


def tune(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams", "tune", "--seconds", "0.5", *arguments],
        capture_output=True, text=True, timeout=120, env={**os.environ, **environ},
    )  # fmt: skip


def test_it_prints_a_table_reasons_and_lines_for_a_shell_and_writes_an_env_file(tmp_path: Path) -> None:
    texts, written = tmp_path / "texts.txt", tmp_path / "tune.env"
    texts.write_text("Nokia cuts its outlook\nShares of the bank rise after record profit\n" * 20)
    done = tune("--texts", str(texts), "--write", str(written), GRETCHEN_BATCH_TOKENS="512")  # few texts fill it
    assert done.returncode == 0, done.stderr
    for name in ("GRETCHEN_ENGINE_THREADS", "GRETCHEN_ENGINE_BATCH_TOKENS", "GRETCHEN_BATCH_TOKENS"):
        assert f"{name}: " in done.stderr
    assert done.stderr.count("set now") == 3
    exported = [line.removeprefix("export ") for line in done.stdout.splitlines() if line.startswith("export ")]
    comment, *lines = written.read_text().splitlines()
    assert comment.startswith("#") and lines == exported
    load_settings(dict(line.split("=") for line in lines))  # they are settings, with values that will do


def test_a_file_without_texts_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    done = tune("--texts", str(tmp_path / "empty.txt"))
    assert done.returncode == 4
    assert "got no texts" in done.stderr and "Traceback" not in done.stderr


NOW = Now(2, 512, 4096, 256, 20.0)
ADVICE = Advice(
    [
        Step("engine_threads", [Measured(1, (300.0, 310.0, 305.0)), Measured(2, (600.0, 610.0, 620.0))]),
        Step("batch_tokens", [Measured(2048, (599.0, 600.0, 600.0), 150.0), Measured(4096, (600.0,) * 3, 300.0)]),
    ],
    {
        "engine_threads": Choice(2, "2 stays"),
        "batch_tokens": Choice(2048, "2048 instead of 4096"),
        "linger_ms": Choice(20.0, "20 ms stay"),
    },
    3,
)  # fmt: skip


def test_only_what_is_better_than_now_is_exported() -> None:
    assert changed(ADVICE, NOW) == [("GRETCHEN_BATCH_TOKENS", "2048")]


def test_the_report_marks_what_is_set_and_what_is_chosen_and_says_how_many_workers() -> None:
    lines = list(report(ADVICE, NOW, 8))
    assert next(line for line in lines if line.split()[:2] == ["*", "2"]).endswith("set now")
    assert any(line.startswith("*") and "2048" in line and "150.0" in line for line in lines)
    assert any("8 cores: 3 workers of 2 threads" in line for line in lines)


def test_the_defaults_are_those_of_the_engine() -> None:
    settings = Settings()
    assert settings.engine_batch_tokens == BUDGET_TOKENS
    assert settings.engine_threads == 0 and engine_threads(0) >= 1


@pytest.mark.parametrize(
    ("cpus", "tokens"), [(0.1, 512), (0.25, 512), (0.5, 1024), (1, 2048), (1.5, 2048), (2, 4096), (8, 4096), (64, 4096)]
)
def test_a_fraction_of_a_cpu_has_smaller_batches(cpus: float, tokens: int) -> None:
    assert batch_tokens_for(cpus) == tokens
