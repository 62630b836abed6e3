"""`gretchen models finetune`: options go over the task's [training], and what contradicts itself is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("transformers", reason="training wants the [train] extra")
pytest.importorskip("peft", reason="training wants the [train] extra")

from models.errors import InputError
from streams.commands.models import command


@pytest.fixture
def finetune(tiny_base: Path, tiny_data: Path, tmp_path: Path) -> Any:
    def run(*options: str) -> Result:
        fixed = ["--base", str(tiny_base), "--data", str(tiny_data), "--out", str(tmp_path / "run"), "--threads", "1"]
        return CliRunner().invoke(command, ["finetune", str(tiny_data / "tiny.toml"), *fixed, *options])

    return run


def test_options_go_over_the_tasks_table_and_the_rest_stays(finetune: Any, tmp_path: Path) -> None:
    done = finetune(
        "--method", "lora", "--rank", "2", "--alpha", "3", "--added-learning-rate", "0.01", "--accumulate", "2",
        "--batch-size", "8", "--patience", "3", "--class-weight", "mood.bad=2", "--class-weight", "named.good=0.5",
        "--focal-gamma", "1.5", "--epochs", "0.3", "--track", "none",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "lora: 1,924 of 23,012" in done.stderr and "parameters are trained" in done.stderr
    training = json.loads((tmp_path / "run" / "log.jsonl").read_text())["training"]
    wanted = {
        "method": "lora", "rank": 2, "alpha": 3.0, "added_learning_rate": 0.01, "accumulate": 2, "batch_size": 8,
        "patience": 3, "class_weights": {"mood": {"bad": 2.0}, "named": {"good": 0.5}}, "focal_gamma": 1.5,
        "epochs": 0.3, "head_learning_rate": 5e-3, "seed": 3,
    }  # fmt: skip
    assert {key: training[key] for key in wanted} == wanted
    assert not (tmp_path / "run" / "tensorboard").exists()


def test_a_learning_rate_that_nothing_would_learn_by_is_refused(finetune: Any, tmp_path: Path) -> None:
    done = finetune("--method", "adapter", "--learning-rate", "1e-4")
    assert done.exit_code == 2 and "--added-learning-rate" in done.output
    assert not (tmp_path / "run").exists()


def test_weights_of_labels_are_checked(finetune: Any) -> None:
    done = finetune("--class-weight", "mood.bad=much")
    assert done.exit_code == 2 and "HEAD.LABEL=WEIGHT" in done.output
    done = finetune("--class-weight", "mood.sad=2")
    assert isinstance(done.exception, InputError) and "labels (bad, good)" in str(done.exception)


def test_bf16_on_a_cpu_that_has_no_instructions_for_it_says_what_to_do(
    finetune: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.training.loop.multiplies_bf16", lambda: False)
    done = finetune("--precision", "bf16")
    assert isinstance(done.exception, InputError) and "--device cuda or --precision float32" in str(done.exception)
