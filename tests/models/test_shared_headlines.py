"""benchmarks/shared_headlines.py: a headline's verdicts on one side, or each on its own; none is lost."""

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("transformers", reason="training wants the [train] extra")
pytest.importorskip("peft", reason="training wants the [train] extra")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import shared_headlines  # noqa: E402

from models.data.corpus import SPLITS, Corpus, load_corpus  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 headlines of three entities each, whose verdicts agree in every third."""
    root = tmp_path_factory.mktemp("sentfin")
    (root / "sentfin").mkdir()
    names = ["Acme", "Bolt", "Crux"]
    verdicts = ["negative", "neutral", "positive"]
    lines = ["S No.,Title,Decisions,Words"]
    for n in range(300):
        decided = ", ".join(f'""{name}"": ""{verdicts[(n + k * (n % 3 > 0)) % 3]}""' for k, name in enumerate(names))
        lines.append(f'{n},Deal {n}: Acme buys Bolt from Crux,"{{{decided}}}",8')
    (root / "sentfin" / "SEntFiN.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def verdicts(corpus: Corpus) -> list[tuple[str, object]]:
    return sorted(
        (example.text, target) for split in SPLITS for example in corpus.examples[split] for target in example.targets
    )


def test_each_verdict_lies_on_one_side_and_none_is_lost(data: Path) -> None:
    task, source = shared_headlines.sentfin()
    corpus = load_corpus(task, data)
    dealt = shared_headlines.by_verdict(corpus, source)
    assert len(verdicts(corpus)) == 900 and verdicts(dealt) == verdicts(corpus)
    tested = sum(len(example.targets) for example in dealt.examples["test"])
    assert 0.10 < tested / 900 < 0.20, "the source's share"
    assert shared_headlines.shared(corpus) == 0
    # of two others, each is learned from four times in five
    assert 0.9 < shared_headlines.shared(dealt) < 1
    alone = Corpus(examples={**dealt.examples, "train": []})
    assert shared_headlines.shared(alone) == 0


def test_both_splits_are_trained_and_judged_alike(
    data: Path, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["--base", str(tiny_base), "--data", str(data), "--out", str(tmp_path), "--epochs", "0.2"]
    shared_headlines.main(command)
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("| by-")]
    assert [row[0].strip() for row in rows] == ["by-headline", "by-verdict"] and rows[0][2].strip() == "0.0%"
    assert all(0 < float(row[3]) <= 1 for row in rows)
    monkeypatch.setattr(shared_headlines, "one_run", lambda *_: 1 / 0)
    shared_headlines.main(command)  # nothing is made again
    assert [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("| by-")] == rows
