"""benchmarks/methods.py on tiny data: a row a method, and what is finished is not made again."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

torch = pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("transformers", reason="training wants the [train] extra")
pytest.importorskip("peft", reason="training wants the [train] extra")

from models.errors import InputError  # noqa: E402


@pytest.fixture(scope="module")
def methods_table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("methods_table", Path(__file__).parents[2] / "benchmarks/methods.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_has_a_row_a_method_with_the_spread_over_seeds(
    methods_table: ModuleType, tiny_base: Path, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        str(tiny_data / "tiny.toml"), "--base", str(tiny_base), "--data", str(tiny_data),
        "--out", str(tmp_path / "out"),
        "--seeds", "1", "2", "--methods", "full", "lora", "--set", "all.epochs=0.5", "--set", "lora.rank=2",
    ]  # fmt: skip
    methods_table.main(command)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert lines[0].startswith("| method | parameters trained | mood accuracy | mood macro F1 | named accuracy")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[0] for row in cells] == ["full", "lora"] and [row[-1] for row in cells] == ["2", "2"]
    runs = json.loads((tmp_path / "out" / "methods.json").read_text())
    assert [(run["training"]["method"], run["training"]["seed"]) for run in runs] == [
        ("full", 1), ("full", 2), ("lora", 1), ("lora", 2),
    ]  # fmt: skip
    assert runs[2]["training"]["rank"] == 2 and all(run["training"]["epochs"] == 0.5 for run in runs)
    mean = sum(run["test"]["mood"]["accuracy"] for run in runs[:2]) / 2
    assert cells[0][2].startswith(f"{mean:.4f} ± ") and cells[0][1].endswith("(100.00%)")
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/figures.json")}
    methods_table.main(command)
    assert len(written) == 4 and written == {path: path.stat().st_mtime_ns for path in written}
    (tmp_path / "out" / "full-1" / "figures.json").unlink()  # cut: it goes on, to the same figures, but is not timed
    methods_table.main(command)
    again = json.loads((tmp_path / "out" / "methods.json").read_text())
    assert again == [{**runs[0], "seconds": None}, *runs[1:]]
    methods_table.main([*command, "--set", "full.epochs=0.2"])
    other = json.loads((tmp_path / "out" / "methods.json").read_text())
    assert [run["training"]["epochs"] for run in other] == [0.2, 0.2, 0.5, 0.5] and other[0]["seconds"]


def test_an_option_that_is_none_is_refused(methods_table: ModuleType) -> None:
    assert methods_table.overrides(["lora.rank=16", "all.class_weights=balanced"]) == {
        "lora": {"rank": 16}, "all": {"class_weights": "balanced"},
    }  # fmt: skip
    for wrong in ("rank=16", "lora.rang=16", "lorra.rank=16"):
        with pytest.raises(InputError, match=r"wanted METHOD.KEY=VALUE"):
            methods_table.overrides([wrong])
