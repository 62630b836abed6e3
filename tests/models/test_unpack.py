"""Weights read back out of a graph against those it was built of. Needs the [train] extra."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("onnx", reason="reading graphs wants the [train] extra")
pytest.importorskip("torch", reason="the tiny model wants the [train] extra")

from onnx import TensorProto, helper
from safetensors.numpy import load_file

from models import graph
from models.artifact import load_artifact
from models.engines import Request
from models.engines.batches import arrays
from models.engines.onnx import OnnxEngine
from models.errors import ArtifactError
from models.export import quantize
from models.export.classifier import write_artifact
from models.unpack import Strange, unpack, unpack_model
from streams.settings import Settings
from tests.support.tiny_artifact import make_artifact

WORDS, PLACES, TYPES = (f"encoder.embeddings.{name}_embeddings.weight" for name in ("word", "position", "token_type"))
HEADS = {"mood": 2, "named": 3}
MAKERS: dict[str, tuple[graph.Build, tuple[str, ...]]] = {
    "classifier": (graph.classifier(HEADS), ("spans",)),
    "pairs": (graph.classifier(HEADS, pair=True), ("spans", "token_types")),
    "reader": (graph.Builder.reader, ("token_types",)),
    "encoder": (graph.Builder.text_encoder, ("spans",)),
}


class Exported:
    """What an export starts from: random weights, of which one channel is far larger than the others."""

    def __init__(self, base: Path) -> None:
        rng = np.random.default_rng(1)
        self.config: dict[str, Any] = json.loads((base / "config.json").read_text())
        self.weights = {f"encoder.{name}": value for name, value in load_file(base / "model.safetensors").items()}
        for name, size in {"heads.mood": 2, "heads.named": 3, "outputs": 2}.items():
            self.weights[f"{name}.weight"] = rng.normal(size=(size, 32)).astype(np.float32)
            self.weights[f"{name}.bias"] = rng.normal(size=size).astype(np.float32)
        for name in self.weights:
            if name.endswith(".bias"):
                self.weights[name] = rng.normal(0, 0.1, self.weights[name].shape).astype(np.float32)
        self.weights["encoder.encoder.layer.0.intermediate.dense.bias"][5] = 40
        self.rng = rng

    def feed(self, names: tuple[str, ...]) -> dict[str, Any]:
        ids = self.rng.integers(4, self.config["vocab_size"], (1, 14))
        given = dict(zip(("input_ids", "lengths", "spans"), arrays(ids.tolist(), [[]], 0, "mean"), strict=True))
        given["token_types"] = (np.arange(14)[None] > 6).astype(np.int64)
        return {name: given[name] for name in ("input_ids", "lengths", *names)}

    def ranges(self, kind: str) -> graph.Ranges:
        make, names = MAKERS[kind]
        return quantize.ranges_over(
            [self.feed(names) for _ in range(20)], make, self.weights, self.config, apart=kind in ("reader", "encoder")
        )


@pytest.fixture(scope="module")
def exported(tiny_base: Path) -> Exported:
    return Exported(tiny_base)


def expected(weights: Mapping[str, graph.Floats], kind: str) -> dict[str, graph.Floats]:
    """What a graph holds of the weights it is built of: positions and types are in one table."""
    last = {"classifier": "heads.", "pairs": "heads.", "reader": "outputs.", "encoder": "nothing"}[kind]
    held = {name: value for name, value in weights.items() if name.startswith(("encoder.", last))}
    types = weights[TYPES]
    held[PLACES] = weights[PLACES] + types[:1]
    held[TYPES] = types - types[:1] if kind in ("pairs", "reader") else np.zeros_like(types)
    return held


@pytest.mark.parametrize("kind", MAKERS)
def test_a_float32_graph_gives_its_weights_back_and_the_config_they_belong_to(exported: Exported, kind: str) -> None:
    unpacked = unpack_model(graph.build_of(MAKERS[kind][0], exported.weights, exported.config))
    wanted = expected(exported.weights, kind)
    assert unpacked.weights.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(unpacked.weights[name], value, err_msg=name)
    assert unpacked.config == {key: exported.config[key] for key in unpacked.config}
    assert unpacked.heads == (HEADS if kind in ("classifier", "pairs") else {})


@pytest.mark.parametrize("kind", MAKERS)
def test_what_was_unpacked_is_unpacked_again_without_a_change(exported: Exported, kind: str) -> None:
    make, ranges = MAKERS[kind][0], exported.ranges(kind)
    once = unpack_model(graph.build_of(make, exported.weights, exported.config, ranges, 4))
    again = unpack_model(graph.build_of(make, once.weights, once.config))
    assert again.config == once.config and again.weights.keys() == once.weights.keys()
    for name, value in once.weights.items():
        np.testing.assert_array_equal(again.weights[name], value, err_msg=name)


@pytest.mark.parametrize("word_bits", [8, 4])
@pytest.mark.parametrize("kind", MAKERS)
def test_int8_weights_come_back_within_half_a_step_of_what_they_were(
    exported: Exported, kind: str, word_bits: int
) -> None:
    ranges = exported.ranges(kind)
    assert any(seen.smoothing is not None for seen in ranges.values())
    assert (kind in ("reader", "encoder")) == any(seen.apart for seen in ranges.values())
    unpacked = unpack_model(graph.build_of(MAKERS[kind][0], exported.weights, exported.config, ranges, word_bits))
    for name, value in expected(exported.weights, kind).items():
        off = np.abs(unpacked.weights[name] - value)
        assert (off <= largest_error(name, value, ranges, word_bits)).all(), name
        assert off.any() == is_quantized(name), name


def is_quantized(name: str) -> bool:
    return name == WORDS or (".layer." in name and name.endswith(".weight") and "LayerNorm" not in name)


def largest_error(name: str, value: graph.Floats, ranges: graph.Ranges, word_bits: int) -> Any:
    """Half a step of each weight, and a little for what float32 rounds; of 4 bits a whole one, as extremes are cut."""
    if not is_quantized(name):
        return 0
    if name == WORDS and word_bits == 4:
        groups = np.abs(value.reshape(len(value), -1, graph.GROUP)).max(2, keepdims=True)
        return np.repeat(groups, graph.GROUP, 2).reshape(value.shape) * 0.31
    if name == WORDS:
        return np.abs(value).max(1, keepdims=True) / 127 / 2 + 1e-7
    layer, part = int(name.split(".")[3]), name.split(".", 4)[4]
    smoothing = ranges[f"{layer}.up"].smoothing if part.startswith("intermediate") else None
    by = np.ones(value.shape[1], np.float32) if smoothing is None else smoothing
    return np.abs(value * by).max(1, keepdims=True) / graph.LEVELS / 2 / by + 1e-6


def test_channels_apart_come_back_as_they_were(exported: Exported) -> None:
    ranges = exported.ranges("reader")
    name = "encoder.encoder.layer.0.output.dense.weight"
    unpacked = unpack_model(graph.build_of(graph.Builder.reader, exported.weights, exported.config, ranges))
    apart = list(ranges["0.down"].apart)
    assert 5 in apart
    np.testing.assert_array_equal(unpacked.weights[name][:, apart], exported.weights[name][:, apart])


def test_heads_on_a_pooler_bring_it_back(exported: Exported) -> None:
    weights = dict(exported.weights)
    weights[f"{graph.POOLER}.weight"] = np.eye(32, dtype=np.float32) * 2
    weights[f"{graph.POOLER}.bias"] = np.ones(32, np.float32)
    unpacked = unpack_model(graph.build(weights, exported.config, HEADS))
    np.testing.assert_array_equal(unpacked.weights[f"{graph.POOLER}.weight"], weights[f"{graph.POOLER}.weight"])


def test_a_graph_of_others_is_refused_with_what_was_met(exported: Exported) -> None:
    model = graph.build(exported.weights, exported.config, HEADS)
    for node in model.graph.node:
        if node.op_type == "BiasGelu":
            node.op_type, node.domain = "FastGelu", graph.MS
    with pytest.raises(Strange, match=r"BiasGelu_\d+ comes from FastGelu, wanted BiasGelu"):
        unpack_model(model)
    plain = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])], "of others",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )  # fmt: skip
    with pytest.raises(Strange, match="no MultiHeadAttention"):
        unpack_model(helper.make_model(plain))


def test_an_artifact_is_unpacked_and_one_of_another_make_refused_by_its_path(tiny_base: Path, tmp_path: Path) -> None:
    made = load_artifact(make_artifact(tiny_base, tmp_path / "tiny", ["acme wins", "acme warns"], ["good", "bad"]))
    assert unpack(made).heads == {"mood": 2}
    (made.path / "model.onnx").write_bytes(b"no model")
    manifest = json.loads((made.path / "manifest.json").read_text())
    manifest["files"]["model.onnx"]["sha256"] = hashlib.sha256(b"no model").hexdigest()
    (made.path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=r"model\.onnx: onnx can't read it"):
        unpack(load_artifact(made.path))


def test_the_shipped_news_model_in_float32_says_of_nearly_all_texts_what_it_says_in_int8(tmp_path: Path) -> None:
    artifact = load_artifact(Settings().news_model)
    weights, config, heads = unpack(artifact)
    files = {
        "tokenizer.json": artifact.read("tokenizer.json"),
        "model.onnx": graph.build(weights, config, heads).SerializeToString(),
    }
    manifest = {"name": "news", "version": "0"}
    write_artifact(tmp_path / "news", json.loads(artifact.read("config.json")), files, manifest, readme="For a test.\n")
    requests = [Request(text) for text in sample_texts(150)]
    served, rebuilt = (OnnxEngine(of) for of in (artifact, load_artifact(tmp_path / "news")))
    pairs = list(zip(served.infer(served.encode(requests)), rebuilt.infer(rebuilt.encode(requests)), strict=True))
    for head, share in {"sentiment": 0.97, "topic": 0.9}.items():  # of the 20 topics many are neighbors
        assert np.mean([a[head].argmax() == b[head].argmax() for a, b in pairs]) >= share, head


def sample_texts(count: int) -> list[str]:
    path = Path(__file__).parents[2] / "streams" / "sample" / "news.jsonl"
    return [msgspec.json.decode(line)["text"] for line in path.read_bytes().splitlines()[:count]]
