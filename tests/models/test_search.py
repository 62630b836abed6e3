"""`gretchen models search` on a tiny random BERT: tables are checked, a search goes on, its best can be run again."""

import csv
import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("optuna", reason="searching wants the [train] extra")

from models.errors import InputError, TrainingFailed, TrainingStopped
from models.tasks.search_space import Choice, Range, default_space, inside, parse_space
from models.tasks.training import Training
from models.training.loop import ALONE, Surroundings
from models.training.search import Tried, best_of, search
from streams.commands.models import command

SPACE = {"learning_rate": Range(1e-4, 1e-2, log=True), "batch_size": Choice((16, 32))}
TABLE = """
[search]
learning_rate = { low = 1e-4, high = 1e-2, log = true }
batch_size = [16, 32]
"""


class Trainer:
    """In the place of training: the best is a rate of 1e-3, every epoch a little better, four of them."""

    def __init__(self, **fates: Any) -> None:
        self.runs: list[Training] = []
        self.epochs = 0
        self.fates = fates

    def __call__(self, training: Training, run: Path, around: Surroundings) -> dict[str, Any]:
        number, scores = len(self.runs), []
        self.runs.append(training)
        if error := self.fates.get(f"at_{number}"):
            raise error
        for part in ("best", "last"):
            (run / part).mkdir(parents=True)
        for epoch in range(1, 5):
            self.epochs += 1
            scores.append(1 - abs(training.learning_rate - 1e-3) * 50 + epoch / 100)
            around.judged({"score": scores[-1], "epoch": epoch, "seconds": 1.0})
        return {"score": max(scores)}


def test_the_first_trial_is_what_the_task_declares_and_the_rest_lie_in_the_space(tmp_path: Path) -> None:
    trainer = Trainer()
    trials = search(SPACE, Training(learning_rate=2e-3, batch_size=32, seed=5), tmp_path, 8, trainer, ALONE)
    first, *rest = trainer.runs
    assert (first.learning_rate, first.batch_size) == (2e-3, 32)
    assert all(1e-4 <= run.learning_rate <= 1e-2 and run.batch_size in (16, 32) and run.seed == 5 for run in rest)
    assert len({run.learning_rate for run in trainer.runs}) == len(trials) == 8
    best = best_of(trials)
    assert best.score == max(t.score for t in trials if t.state == "whole" and t.score)
    kept = [path.parent.name for path in tmp_path.glob("trial-*/best")]
    assert kept == [f"trial-{best.number:04}"] and not list(tmp_path.glob("trial-*/last"))


def test_a_trial_below_the_median_is_pruned_after_its_second_epoch(tmp_path: Path) -> None:
    trainer = Trainer()
    trials = search(SPACE, Training(learning_rate=1e-3), tmp_path, 12, trainer, ALONE)
    pruned = [t for t in trials if t.state == "pruned"]
    assert pruned and trainer.epochs == 4 * (12 - len(pruned)) + 2 * len(pruned)
    assert all(t.score is not None and t.score < (best_of(trials).score or 0) for t in pruned)


def test_a_search_cut_short_begins_the_trial_again_and_ends_with_the_same_number(tmp_path: Path) -> None:
    cut = Trainer(at_2=TrainingStopped("stopped"))
    with pytest.raises(TrainingStopped):
        search(SPACE, Training(), tmp_path, 5, cut, ALONE)
    rest = Trainer()
    trials = search(SPACE, Training(), tmp_path, 5, rest, ALONE)
    assert rest.runs[0] == cut.runs[2] and len(rest.runs) == 3 and len(trials) == 5
    assert search(SPACE, Training(), tmp_path, 5, rest, ALONE) == trials and len(rest.runs) == 3
    with (tmp_path / "trials.csv").open(encoding="utf-8") as file:
        assert [int(row["trial"]) for row in csv.DictReader(file)] == [t.number for t in trials]


def test_trials_are_the_same_whether_the_search_was_cut_or_not(tmp_path: Path) -> None:
    whole, first, second = Trainer(), Trainer(), Trainer()
    search(SPACE, Training(), tmp_path / "whole", 6, whole, ALONE)
    search(SPACE, Training(), tmp_path / "cut", 3, first, ALONE)
    search(SPACE, Training(), tmp_path / "cut", 6, second, ALONE)
    assert first.runs + second.runs == whole.runs


