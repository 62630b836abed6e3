"""The engine for a GPU against the one for a CPU; most of it on a CPU in float32. Needs the [train] extra."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the engine for a GPU wants the [train] or [gpu] extra")
pytest.importorskip("onnx", reason="the engine for a GPU wants the [train] or [gpu] extra")

import msgspec
import torch
from safetensors.numpy import load_file, save_file

from models import graph
from models.artifact import load_artifact
from models.engines import Prediction, Request
from models.engines.gpu import ALIGNED, BUDGET_TOKENS, Gpu, TorchEngine, aligned
from models.engines.onnx import OnnxEngine, by_length
from models.errors import ArtifactError, InputError, SettingsError
from models.export.classifier import write_artifact
from streams.settings import Settings

HEADS: dict[str, Any] = {
    "mood": {"on": "text", "labels": ["bad", "good"], "temperature": 1.5},
    "named": {"on": "span", "labels": ["bad", "flat", "good"], "temperature": 0.7},
    "kind": {"on": "text", "labels": ["a", "b", "c", "d"], "temperature": 1.0},
}
GIVEN = st.lists(st.sampled_from(["acme", "shares", "rise", "fall", "zz", "❤"]), max_size=30)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


def make(base: Path, out: Path, *, pair: bool = False, pooler: bool = False, max_tokens: int = 24) -> Path:
    """A float32 artifact with random heads, so that ONNX Runtime's scores of it are the reference."""
    rng = np.random.default_rng(3)
    weights = {f"encoder.{name}": value for name, value in load_file(base / "model.safetensors").items()}
    heads = {name: head for name, head in HEADS.items() if not (pair and head["on"] == "span")}
    for name, head in heads.items():
        size = len(head["labels"])
        weights[f"heads.{name}.weight"] = rng.normal(size=(size, 32)).astype(np.float32)
        weights[f"heads.{name}.bias"] = rng.normal(size=size).astype(np.float32)
    if pooler:
        weights[f"{graph.POOLER}.weight"] = rng.normal(size=(32, 32)).astype(np.float32)
        weights[f"{graph.POOLER}.bias"] = rng.normal(size=32).astype(np.float32)
    config = json.loads((base / "config.json").read_text())
    model = graph.build(weights, config, {name: len(head["labels"]) for name, head in heads.items()}, pair=pair)
    declared = {"format": 1, "task": "tiny", "max_tokens": max_tokens, "pad_id": 0, "text_pooling": "mean",
                "heads": heads, **({"pair": True} if pair else {})}  # fmt: skip
    files = {"tokenizer.json": (base / "tokenizer.json").read_bytes(), "model.onnx": model.SerializeToString()}
    write_artifact(out, declared, files, {"name": "tiny", "version": "1"}, readme="Made for a test.\n")
    return out


class Engines:
    """Of the same artifact, ours on a CPU in float32, and the reference."""

    def __init__(self, path: Path) -> None:
        artifact = load_artifact(path)
        self.ours, self.reference = TorchEngine(artifact, "cpu"), OnnxEngine(artifact, threads=1)

    def agree(self, requests: Sequence[Request]) -> None:
        assert self.ours.encode(requests) == self.reference.encode(requests)
        encoded = self.ours.encode(requests)
        for ours, reference in zip(self.ours.infer(encoded), self.reference.infer(encoded), strict=True):
            assert_close(ours, reference, 1e-5)


def assert_close(one: Prediction, other: Prediction, tolerance: float) -> None:
    assert one.keys() == other.keys()
    for head, probabilities in one.items():
        assert probabilities.dtype == np.float32 and probabilities.shape == other[head].shape
        np.testing.assert_allclose(probabilities, other[head], atol=tolerance)


def requests_of(texts: Sequence[Sequence[str]]) -> list[Request]:
    return [Request(" ".join(words), ((0, 4), (0, 1)) if words[:1] == ["acme"] else ()) for words in texts]


