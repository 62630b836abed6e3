"""A run's figures, read back from TensorBoard's event files and Weights & Biases' offline file. Needs [track]."""

import json
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("transformers", reason="training wants the [train] extra")
pytest.importorskip("tensorboard", reason="tracking wants the [track] extra")
pytest.importorskip("wandb", reason="tracking wants the [track] extra")

from models.data.corpus import Corpus, load_corpus  # noqa: E402
from models.errors import InputError, TrainingStopped  # noqa: E402
from models.tasks.task import Task, load_task  # noqa: E402
from models.training import tracking  # noqa: E402
from models.training.finetune import finetune  # noqa: E402
from models.training.loop import Surroundings, rate  # noqa: E402

EVERY_TEN = ("train/loss", "train/learning_rate", "train/examples_per_second")


@pytest.fixture(scope="module")
def task(tiny_data: Path) -> Task:
    return load_task(str(tiny_data / "tiny.toml"))


@pytest.fixture(scope="module")
def corpus(task: Task, tiny_data: Path) -> Corpus:
    return load_corpus(task, tiny_data)


def events(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Tag -> (step, value), as TensorBoard itself reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(run / "tensorboard"))
    read.Reload()
    return {tag: [(e.step, e.value) for e in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def offline_rows(run: Path) -> Iterator[dict[str, Any]]:
    """The rows of all offline runs, as wandb would send them."""
    from wandb.proto import wandb_internal_pb2

    for path in sorted((run / "wandb").glob("offline-run-*/*.wandb")):
        for data in leveldb_records(path.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            if record.WhichOneof("record_type") == "history":
                yield {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in record.history.item}


def leveldb_records(raw: bytes) -> Iterator[bytes]:
    """LevelDB's log format: blocks of 32 KiB; chunks of crc, length and type (whole, first, middle, last)."""
    at, record = 7, b""  # after wandb's own head
    while at + 7 <= len(raw):
        if -at % 32768 < 7:
            at += -at % 32768
            continue
        length, kind = struct.unpack_from("<HB", raw, at + 4)
        record += raw[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield record
            record = b""


def test_tensorboard_holds_loss_rate_speed_and_metric_by_step(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path
) -> None:
    run, training = tmp_path / "run", replace(task.training, epochs=2)
    best = finetune(task, corpus, tiny_base, run, training, Surroundings(track=("tensorboard",)))
    told = events(run)
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    total = log[-1]["step"]
    assert [[step for step, _ in told[tag]] for tag in EVERY_TEN] == [list(range(10, total + 1, 10))] * 3
    rates = [training.learning_rate * rate(step - 1, total, training.warmup) for step in range(10, total + 1, 10)]
    assert [value for _, value in told["train/learning_rate"]] == pytest.approx(rates)
    assert all(value > 0 for _, value in told["train/examples_per_second"])
    assert told["train/loss"][0][1] > told["train/loss"][-1][1] > 0
    scores = told["dev/score"]
    assert [step for step, _ in scores] == [line["step"] for line in log]
    assert [value for _, value in scores] == pytest.approx([line["score"] for line in log])
    assert told["dev/mood/accuracy"][-1][1] == pytest.approx(log[-1]["dev"]["mood"]["accuracy"])
    assert best["score"] == max(line["score"] for line in log)


def test_a_resumed_run_goes_on_in_the_same_curves(task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path) -> None:
    run, training, steps = tmp_path / "run", replace(task.training, epochs=2), []
    stopping = Surroundings(
        track=("tensorboard",), progress=lambda done, total, word: steps.append(done), stopped=lambda: len(steps) == 24
    )
    with pytest.raises(TrainingStopped):
        finetune(task, corpus, tiny_base, run, training, stopping)
    finetune(task, corpus, tiny_base, run, training, Surroundings(track=("tensorboard",)), resume=True)
    assert [step for step, _ in events(run)["train/loss"]] == [10, 20, 30, 40]


def test_weights_and_biases_keeps_the_same_figures_offline(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run, training = tmp_path / "run", replace(task.training, epochs=2)
    finetune(task, corpus, tiny_base, run, training, Surroundings(track=("wandb", "tensorboard", "wandb")))
    told, rows = events(run), list(offline_rows(run))
    for tag in (*EVERY_TEN, "dev/score", "dev/named/accuracy"):
        theirs = [(row["_step"], row[tag]) for row in rows if tag in row]
        assert [step for step, _ in theirs] == [step for step, _ in told[tag]]
        assert [value for _, value in theirs] == pytest.approx([value for _, value in told[tag]])


def test_who_is_not_logged_in_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    def init(**options: object) -> None:
        raise wandb.errors.UsageError("No API key configured.")

    monkeypatch.setattr(wandb, "init", init)
    with pytest.raises(InputError, match=r"No API key configured.*wandb login.*WANDB_MODE=offline"):
        tracking.trackers(["wandb"], tmp_path, 0, {})


def test_a_tracker_that_is_not_installed_is_named_before_anything_is_touched(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "kept").write_text("")
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"wandb is not installed.*gretchen\[track\]"):
        finetune(task, corpus, tiny_base, run, task.training, Surroundings(track=("wandb",)))
    assert (run / "kept").exists()
    with pytest.raises(InputError, match="no tracker 'mlflow'; wanted tensorboard, wandb"):
        tracking.check_trackers(["mlflow"])
