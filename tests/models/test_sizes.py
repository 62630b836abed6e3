"""benchmarks/sizes.py on tiny data: what is cut, a row an artifact, and what is there already is not made again."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("transformers", reason="training wants the [train] extra")
pytest.importorskip("onnx", reason="training wants the [train] extra")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import sizes  # noqa: E402

from models.data.corpus import Corpus, Example  # noqa: E402
from models.errors import InputError  # noqa: E402
from models.tasks.task import load_task  # noqa: E402


def test_a_base_is_cut_to_every_size_that_it_does_not_say() -> None:
    cuts = sizes.parse_cuts(["a=base", "b=base:6", "c=some/base:3:700"], [3, 6], [0, 14000])
    assert [(cut.name, cut.layers, cut.pieces) for cut in cuts] == [
        ("a-3-layers", 3, 0), ("a-3-layers-14000-pieces", 3, 14000),
        ("a-6-layers", 6, 0), ("a-6-layers-14000-pieces", 6, 14000),
        ("b-6-layers", 6, 0), ("b-6-layers-14000-pieces", 6, 14000),
        ("c-3-layers-700-pieces", 3, 700),
    ]  # fmt: skip
    assert cuts[-1].base == "some/base"
    assert sizes.parse_cuts(["a=base"], [], []) == [sizes.Cut("a", "base", None, 0)]
    for wrong in ("base", "=base", "a=", "a=base:six", "a=base:1:2:3"):
        with pytest.raises(InputError, match="wanted NAME=BASE, NAME=BASE:LAYERS or NAME=BASE:LAYERS:PIECES"):
            sizes.parse_cuts([wrong], [], [])


def test_a_base_keeps_its_first_layers_and_as_many_pieces_as_are_wanted(tiny_base: Path, tmp_path: Path) -> None:
    task = load_task("intents")
    corpus = Corpus(examples={"train": [Example("shares rise today", (), "x")], "dev": [], "test": []})
    for pieces, left in ((0, 73), (64, 64)):
        path = sizes.base_of(sizes.Cut(f"cut-{pieces}", str(tiny_base), 1, pieces), task, corpus, tmp_path)
        config = json.loads((path / "config.json").read_text())
        assert (config["num_hidden_layers"], config["vocab_size"]) == (1, left)
    words = json.loads((path / "tokenizer.json").read_text())["model"]["vocab"]
    assert {"shares", "rise", "today"} <= words.keys() and "quark" not in words


def test_a_row_an_artifact_with_what_it_loses_and_takes(
    tiny_base: Path, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "")  # put back afterwards: main says that one thread is to tokenize
    out = tmp_path / "out"
    common = [str(tiny_data / "tiny.toml"), "--data", str(tiny_data), "--out", str(out), "--rounds", "3"]
    trained = [*common, "--train", f"small={tiny_base}:1", "--epochs", "1"]
    sizes.main(trained)
    assert "small-1-layers: " in capsys.readouterr().out
    both = [*trained, "--run", f"mine={out / 'runs' / 'small-1-layers'}"]
    made = json.loads((out / "sizes.json").read_text())
    monkeypatch.setattr(sizes, "finetune", None)
    sizes.main(both)
    known = json.loads((out / "sizes.json").read_text())
    assert {name: known[name] for name in made} == made, "only the run that was added is exported"
    rows = table_of(capsys.readouterr().out)
    assert sorted((row["run"], row["layers"], row["word bits"]) for row in rows) == [
        (run, "1", bits) for run in ("mine", "small-1-layers") for bits in ("4", "8")
    ]  # fmt: skip
    by_name = {f"{row['run']}-{row['word bits']}-bits": row for row in rows}
    for name, row in by_name.items():
        told, directory = known[name]["told"], out / "artifacts" / name
        figures = told["sets"]["moods.mood"]
        low, high = figures["intervals"]["accuracy"]
        assert low < figures["accuracy"] < high or figures["accuracy"] == 1.0
        assert row["moods.mood accuracy"].startswith(f"{figures['accuracy']:.4f} (")
        assert told["bytes"] == sum(file.stat().st_size for file in directory.iterdir() if file.name != "manifest.json")
        assert row["gate"] == ("refused" if told["refused"] else "passed")
    assert by_name["mine-8-bits"]["MB"] == by_name["small-1-layers-8-bits"]["MB"]
    taken = json.loads((out / "speed.json").read_text())["artifacts"]
    assert list(taken) == list(dict.fromkeys(taken)) and all(len(of["ms_alone"]) == 3 for of in taken.values())
    fastest = [sorted(taken[f"{row['run']}-{row['word bits']}-bits"]["ms_alone"])[1] for row in rows]
    assert fastest == sorted(fastest) and rows[0]["ms alone"] == f"{fastest[0]:.2f}"


def test_where_a_task_abstains_the_table_says_what_becomes_of_the_unknown() -> None:
    intents = load_task("intents")
    run: dict[str, Any] = {
        "name": "a", "run": "a", "layers": 6, "pieces": 10000, "word_bits": 8, "bytes": 14_060_000, "refused": ["lost"],
        "sets": {"banking77.intent": {"accuracy": 0.9371, "intervals": {"accuracy": [0.9284, 0.9455]}}},
        "abstention": {
            "intent": {
                "in_scope_accuracy": 0.92, "out_of_scope_recall": 0.8,
                "intervals": {"in_scope_accuracy": [0.91, 0.93], "out_of_scope_recall": [0.77, 0.83]},
            }
        },
    }  # fmt: skip
    (row,) = table_of(sizes.table(intents, [run], {"a": {"texts_per_s": [900, 1000, 50], "ms_alone": [2.5, 2, 9]}}))
    assert row == {
        "run": "a", "layers": "6", "pieces": "10,000", "word bits": "8", "MB": "14.1", "texts/s": "900",
        "ms alone": "2.50", "banking77.intent accuracy": "0.9371 (0.928-0.946)",
        "intent answered right": "0.9200 (0.910-0.930)", "intent unknown turned away": "0.8000 (0.770-0.830)",
        "gate": "refused",
    }  # fmt: skip


def test_what_can_not_be_measured_is_refused_before_anything_is_trained(
    tiny_base: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "finetune", None)
    common = ["--data", str(tiny_data), "--out", str(tmp_path / "out")]
    tiny = str(tiny_data / "tiny.toml")
    for arguments, why in (
        ([tiny], r"got the runs \(none\); wanted --run or --train"),
        ([tiny, "--train", f"a={tiny_base}", "--train", f"a={tiny_base}"], "each of another name"),
        ([tiny, "--train", f"a={tiny_base}", "--layers", "1", "2", "12"], "has 2 layers, 12 shall stay; wanted 1 to 2"),
        ([tiny, "--run", f"a={tmp_path}"], "wanted NAME=RUN, where RUN/best is"),
        (["reader", "--train", f"a={tiny_base}"], "task reader is of kind reader"),
    ):
        with pytest.raises(InputError, match=why):
            sizes.main([*arguments, *common])


def table_of(out: str) -> list[dict[str, str]]:
    """The Markdown table's rows by column."""
    lines = [line for line in out.splitlines() if line.startswith("|")]
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return [dict(zip(head, row, strict=True)) for row in rows]
