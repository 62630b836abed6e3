"""`export --precision float32`, then `quantize`: what comes of it is what `export` makes at once."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from tokenizers import Tokenizer

pytest.importorskip("torch", reason="exporting wants the [train] extra")
pytest.importorskip("onnx", reason="exporting wants the [train] extra")

from models.artifact import load_artifact
from models.data.corpus import load_corpus
from models.engines.batches import tokenize
from models.engines.onnx import OnnxEngine
from models.errors import ArtifactError, GateRefused, InputError
from models.evaluation.evaluate import score
from models.export import quantize
from models.metrics import softmax
from models.tasks.task import load_task
from models.training.finetune import finetune, predict
from models.training.network import load as load_network
from streams.commands.models import command


class Made:
    """A run of the tiny task, as a float32 artifact and as int8 at once."""

    def __init__(self, base: Path, data: Path, out: Path) -> None:
        self.data, self.out = data, out
        self.task = load_task(str(data / "tiny.toml"))
        self.corpus = load_corpus(self.task, data)
        finetune(self.task, self.corpus, base, out / "run", replace(self.task.training, epochs=4))
        for precision in ("float32", "int8"):
            done = self.verb("export", str(out / "run"), precision, "--base-name", "tiny", "--precision", precision)
            assert done.exit_code == 0, done.output

    def verb(self, verb: str, what: str, out: str, *options: str) -> Result:
        fixed = ["--task", str(self.data / "tiny.toml"), "--data", str(self.data), "--out", str(self.out / out)]
        return CliRunner().invoke(command, [verb, what, *fixed, "--no-report", *options])


@pytest.fixture(scope="module")
def made(tiny_base: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tiny_base, tiny_data, tmp_path_factory.mktemp("quantize"))


def test_a_float32_artifact_serves_what_torch_computes_and_its_card_says_so(made: Made) -> None:
    artifact = load_artifact(made.out / "float32")
    assert artifact.raw["quantization"]["losses"] == [] and "float32" in artifact.raw["quantization"]["scheme"]
    card = artifact.read("README.md").decode()
    assert "Float32 ONNX" in card and "The float32 model as served" in card and "'gretchen models quantize'" in card
    test = made.corpus.of("test", "moods")
    network = load_network(made.out / "run" / "best", made.task.heads)
    tokenizer = Tokenizer.from_buffer(artifact.read("tokenizer.json"))
    logits, _ = predict(network, tokenize(test, tokenizer, made.task.max_tokens), 0, "mean")["mood"]
    served = score(OnnxEngine(artifact), test)["mood"].probabilities
    own = softmax(logits, artifact.config.heads["mood"].temperature)
    np.testing.assert_allclose(np.sort(served[:, 0]), np.sort(own[:, 0]), atol=1e-4)


def test_quantizing_the_kept_weights_gives_what_export_gives_at_once(made: Made) -> None:
    done = made.verb("quantize", str(made.out / "float32"), "small")
    assert done.exit_code == 0, done.output
    once, after = load_artifact(made.out / "int8"), load_artifact(made.out / "small")
    assert after.read("model.onnx") == once.read("model.onnx") and after.config == once.config
    assert after.raw["quantization"] == once.raw["quantization"] and after.raw["metrics"] == once.raw["metrics"]
    assert after.raw["recipe"]["training"] == once.raw["recipe"]["training"] != {}
    assert len(after.raw["recipe"]["commands"]) == 2 and "model.safetensors" not in after.manifest.files
    assert after.raw["base"] == once.raw["base"]


def test_the_gate_stands_before_it_and_force_is_written_down(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantize, "METRIC_DROP", -1.0)  # so that anything has lost too much
    done = made.verb("quantize", str(made.out / "float32"), "refused")
    assert isinstance(done.exception, GateRefused) and not (made.out / "refused").exists()
    done = made.verb("quantize", str(made.out / "float32"), "forced", "--force")
    assert done.exit_code == 0, done.output
    told = json.loads((made.out / "forced" / "manifest.json").read_text())["quantization"]
    assert told["forced"] and any("mood accuracy" in fault for fault in told["faults"])


def test_an_artifact_without_weights_one_of_other_labels_and_a_touched_one_are_refused(
    made: Made, tmp_path: Path
) -> None:
    done = made.verb("quantize", str(made.out / "int8"), "again")
    assert isinstance(done.exception, InputError) and "keeps no float32 weights" in str(done.exception)
    swapped = tmp_path / "tiny.toml"
    swapped.write_text((made.data / "tiny.toml").read_text().replace('["bad", "good"]', '["good", "bad"]'))
    fixed: list[Any] = ["--task", swapped, "--data", made.data, "--out", tmp_path / "out"]
    done = CliRunner().invoke(command, ["quantize", str(made.out / "float32"), *map(str, fixed)])
    assert isinstance(done.exception, InputError) and "other heads or labels" in str(done.exception)
    weights = made.out / "float32" / "model.safetensors"
    kept = weights.read_bytes()
    weights.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    try:
        done = made.verb("quantize", str(made.out / "float32"), "touched")
    finally:
        weights.write_bytes(kept)
    assert isinstance(done.exception, ArtifactError) and "sha256" in str(done.exception)