def test_a_trial_without_a_number_fails_alone_and_none_whole_is_an_error(tmp_path: Path) -> None:
    trials = search(SPACE, Training(), tmp_path, 3, Trainer(at_1=TrainingFailed("the loss is nan")), ALONE)
    assert [t.state for t in trials] == ["whole", "fail", "whole"]
    with pytest.raises(InputError, match="none of 1 trials came to its end"):
        best_of([Tried(0, "fail", None, None, 0, {})])


def test_a_study_of_another_space_and_a_file_that_is_none_are_refused(tmp_path: Path) -> None:
    search(SPACE, Training(), tmp_path, 1, Trainer(), ALONE)
    with pytest.raises(InputError, match="of another space"):
        search({"learning_rate": SPACE["learning_rate"]}, Training(), tmp_path, 2, Trainer(), ALONE)
    with pytest.raises(InputError, match="of another training"):
        search(SPACE, Training(epochs=9), tmp_path, 2, Trainer(), ALONE)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "study.db").write_bytes(b"no database at all, but long enough to be looked at" * 9)
    with pytest.raises(InputError, match="no study can be kept here"):
        search(SPACE, Training(), tmp_path / "odd", 1, Trainer(), ALONE)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"learning_rat": [1e-3]}, "learning_rat can't be searched; wanted some of .*learning_rate"),
        ({"seed": [1, 2]}, "seed can't be searched"),
        ({"learning_rate": {"low": 0, "high": 1, "log": True}}, "above 0 if log"),
        ({"learning_rate": {"low": 2, "high": 1}}, "low below high"),
        ({"learning_rate": {"low": 1}}, "a table { low, high }"),
        ({"learning_rate": 1e-3}, "wanted a list of choices"),
        ({"batch_size": {"low": 8.5, "high": 32}}, "batch_size"),
        ({"batch_size": []}, "each int once"),
        ({"method": {"low": 1, "high": 2}}, "method"),
        ({"dropout": {"low": 0.0, "high": True}}, "dropout"),
    ],
)
def test_a_table_that_can_not_be_searched_names_the_key(raw: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_space(raw, "my.toml: [search]")


def test_the_space_by_default_holds_what_is_declared() -> None:
    for training in (Training(), Training(method="lora", batch_size=16)):
        rate = 1e-3 if training.method == "lora" else training.learning_rate
        space = default_space(training, rate)
        own = inside(space, replace(training, added_learning_rate=rate))
        assert own.keys() == space.keys() and ("learning_rate" in space) == (training.method == "full")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments], catch_exceptions=False)


def test_the_command_it_prints_gives_the_score_it_found(tiny_base: Path, tiny_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures want the [train] extra")
    task = tmp_path / "tiny.toml"
    task.write_text((tiny_data / "tiny.toml").read_text() + TABLE)
    fixed = ["--base", str(tiny_base), "--data", str(tiny_data), "--threads", "1"]
    done = run(
        "search",
        str(task),
        *fixed,
        "--out",
        str(tmp_path / "s"),
        "--trials",
        "2",
        "--epochs",
        "1",
        "--batch-size",
        "32",
    )
    assert done.exit_code == 0, done.output
    assert (tmp_path / "s" / "search.png").read_bytes().startswith(b"\x89PNG")
    words = shlex.split(done.stdout.splitlines()[-1])
    assert words[:3] == ["gretchen", "models", "finetune"] and "--batch-size" in words and "--epochs" in words
    assert "batch_size" not in (tmp_path / "s" / "trials.csv").read_text()  # it was given, so it is not searched
    assert run(*words[2:]).exit_code == 0
    said = json.loads((tmp_path / "s-best" / "log.jsonl").read_text().splitlines()[-1])
    with (tmp_path / "s" / "trials.csv").open(encoding="utf-8") as file:
        best = max(csv.DictReader(file), key=lambda row: float(row["score"]))
    assert said["score"] == float(best["score"])
    assert (tmp_path / "s" / f"trial-{int(best['trial']):04}" / "best" / "model.safetensors").exists()


def test_a_search_of_nothing_is_refused(tiny_base: Path, tiny_data: Path, tmp_path: Path) -> None:
    task = tmp_path / "tiny.toml"
    task.write_text((tiny_data / "tiny.toml").read_text() + "[search]\nbatch_size = [16, 32]\n")
    fixed = ["--base", str(tiny_base), "--data", str(tiny_data), "--out", str(tmp_path / "s")]
    done = run("search", str(task), *fixed, "--batch-size", "16")
    assert done.exit_code == 2 and "leave out what is to be tried" in done.output and not (tmp_path / "s").exists()
