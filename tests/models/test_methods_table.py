"""benchmarks/methods.py on tiny data: a row a method, and what is finished is not made again."""

import json
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("transformers", reason="training wants the [train] extra")
pytest.importorskip("peft", reason="training wants the [train] extra")

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import methods as methods_table  # noqa: E402
import runs  # noqa: E402

from models.errors import InputError, TrainingStopped  # noqa: E402
from models.tasks.task import load_task, parse_shares  # noqa: E402


def test_the_table_has_a_row_a_method_with_the_spread_over_seeds(
    tiny_base: Path, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    command = [
        str(tiny_data / "tiny.toml"), "--base", str(tiny_base), "--data", str(tiny_data),
        "--out", str(tmp_path / "out"),
        "--seeds", "1", "2", "--methods", "full", "lora", "--epochs", "0.5", "--set", "lora.rank=2",
    ]  # fmt: skip
    methods_table.main(command)
    out = capsys.readouterr().out
    assert "full-2: " in out and "2 of 4; about " in out and "4 of 4\n" in out
    lines = [line for line in out.splitlines() if line.startswith("|")]
    assert lines[0].startswith("| method | parameters trained | mood accuracy | mood macro F1 | named accuracy")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[0] for row in cells] == ["full", "lora"] and [row[-1] for row in cells] == ["2", "2"]
    known = json.loads((tmp_path / "out" / "methods.json").read_text())
    assert list(known) == ["full-1", "full-2", "lora-1", "lora-2"]
    trainings = [of["asked"]["training"] for of in known.values()]
    assert trainings[2]["rank"] == 2 and all(training["epochs"] == 0.5 for training in trainings)
    mean = sum(known[name]["told"]["test"]["mood"]["accuracy"] for name in ("full-1", "full-2")) / 2
    assert cells[0][2].startswith(f"{mean:.4f} ± ") and cells[0][1].endswith("(100.00%)")
    monkeypatch.setattr(methods_table, "finetune", None)
    methods_table.main([*command, "--methods", "lora"])
    assert json.loads((tmp_path / "out" / "methods.json").read_text()) == known, "nothing is made again, or forgotten"


def test_a_run_that_was_cut_goes_on_and_one_of_other_options_begins_anew(
    tiny_base: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [
        str(tiny_data / "tiny.toml"), "--base", str(tiny_base), "--data", str(tiny_data), "--seeds", "1",
        "--methods", "full", "--epochs", "2", "--out",
    ]  # fmt: skip
    methods_table.main([*command, str(tmp_path / "whole")])
    whole = json.loads((tmp_path / "whole" / "methods.json").read_text())["full-1"]
    steps: list[int] = []

    def cut(name: str, device: str) -> runs.Surroundings:
        steps.append(0)
        return runs.Surroundings(stopped=lambda: len(steps) > 12, progress=lambda done, total, word: steps.append(done))

    monkeypatch.setattr(methods_table, "around", cut)
    with pytest.raises(TrainingStopped):
        methods_table.main([*command, str(tmp_path / "cut")])
    monkeypatch.undo()
    assert "told" not in json.loads((tmp_path / "cut" / "methods.json").read_text())["full-1"]
    methods_table.main([*command, str(tmp_path / "cut")])
    gone_on = json.loads((tmp_path / "cut" / "methods.json").read_text())["full-1"]
    assert gone_on == {**whole, "told": {**whole["told"], "seconds": None}}
    methods_table.main([*command, str(tmp_path / "cut"), "--share", "moods=0.5", "--share", "entities=0.5"])
    other = json.loads((tmp_path / "cut" / "methods.json").read_text())["full-1"]
    assert other["asked"]["shares"] == {"moods": 0.5, "entities": 0.5} and other["told"]["seconds"]
    assert other["told"]["test"]["mood"]["n"] == whole["told"]["test"]["mood"]["n"], "test is never cut"


def test_what_is_left_takes_the_mean_of_what_was_made_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now_s = 0.0
    names = ["a", "b", "c", "d"]

    def make(resume: bool) -> dict[str, int]:
        nonlocal now_s
        now_s += 240
        return {"figure": 7}

    known = runs.Runs(tmp_path / "runs.json", names, lambda: now_s)
    assert known.once(tmp_path / "c", {"x": 1}, make) == {"name": "c", "x": 1, "figure": 7, "seconds": 240.0}
    again = runs.Runs(tmp_path / "runs.json", names, lambda: now_s)
    for name in names:
        again.once(tmp_path / name, {"x": 1}, make)
    said = capsys.readouterr().out.splitlines()
    assert said[1:] == [
        "a: 240 s, 1 of 4; about 8 min left", "b: 240 s, 2 of 4; about 4 min left", "d: 240 s, 4 of 4",
    ]  # fmt: skip


def test_a_training_says_once_a_minute_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    now_s = 0.0
    told = runs.around("lora-13", clock=lambda: now_s).progress
    for done in range(101, 141):  # it went on from step 100
        now_s += 3
        told(done, 200, "loss 0.5")
    assert capsys.readouterr().out.splitlines() == [
        "  lora-13: step 120 of 200, loss 0.5; about 4 min left",
        "  lora-13: step 140 of 200, loss 0.5; about 3 min left",
    ]


def test_a_share_of_no_set_or_of_no_number_is_refused(tiny_data: Path) -> None:
    task = load_task(str(tiny_data / "tiny.toml"))
    assert parse_shares(["moods=0.5"], task) == {"moods": 0.5}
    with pytest.raises(InputError, match=r"task tiny has no mods; it has moods, entities"):
        parse_shares(["mods=0.5"], task)
    for wrong in ("moods", "moods=half", "moods=1.5"):
        with pytest.raises(InputError, match=rf"--share {wrong}: wanted SOURCE=SHARE, as banking77=0.3"):
            parse_shares([wrong], task)


def test_an_option_that_is_none_is_refused() -> None:
    assert methods_table.overrides(["lora.rank=16", "all.class_weights=balanced"]) == {
        "lora": {"rank": 16}, "all": {"class_weights": "balanced"},
    }  # fmt: skip
    for wrong in ("rank=16", "lora.rang=16", "lorra.rank=16"):
        with pytest.raises(InputError, match=r"wanted METHOD.KEY=VALUE"):
            methods_table.overrides([wrong])
