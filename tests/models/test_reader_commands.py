"""`gretchen models …` for readers and encoders: the same verbs, from questions to figures. Needs the [train] extra."""

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("transformers", reason="training wants the [train] extra")
pytest.importorskip("bm25s", reason="BM25 wants the [train] extra")

from models.artifact import load_artifact
from models.engines.encoder import Encoder
from streams.commands.models import command

TASK = """
name = "{kind}"
kind = "{kind}"
max_tokens = 24
{options}
[[sources]]
name = "companies"
reader = "squad"
license = "made up"
use = "train"
files = {{ all = "companies.json" }}
test_share = 0.3
dev_share = 0.3

[training]
epochs = 3
batch_size = 16
learning_rate = 2e-3
head_learning_rate = 5e-3
dropout = 0.0
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    rng = random.Random(5)
    words = ["shares", "flat", "today", "zebra", "quark", "rise", "fall"]
    paragraphs = []
    for n in range(120):
        before, after = (" ".join(rng.choices(words, k=rng.randint(2, 6))) for _ in range(2))
        name = "acme" if n % 3 else ""
        answers = [{"text": name, "answer_start": len(before) + 1}] if name else []
        asked = {"id": str(n), "question": f"deal {before}", "answers": answers, "is_impossible": not name}
        paragraphs.append({"context": f"{before} {name} {after}", "qas": [asked]})
    (path / "companies.json").write_text(json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}]}))
    options = "[reader]\nstride = 4\nmax_question_tokens = 6\nmax_answer_tokens = 3\n"
    (path / "reader.toml").write_text(TASK.format(kind="reader", options=options))
    (path / "encoder.toml").write_text(TASK.format(kind="encoder", options=""))
    return path


def gretchen(*arguments: object) -> Result:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.parametrize(("kind", "figure"), [("reader", "f1"), ("encoder", "recall@1")])
def test_the_same_verbs_take_a_question_task_from_data_to_figures(
    kind: str, figure: str, data: Path, tiny_base: Path, tmp_path: Path
) -> None:
    task, run, out = data / f"{kind}.toml", tmp_path / "run", tmp_path / kind
    gretchen("finetune", task, "--base", tiny_base, "--data", data, "--out", run, "--threads", 1, "--epochs", 4)
    shown = gretchen("export", run, "--task", task, "--data", data, "--out", out, "--base-name", "tiny", "--force")
    assert "companies" in shown.stdout and "set" in shown.stdout
    assert f"{kind}/1 verified" in gretchen("verify", out).output
    told = json.loads(gretchen("evaluate", out, "--task", task, "--data", data, "--json").stdout)
    name = "companies" if kind == "reader" else "companies.encoder"
    manifest = json.loads((out / "manifest.json").read_text())["metrics"]["test"]
    assert told["sets"][name][figure] == manifest[name][figure] > 0 and told["artifact"] == f"{kind}/1"
    own = gretchen("evaluate", out, "--data", data / "companies.json", "--report", tmp_path / "report")
    assert "companies" in own.stdout and (tmp_path / "report" / "report.json").exists()


def test_a_vocabulary_is_pruned_to_questions_and_passages(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    out = tmp_path / "pruned"
    arguments = ("--base", tiny_base, "--data", data, "--size", 1, "--out", out)
    gretchen("prune-vocabulary", data / "reader.toml", *arguments)
    vocabulary = json.loads((out / "tokenizer.json").read_text())["model"]["vocab"]
    assert {"zebra", "acme", "deal"} <= vocabulary.keys() and "globex" not in vocabulary


def test_an_encoder_kept_by_gzip_finds_the_same(data: Path, tiny_base: Path, tmp_path: Path) -> None:
    gretchen("finetune", data / "encoder.toml", "--base", tiny_base, "--data", data, "--out", tmp_path / "run")
    vectors = []
    for name, option in (("plain", ()), ("zipped", ("--gzip",))):
        gretchen("export", tmp_path / "run", "--task", data / "encoder.toml", "--data", data, "--base-name", "tiny",
                 "--force", "--out", tmp_path / name, *option)  # fmt: skip
        vectors.append(Encoder(load_artifact(tmp_path / name)).encode(["acme shares rise today"]))
    assert not (tmp_path / "zipped/model.onnx").exists()
    assert (vectors[0] == vectors[1]).all()
