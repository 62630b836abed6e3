"""From a fine-tuned run to a served artifact, on a tiny random BERT: whole, measured, refused once it is touched."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="exporting wants the [train] extra")
pytest.importorskip("onnx", reason="exporting wants the [train] extra")

from models.artifact import Artifact, load_artifact
from models.data.corpus import load_corpus
from models.engines import Request
from models.engines.batches import in_order, tokenize
from models.engines.onnx import BUDGET_TOKENS, LEAST_TOKENS, SLACK_TOKENS, OnnxEngine, by_length, share_of
from models.errors import ArtifactError, GateRefused
from models.evaluation.evaluate import score
from models.export import quantize
from models.export.classifier import export
from models.metrics import softmax
from models.tasks.task import Task, load_task
from models.training.finetune import finetune, predict
from models.training.network import load as load_network
from streams.commands.models import command as models_command


class Made:
    """The tiny task, trained and exported once."""

    def __init__(self, base: Path, data: Path, out: Path) -> None:
        self.task: Task = load_task(str(data / "tiny.toml"))
        self.corpus = load_corpus(self.task, data)
        self.run = out / "run"
        finetune(self.task, self.corpus, base, self.run, self.task.training)
        self.path = out / "tiny"
        self.manifest = self.export(self.path)
        self.artifact: Artifact = load_artifact(self.path)

    def export(self, path: Path, **options: Any) -> dict[str, Any]:
        return export(
            self.task, self.corpus, load_corpus(self.task, Path(), use="measure"), self.run / "best", path,
            version="1", base="tiny", commands=["gretchen models export …"], **options,
        )  # fmt: skip


@pytest.fixture(scope="module")
def made(tiny_base: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tiny_base, tiny_data, tmp_path_factory.mktemp("export"))


@pytest.fixture
def copy(made: Made, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made.path, tmp_path / "copy"))


def test_the_artifact_learned_its_task_and_its_manifest_says_so_of_the_served_model(made: Made) -> None:
    test = made.manifest["metrics"]["test"]
    assert test["moods.mood"]["accuracy"] > 0.8 and test["entities.named"]["accuracy"] > 0.8
    engine = OnnxEngine(made.artifact)
    scored = score(engine, made.corpus.of("test", "moods"))["mood"]
    assert (scored.probabilities.argmax(-1) == scored.labels).mean() == pytest.approx(
        test["moods.mood"]["accuracy"], abs=1e-4
    )
    card = (made.path / "README.md").read_text()
    assert str(test["moods.mood"]["accuracy"]) in card and "made up" in card


def test_the_whole_report_is_part_of_the_artifact_and_of_its_card(made: Made, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures want the [train] extra")
    manifest = made.export(tmp_path / "told", report=True)
    artifact = load_artifact(tmp_path / "told")  # every file of it is listed and verified
    told, figures = json.loads(artifact.read("report.json")), manifest["metrics"]["test"]["moods.mood"]
    assert told["sets"]["moods.mood"]["accuracy"] == figures["accuracy"]
    assert told["sets"]["moods.mood"]["temperature"]["served"] == artifact.config.heads["mood"].temperature
    low, high = figures["intervals"]["accuracy"]
    card = artifact.read("README.md").decode()
    assert f"{figures['accuracy']} [{low}, {high}]" in card and "(moods.mood-confusion.png)" in card
    assert artifact.read("moods.mood-confusion.png").startswith(b"\x89PNG")


def test_the_verb_writes_the_report_unless_told_not_to(made: Made, tiny_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures want the [train] extra")
    options = ["--task", str(tiny_data / "tiny.toml"), "--data", str(tiny_data), "--base-name", "tiny"]
    for out, more in (("told", []), ("short", ["--no-report"])):
        arguments = ["export", str(made.run), *options, "--out", str(tmp_path / out), *more]
        done = CliRunner().invoke(models_command, arguments, catch_exceptions=False)
        assert f"{out}: tiny/1" in done.stdout
    assert "report.md" in load_artifact(tmp_path / "told").manifest.files
    assert "report.md" not in load_artifact(tmp_path / "short").manifest.files


def test_the_served_int8_model_stays_near_the_network_it_came_from(made: Made) -> None:
    engine, examples = OnnxEngine(made.artifact), made.corpus.of("test", "moods")
    network = load_network(made.run / "best", made.task.heads)
    from tokenizers import Tokenizer

    items = tokenize(examples, Tokenizer.from_file(str(made.path / "tokenizer.json")), made.task.max_tokens)
    ordered = [item for part in in_order(items, 64) for item in part]
    logits, _ = predict(network, items, made.artifact.config.pad_id, "mean")["mood"]
    by_ids = {item.ids: row for item, row in zip(ordered, logits, strict=True)}
    temperature = made.artifact.config.heads["mood"].temperature
    for encoded, prediction in zip(
        encoded_all := engine.encode([Request(e.text) for e in examples]), engine.infer(encoded_all), strict=True
    ):
        assert np.abs(prediction["mood"] - softmax(by_ids[encoded.ids], temperature)).max() < 0.1


def test_a_spoiled_model_is_refused_with_its_figures_and_force_is_written_down(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = quantize.measure_ranges
    monkeypatch.setattr(  # activations clipped to almost nothing: what a calibration gone wrong does
        quantize,
        "measure_ranges",
        lambda *a: {name: seen._replace(low=seen.low / 1e3, high=seen.high / 1e3) for name, seen in true(*a).items()},
    )
    with pytest.raises(GateRefused, match=r"int8 lost too much on dev: .* -> "):
        made.export(tmp_path / "spoiled")
    assert not (tmp_path / "spoiled").exists()
    manifest = made.export(tmp_path / "spoiled", force=True)
    assert manifest["quantization"]["forced"] and "--force" in (tmp_path / "spoiled" / "README.md").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: (p / "model.onnx").write_bytes((p / "model.onnx").read_bytes() + b"\0"), r"model\.onnx has sha256"),
        (lambda p: (p / "tokenizer.json").write_text("{}"), r"tokenizer\.json has sha256"),
        (lambda p: (p / "tokenizer.json").unlink(), r"lacks tokenizer\.json"),
        (lambda p: (p / "weights.pkl").write_bytes(b"x"), r"holds weights\.pkl, which its manifest does not list"),
        (lambda p: (p / "manifest.json").unlink(), r"manifest\.json: No such file"),
        (lambda p: (p / "manifest.json").write_text("{"), r"manifest\.json: .*truncated"),
    ],
)
def test_what_was_touched_is_refused_by_name(copy: Path, change: Any, message: str) -> None:
    change(copy)
    with pytest.raises(ArtifactError, match=message):
        load_artifact(copy)


def test_a_model_by_gzip_is_smaller_and_says_the_same(made: Made, tmp_path: Path) -> None:
    made.export(tmp_path / "plain")
    made.export(tmp_path / "zipped", zipped=True)
    plain, zipped = load_artifact(tmp_path / "plain"), load_artifact(tmp_path / "zipped")
    assert not (tmp_path / "zipped" / "model.onnx").exists() and zipped.model() == plain.model()
    assert zipped.manifest.files["model.onnx.gz"].bytes < plain.manifest.files["model.onnx"].bytes
    engines = [OnnxEngine(artifact) for artifact in (plain, zipped)]
    first, second = (engine.infer(engine.encode([Request("acme rises")]))[0] for engine in engines)
    np.testing.assert_array_equal(first["mood"], second["mood"])


def test_what_gzip_cannot_read_is_refused_by_name(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "zipped"
    made.export(path, zipped=True)
    content = (path / "model.onnx.gz").read_bytes()[:-9]
    (path / "model.onnx.gz").write_bytes(content)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"]["model.onnx.gz"]["sha256"] = hashlib.sha256(content).hexdigest()
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=r"model\.onnx\.gz: .*reinstall gretchen"):
        load_artifact(path).model()


def test_labels_in_another_order_are_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    config["heads"]["mood"]["labels"].reverse()
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ArtifactError, match=r"config\.json has sha256"):
        load_artifact(copy)


def test_a_manifest_cannot_point_outside_its_directory(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"]["../run/config.json"] = {"sha256": "0", "bytes": 1}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="no plain file name"):
        load_artifact(copy)


def test_a_model_with_other_outputs_than_its_config_is_refused(made: Made) -> None:
    heads = {"mood": replace_labels(made, "bad", "good", "odd"), "named": made.artifact.config.heads["named"]}
    import msgspec

    config = msgspec.structs.replace(made.artifact.config, heads=heads)
    with pytest.raises(ArtifactError, match="has the outputs"):
        OnnxEngine(replace(made.artifact, config=config))


def replace_labels(made: Made, *labels: str) -> Any:
    import msgspec

    return msgspec.structs.replace(made.artifact.config.heads["mood"], labels=labels)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["acme", "shares", "rise", "fall", "zz", "❤"]), max_size=30), min_size=1, max_size=9
    )
)
def test_probabilities_come_back_in_the_order_given_whatever_the_lengths(made: Made, texts: list[list[str]]) -> None:
    engine = OnnxEngine(made.artifact, threads=2)
    requests = [Request(" ".join(words), ((0, 4),) if words[:1] == ["acme"] else ()) for words in texts]
    together = engine.infer(engine.encode(requests))
    for request, prediction in zip(requests, together, strict=True):
        (alone,) = engine.infer(engine.encode([request]))
        assert prediction["named"].shape == (len(request.spans), 2) and prediction["mood"].shape == (2,)
        for head in ("mood", "named"):
            np.testing.assert_allclose(prediction[head], alone[head], atol=5e-3)
            np.testing.assert_allclose(prediction[head].sum(-1), 1, atol=1e-5)


def test_a_text_past_the_limit_is_cut_and_says_so_and_a_span_past_it_is_judged_by_the_whole_text(made: Made) -> None:
    engine = OnnxEngine(made.artifact)
    text = "rise " * 40 + "acme"
    short, long = engine.encode([Request("acme rise", ((0, 4),)), Request(text, ((len(text) - 4, len(text)),))])
    assert not short.truncated and short.spans == ((1, 2),)
    assert long.truncated and long.spans == (None,) and len(long.ids) == made.task.max_tokens
    assert engine.infer([long])[0]["named"].shape == (1, 2)


def test_empty_text_and_no_request_are_legal(made: Made) -> None:
    engine = OnnxEngine(made.artifact)
    assert engine.infer([]) == [] and engine.encode([]) == []
    assert engine.infer(engine.encode([Request("")]))[0]["mood"].sum() == pytest.approx(1)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=400), st.integers(1, 8), st.sampled_from((128, 512)))
def test_every_thread_has_a_share_of_what_is_there(lengths: list[int], threads: int, most: int) -> None:
    share = share_of(sum(lengths), threads, most)
    assert min(LEAST_TOKENS, most) <= share <= most
    if threads == 1 and sum(lengths) <= most:
        assert share >= min(most, sum(lengths))
    if LEAST_TOKENS < share < most:  # the last turn is as full as the others, but for the slack
        assert (share - SLACK_TOKENS - 1) * threads < sum(lengths)


@given(st.lists(st.integers(2, 128), max_size=80))
def test_batches_hold_each_text_once_within_budget_and_slack(lengths: list[int]) -> None:
    batches = list(by_length(lengths))
    assert sorted(n for batch in batches for n in batch) == list(range(len(lengths)))
    for batch in batches:
        width = max(lengths[n] for n in batch)
        assert width * len(batch) <= max(BUDGET_TOKENS, width)
        assert all(width - lengths[n] <= SLACK_TOKENS for n in batch)