@pytest.fixture(scope="module")
def engines(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Engines:
    return Engines(make(tiny_base, tmp_path_factory.mktemp("gpu") / "tiny"))


@settings(max_examples=30, deadline=None)
@given(st.lists(GIVEN, min_size=1, max_size=9))
def test_probabilities_are_those_of_the_float_reference_in_the_order_given(
    engines: Engines, texts: list[list[str]]
) -> None:
    engines.agree(requests_of(texts))


@settings(max_examples=30, deadline=None)
@given(st.lists(GIVEN, min_size=2, max_size=9))
def test_a_text_scores_alone_as_it_does_in_any_batch(engines: Engines, texts: list[list[str]]) -> None:
    encoded = engines.ours.encode(requests_of(texts))
    for one, together in zip(encoded, engines.ours.infer(encoded), strict=True):
        assert_close(engines.ours.infer([one])[0], together, 1e-5)


def test_texts_past_the_limit_empty_ones_and_none_at_all_are_legal(engines: Engines) -> None:
    text = "rise " * 40 + "acme"
    engines.agree([Request(""), Request(text, ((len(text) - 4, len(text)),)), Request("acme", ((0, 4),))])
    assert engines.ours.infer([]) == []


def test_pairs_are_scored_with_their_types(tiny_base: Path, tmp_path: Path) -> None:
    engines = Engines(make(tiny_base, tmp_path / "pairs", pair=True))
    engines.agree([Request("acme wins", (), "rise"), Request("fall", (), "acme warns today and shares rise")])
    with pytest.raises(InputError, match="scores pairs"):
        engines.ours.encode([Request("acme wins")])


def test_heads_on_a_pooler_are_scored_through_it(tiny_base: Path, tmp_path: Path) -> None:
    Engines(make(tiny_base, tmp_path / "pooled", pooler=True)).agree(requests_of([["acme", "rise"], ["fall"]]))


def test_a_text_as_long_as_there_are_places_is_scored_though_no_wider_batch_could_be(
    tiny_base: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "base"
    cut.mkdir()
    for file in tiny_base.iterdir():
        (cut / file.name).write_bytes(file.read_bytes())
    weights = load_file(cut / "model.safetensors")
    weights["embeddings.position_embeddings.weight"] = weights["embeddings.position_embeddings.weight"][:21]
    save_file(weights, cut / "model.safetensors")
    Engines(make(cut, tmp_path / "narrow", max_tokens=21)).agree(requests_of([["rise"] * 19, ["acme"], ["fall"] * 14]))


@given(st.lists(st.integers(2, 128), max_size=400))
def test_batches_are_each_of_one_width_and_within_the_budget(lengths: list[int]) -> None:
    widths = [aligned(length, 128) for length in lengths]
    for batch in by_length(widths, BUDGET_TOKENS):
        (width,) = {widths[n] for n in batch}
        assert width * len(batch) <= BUDGET_TOKENS


@given(st.integers(1, 600), st.integers(1, 600))
def test_a_width_is_a_multiple_of_eight_where_there_are_places_for_it(tokens: int, places: int) -> None:
    width = aligned(min(tokens, places), places)
    assert min(tokens, places) <= width <= places
    assert width % ALIGNED == 0 or width == places


def test_the_shipped_news_model_says_of_its_sample_what_it_says_on_a_cpu() -> None:
    artifact = load_artifact(Settings().news_model)
    ours, served = TorchEngine(artifact, "cpu"), OnnxEngine(artifact)
    encoded = ours.encode([Request(text, ((0, 4),)) for text in sample_texts(60)])
    pairs = list(zip(ours.infer(encoded), served.infer(encoded), strict=True))
    for head, share in {"sentiment": 0.95, "entity_sentiment": 0.95, "topic": 0.85}.items():
        assert np.mean([a[head].argmax() == b[head].argmax() for a, b in pairs]) >= share, head


def sample_texts(count: int) -> list[str]:
    path = Path(__file__).parents[2] / "streams" / "sample" / "news.jsonl"
    return [json.loads(line)["text"] for line in path.read_text().splitlines()[:count]]


def test_without_a_cuda_device_one_line_says_what_to_do(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    artifact = load_artifact(make(tiny_base, tmp_path / "tiny"))
    with pytest.raises(SettingsError, match=r"finds no CUDA device here; install .*GRETCHEN_DEVICE=cpu"):
        TorchEngine(artifact)


def test_a_model_with_other_outputs_than_its_config_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    path = make(tiny_base, tmp_path / "tiny")
    artifact = load_artifact(path)
    fewer = {name: head for name, head in artifact.config.heads.items() if name != "kind"}
    with pytest.raises(ArtifactError, match="has the outputs"):
        TorchEngine(replace(artifact, config=msgspec.structs.replace(artifact.config, heads=fewer)), "cpu")


@pytest.mark.cuda
@needs_cuda
def test_on_a_gpu_scores_are_near_the_reference_and_apart_from_batch_mates(tiny_base: Path, tmp_path: Path) -> None:
    artifact = load_artifact(make(tiny_base, tmp_path / "tiny"))
    ours, reference = TorchEngine(artifact, "cuda"), OnnxEngine(artifact, threads=1)
    rng = np.random.default_rng(0)
    texts = [rng.choice(["acme", "shares", "rise", "fall"], rng.integers(0, 30)).tolist() for _ in range(300)]
    encoded = ours.encode(requests_of(texts))
    together = ours.infer(encoded)
    for one, row, wanted in zip(encoded, together, reference.infer(encoded), strict=True):
        assert_close(row, wanted, 5e-2)
        assert_close(ours.infer([one])[0], row, 2e-2)


@pytest.mark.cuda
@needs_cuda
def test_on_a_gpu_several_threads_get_each_their_own_rows() -> None:
    engine = TorchEngine(load_artifact(Settings().news_model), "cuda")
    parts = [engine.encode([Request(text) for text in sample_texts(400)[n::4]]) for n in range(4)]
    alone = [engine.infer(part) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        for rows, wanted in zip(pool.map(engine.infer, parts * 5), alone * 5, strict=True):
            for one, other in zip(rows, wanted, strict=True):
                assert_close(one, other, 2e-2)


@pytest.mark.cuda
@needs_cuda
def test_the_device_is_told_by_its_name() -> None:
    assert "by torch" in str(Gpu.of("cuda")) and str(Gpu.of("cpu")).startswith("cpu in float32")
