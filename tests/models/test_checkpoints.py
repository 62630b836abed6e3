"""What a full disk, a kill, Ctrl-C and a NaN leave behind: always a checkpoint to go on from, and a word on how."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("transformers", reason="training wants the [train] extra")

from safetensors import SafetensorError  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402

from models.data.corpus import Corpus, load_corpus  # noqa: E402
from models.errors import InputError, TrainingFailed, TrainingStopped  # noqa: E402
from models.tasks.task import Task, load_task  # noqa: E402
from models.training import checkpoints  # noqa: E402
from models.training.finetune import finetune  # noqa: E402
from models.training.loop import Surroundings  # noqa: E402

FULL = (
    OSError(errno.ENOSPC, "No space left on device"),
    SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
)


@pytest.fixture(scope="module")
def task(tiny_data: Path) -> Task:
    return load_task(str(tiny_data / "tiny.toml"))


@pytest.fixture(scope="module")
def corpus(task: Task, tiny_data: Path) -> Corpus:
    return load_corpus(task, tiny_data)


class FullDisk:
    """In the place of `save_file`: writes until the n-th file, of which it writes a piece and raises."""

    def __init__(self, full_at: int, error: Exception) -> None:
        self.full_at, self.error, self.files = full_at, error, 0

    def __call__(self, tensors: dict[str, Any], path: Path) -> None:
        self.files += 1
        if self.files >= self.full_at:
            path.write_bytes(b"a piece")
            raise self.error
        SAVE(tensors, path)


SAVE = checkpoints.save_file


def weights(directory: Path) -> dict[str, np.ndarray]:
    return dict(load_file(directory / "model.safetensors"))


@pytest.mark.parametrize("error", FULL, ids=["OSError", "SafetensorError"])
def test_a_full_disk_ends_with_a_clear_error_and_the_last_good_checkpoint_intact(
    error: Exception, task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, training = tmp_path / "run", replace(task.training, epochs=2)
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "save_file", FullDisk(5, error))  # one file a checkpoint, one a step
        with pytest.raises(TrainingFailed, match=r"last can't be written: the disk is full.*step 4.*--resume"):
            finetune(task, corpus, tiny_base, run, training, Surroundings(checkpoint_s=0))
    assert {path.name for path in run.iterdir()} == {"last"}, "what was half written is gone"
    assert json.loads((run / "last" / "state.json").read_text())["step"] == 4
    finetune(task, corpus, tiny_base, run, training, resume=True)
    finetune(task, corpus, tiny_base, tmp_path / "whole", training)
    whole = weights(tmp_path / "whole" / "last")
    for name, value in weights(run / "last").items():
        np.testing.assert_allclose(value, whole[name], atol=1e-6, err_msg=name)


def test_a_full_disk_keeps_the_best_model_that_was_there(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    finetune(task, corpus, tiny_base, run, replace(task.training, epochs=1))
    before = weights(run / "best")

    def full(directory: Path) -> None:
        (directory / "config.json").write_text("{")
        raise FULL[0]

    with pytest.raises(TrainingFailed, match="best can't be written: the disk is full"):
        checkpoints.save_best(run, full)
    assert {name: value.tobytes() for name, value in weights(run / "best").items()} == {
        name: value.tobytes() for name, value in before.items()
    }
    assert not (run / "best.part").exists()


def test_another_refusal_of_the_disk_is_told_as_it_is(tmp_path: Path) -> None:
    def refused(directory: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(TrainingFailed, match=r"Permission denied.*no checkpoint was written yet"):
        checkpoints.save_best(tmp_path, refused)


def test_a_place_where_no_run_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingFailed, match=r"run can't be written: .*Not a directory"):
        checkpoints.begin(tmp_path / "file" / "run")


def test_a_directory_that_is_no_run_is_not_emptied(tmp_path: Path) -> None:
    for name in ("letters", "wandb", "last.part"):
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="is no earlier run: it holds letters; give a new or an empty"):
        checkpoints.begin(tmp_path)
    assert (tmp_path / "letters").exists()
    (tmp_path / "letters").rmdir()
    checkpoints.begin(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_kill_between_the_two_renames_loses_nothing(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path
) -> None:
    run, training = tmp_path / "run", replace(task.training, epochs=1)
    best = finetune(task, corpus, tiny_base, run, training)
    (run / "last").rename(run / "last.old")
    log = (run / "log.jsonl").read_text()
    (run / "log.jsonl").write_text(log + '{"step": 99, "dev')  # the disk was full within a line
    assert finetune(task, corpus, tiny_base, run, training, resume=True) == best
    assert (run / "log.jsonl").read_text() == log


def test_a_kill_before_an_epochs_evaluation_does_not_skip_it(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path
) -> None:
    """The checkpoint of an epoch's last step is there, the evaluation is not: it is made, and told once."""

    class Killed(Exception):
        pass

    training, seen = replace(task.training, epochs=2), []

    def kill(done: int, total: int, word: str) -> None:
        if done == total // 2 + 1 and not seen:
            seen.append(done)
            state = json.loads((tmp_path / "cut" / "last" / "state.json").read_text())
            state |= {"evaluated": 0, "best": {}}  # as it was before the evaluation
            (tmp_path / "cut" / "last" / "state.json").write_text(json.dumps(state))
            raise Killed

    whole = finetune(task, corpus, tiny_base, tmp_path / "whole", training)
    with pytest.raises(Killed):
        finetune(task, corpus, tiny_base, tmp_path / "cut", training, Surroundings(progress=kill, checkpoint_s=0))
    cut = finetune(task, corpus, tiny_base, tmp_path / "cut", training, resume=True)
    assert (cut["dev"], cut["step"]) == (whole["dev"], whole["step"])
    log = [json.loads(line)["step"] for line in (tmp_path / "cut" / "log.jsonl").read_text().splitlines()]
    assert log == sorted(set(log)) and len(log) == 2


