"""benchmarks/ten_fold.py on made-up sentences: what lies in a fold, and figures that are those of the sentences."""

import json
import random
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("transformers", reason="training wants the [train] extra")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import ten_fold  # noqa: E402

from models.data.corpus import Example, Target, normalize  # noqa: E402
from models.errors import InputError  # noqa: E402

WORDS = {"negative": "fall loss warns", "neutral": "flat today deal", "positive": "rise profit wins"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third of the sentences of each label; "Acme wins a." is there four times, however it is written."""
    rng, root = random.Random(5), tmp_path_factory.mktemp("bank")
    letters = "abcdefghijklmnopqrstuvwxyz"
    lines = [
        f"{rng.choice(words.split())} {' '.join(rng.choices(letters, k=6))} .@{label}"
        for label, words in WORDS.items()
        for _ in range(40)
    ]
    lines += ["Acme wins a .@positive", "acme wins a@positive", "ACME wins a!@positive", "acme wins a .@neutral"]
    (root / "phrasebank").mkdir()
    (root / "phrasebank" / "Sentences_50Agree.txt").write_text("\n".join(lines) + "\n", encoding="latin-1")
    return root


def test_folds_hold_labels_in_equal_shares_and_equal_texts_in_one(data: Path) -> None:
    task, examples = ten_fold.phrasebank(data)
    assert list(task.heads) == ["sentiment"] and len(examples) == 124
    fold_of = ten_fold.folds_of(examples, 4, 13)
    for label in range(3):
        own = [fold for fold, one in zip(fold_of, examples, strict=True) if one.targets[0].label == label]
        counts = [own.count(fold) for fold in range(4)]
        assert max(counts) - min(counts) <= 3, "three equal texts of one label may lie in one fold"
    folds: dict[str, set[int]] = {}
    for fold, one in zip(fold_of, examples, strict=True):
        folds.setdefault(normalize(one.text), set()).add(fold)
    assert all(len(of_text) == 1 for of_text in folds.values()) and len(folds) == 121
    assert fold_of == ten_fold.folds_of(examples, 4, 13) != ten_fold.folds_of(examples, 4, 14)


def test_a_fold_learns_from_chooses_by_and_holds_out_other_texts(data: Path) -> None:
    _, examples = ten_fold.phrasebank(data)
    fold_of = ten_fold.folds_of(examples, 4, 13)
    held: list[Example] = []
    for fold in range(4):
        parts = ten_fold.split(examples, fold_of, fold, 13).examples
        texts = {part: {normalize(one.text) for one in of_part} for part, of_part in parts.items()}
        assert not texts["train"] & texts["test"] | texts["dev"] & texts["test"] | texts["train"] & texts["dev"]
        assert sum(map(len, parts.values())) == len(examples)
        left = len(parts["train"]) + len(parts["dev"])
        assert 0.07 * left <= len(parts["dev"]) <= 0.14 * left
        held += parts["test"]
    assert sorted(held, key=repr) == sorted(examples, key=repr)


def test_figures_of_all_together_are_counted_once_a_sentence() -> None:
    examples = [Example(text, (Target("sentiment", label),), "x") for text, label in (("a", 0), ("b", 1), ("b.", 1))]
    told = ten_fold.pooled(examples, [0, 1, 0], ("no", "yes"))
    assert told["accuracy"] == 0.6667 and told["macro_f1"] == 0.6667 and told["n"] == 3
    low, high = told["intervals"]["accuracy"]
    assert (low, high) == (0.5, 1.0), "equal texts are drawn together: twice 'b' is half right, twice 'a' all"


def test_a_table_of_all_folds_and_none_is_trained_again(
    data: Path, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["--base", str(tiny_base), "--data", str(data), "--out", str(tmp_path / "out"), "--folds", "3"]
    command += ["--epochs", "6", "--learning-rate", "5e-3", "--batch-size", "8"]
    ten_fold.main(command)
    out = capsys.readouterr().out
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in out.splitlines() if line[:1] == "|"]
    assert [row[0] for row in cells[2:]] == ["fold-1", "fold-2", "fold-3", "mean ± deviation of 3", "all together"]
    assert sum(int(row[1]) for row in cells[2:5]) == int(cells[-1][1]) == 124
    file = tmp_path / "out" / "ten_fold.json"
    folds = json.loads(file.read_text())
    mean = sum(of["told"]["accuracy"] for of in folds.values()) / 3
    assert cells[-2][2].startswith(f"{mean:.4f} ± ") and mean > 0.6, "words tell the label: it is learned"
    assert not list((tmp_path / "out").glob("fold-*")), "its models are not kept"
    assert "fold-2: " in out and "2 of 3; about " in out
    before = file.read_bytes()
    monkeypatch.setattr(ten_fold, "finetune", None)
    ten_fold.main(command)
    assert file.read_bytes() == before and capsys.readouterr().out.endswith(out[out.index("\n|") :])


def test_more_folds_than_pairs_of_texts_are_refused(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    for folds in ("1", "63"):
        with pytest.raises(InputError, match=rf"--folds {folds}: wanted 2 to 62"):
            ten_fold.main(
                ["--base", str(tiny_base), "--data", str(data), "--out", str(tmp_path), "--folds", folds]
            )  # fmt: skip