def test_a_gradient_that_is_no_number_spoils_no_weight(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = replace(task.training, epochs=2)
    seen: list[int] = []

    def spoil(done: int, total: int, word: str) -> None:
        seen.append(done)
        if done == 6:
            norm = torch.nn.utils.clip_grad_norm_
            monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda *a: norm(*a) * float("inf"))

    with pytest.raises(TrainingFailed, match=r"the gradient is inf at step 6; .*last good checkpoint.*step 6"):
        finetune(task, corpus, tiny_base, tmp_path / "run", training, Surroundings(progress=spoil, checkpoint_s=0))
    assert seen[-1] == 6
    assert all(np.isfinite(value).all() for value in weights(tmp_path / "run" / "last").values())


def test_a_run_asked_to_stop_saves_what_it_has_and_goes_on_as_if_nothing_had_been(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path
) -> None:
    training, steps = replace(task.training, epochs=2), []
    around = Surroundings(progress=lambda done, total, word: steps.append(done), stopped=lambda: len(steps) == 7)
    with pytest.raises(TrainingStopped, match="stopped at step 7 of"):
        finetune(task, corpus, tiny_base, tmp_path / "run", training, around)
    finetune(task, corpus, tiny_base, tmp_path / "run", training, resume=True)
    finetune(task, corpus, tiny_base, tmp_path / "whole", training)
    whole = weights(tmp_path / "whole" / "last")
    for name, value in weights(tmp_path / "run" / "last").items():
        np.testing.assert_allclose(value, whole[name], atol=1e-6, err_msg=name)


def test_ctrl_c_saves_and_says_the_command_to_go_on_with(tiny_base: Path, tiny_data: Path, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "streams", "models", "finetune", str(tiny_data / "tiny.toml"), "--base", str(tiny_base),
        "--data", str(tiny_data), "--out", str(tmp_path / "run"), "--epochs", "100000", "--threads", "1",
    ]  # fmt: skip
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: (tmp_path / "run" / "log.jsonl").exists(), running)
        os.kill(running.pid, signal.SIGINT)
        _, told = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130, told
    state = json.loads((tmp_path / "run" / "last" / "state.json").read_text())
    assert f"stopped at step {state['step']} of" in told
    assert f"--out {tmp_path / 'run'} --epochs 100000 --threads 1 --resume" in told


def wait_until(true: Callable[[], bool], running: subprocess.Popen[str], timeout_s: float = 120) -> None:
    end = time.monotonic() + timeout_s
    while not true():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(("checkpoint_s", "written"), [(300, 1), (0, None)])
def test_short_epochs_are_not_each_written_and_the_last_step_always_is(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    checkpoint_s: float, written: int | None,
) -> None:  # fmt: skip
    save, steps = checkpoints.save_last, []

    def counted(run: Path, fill: Any, network: Any, optimizer: Any, state: Any) -> None:
        steps.append(state.step)
        save(run, fill, network, optimizer, state)

    monkeypatch.setattr(checkpoints, "save_last", counted)
    training = replace(task.training, epochs=3)
    finetune(task, corpus, tiny_base, tmp_path / "run", training, Surroundings(checkpoint_s=checkpoint_s))
    log = [json.loads(line)["step"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert len(log) == 3 and steps[-1] == log[-1]
    assert len(steps) == written if written else set(log) <= set(steps)
