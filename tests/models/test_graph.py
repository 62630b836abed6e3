"""The exported graph against the network it came from. Needs the [train] extra."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="comparing with the network wants the [train] extra")
pytest.importorskip("transformers", reason="comparing with the network wants the [train] extra")

import onnxruntime as ort  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402

from models import graph  # noqa: E402
from models.data.corpus import Target  # noqa: E402
from models.engines.batches import Batch, Item, collate  # noqa: E402
from models.export import quantize  # noqa: E402
from models.tasks.task import Head  # noqa: E402
from models.training import network  # noqa: E402

HEADS = {
    "mood": Head("mood", "text", ("bad", "good"), "accuracy"),
    "named": Head("named", "span", ("a", "b", "c"), "accuracy"),
}
LABELS = {name: len(head.labels) for name, head in HEADS.items()}


class Models:
    """The tiny network and its two graphs."""

    def __init__(self, directory: Path, base: Path) -> None:
        torch.manual_seed(5)
        network.save(network.from_base(base, HEADS, 0.1).eval(), directory)
        weights, config = (
            load_file(directory / "model.safetensors"),
            json.loads((directory / "config.json").read_text()),
        )
        self.vocabulary = config["vocab_size"]
        self.network = network.load(directory, HEADS)
        rng = np.random.default_rng(0)
        texts = [item(rng.integers(4, self.vocabulary, 12).tolist()) for _ in range(40)]
        ranges = quantize.measure_ranges(weights, config, LABELS, texts)
        self.float32 = session(graph.build(weights, config, LABELS).SerializeToString())
        self.int8 = session(graph.build(weights, config, LABELS, ranges).SerializeToString())


def session(model: bytes) -> ort.InferenceSession:
    return ort.InferenceSession(model, providers=["CPUExecutionProvider"])


def item(ids: list[int]) -> Item:
    return Item((2, *ids, 3), ((1, 1 + len(ids)),), (Target("mood", 0), Target("named", 0, 1.0, (0, 1))))


def run(of: ort.InferenceSession, batch: Batch) -> dict[str, Any]:
    feed = {"input_ids": batch.input_ids, "lengths": batch.lengths, "spans": batch.spans}
    return dict(zip(LABELS, of.run(list(LABELS), feed), strict=True))


@pytest.fixture(scope="module")
def models(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(tmp_path_factory.mktemp("saved"), tiny_base)


def batch_of(models: Models, lengths: list[int], seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    return collate([item(rng.integers(4, models.vocabulary, n).tolist()) for n in lengths], 0, "mean")


def test_the_float32_graph_equals_the_network_to_1e_5(models: Models) -> None:
    batch = batch_of(models, [1, 3, 9, 20])
    ids = torch.from_numpy(batch.input_ids)
    mask = (torch.arange(ids.shape[1])[None] < torch.from_numpy(batch.lengths)[:, None]).long()
    with torch.no_grad():
        expected = models.network(ids, mask, torch.from_numpy(batch.spans))
    for head, logits in run(models.float32, batch).items():
        assert logits.shape == expected[head].shape
        np.testing.assert_allclose(logits, expected[head].numpy(), atol=1e-5)


def test_the_int8_graph_is_near_the_float32_graph_and_not_the_same(models: Models) -> None:
    batch = batch_of(models, [4, 8, 16])
    for head, logits in run(models.int8, batch).items():
        difference = np.abs(logits - run(models.float32, batch)[head]).max()
        assert 0 < difference < 0.15


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=2, max_size=6), st.integers(0, 9))
def test_an_int8_score_does_not_depend_on_batch_mates(models: Models, lengths: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    items = [item(rng.integers(4, models.vocabulary, n).tolist()) for n in lengths]
    together = run(models.int8, collate(items, 0, "mean"))
    for n, one in enumerate(items):
        alone = run(models.int8, collate([one], 0, "mean"))
        for head in LABELS:
            # 5e-3: sums in another order can round one activation to the next of 255 steps; dynamic ranges cost 0.17
            np.testing.assert_allclose(together[head][n], alone[head][0], atol=5e-3)


def test_a_word_table_in_4_bits_is_near_the_one_it_was_made_of_and_is_read_as_it_was_packed() -> None:
    rng = np.random.default_rng(1)
    words = rng.normal(0, 0.05, (50, 128)).astype(np.float32)
    words[7] = 0
    packed = graph.pack_rows(words)
    assert packed.codes.nbytes + packed.scales.nbytes < 0.65 * words.size  # of a byte each
    codes = np.concatenate([packed.codes & 15, packed.codes >> 4], 1).astype(np.float32) - 8
    unpacked = codes * np.repeat(packed.scales.astype(np.float32), graph.GROUP, 1)
    assert np.abs(unpacked - words).max() < words.std()
    assert np.sqrt(((unpacked - words) ** 2).mean()) < 0.1 * words.std()
    builder = graph.Builder({}, graph.Encoder(0, 1, 128, 1e-12), {}, word_bits=4)
    rows = builder.packed_words(packed)
    model = builder.model(([], [graph.info(rows, graph.FLOATS, ["B", "S", "H"])]), observe=False)
    ids = rng.integers(0, 50, (3, 9))
    (read,) = session(model.SerializeToString()).run([rows], {"input_ids": ids, "lengths": np.full(3, 9)})
    np.testing.assert_array_equal(read, unpacked[ids])


def test_channels_far_larger_than_the_rest_go_through_float32_and_the_rest_keeps_its_steps(
    tiny_base: Path, tmp_path: Path
) -> None:
    network.save(network.from_base(tiny_base, HEADS, 0.1).eval(), tmp_path)
    weights, config = load_file(tmp_path / "model.safetensors"), json.loads((tmp_path / "config.json").read_text())
    weights["encoder.encoder.layer.0.intermediate.dense.bias"][5] = 40  # what training does to a channel or two
    rng = np.random.default_rng(0)
    batches = [collate([item(rng.integers(4, config["vocab_size"], 12).tolist())], 0, "mean") for _ in range(40)]
    feeds = [{"input_ids": b.input_ids, "lengths": b.lengths, "spans": b.spans} for b in batches]
    make = graph.classifier(LABELS)
    plain, apart = (quantize.ranges_over(feeds, make, weights, config, apart=apart) for apart in (False, True))
    assert (
        5 in apart["0.down"].apart
        and plain["0.down"].apart == ()
        and apart["0.down"].high < 3 < 30 < plain["0.down"].high
    )
    exact, coarse, fine = (
        run(session(graph.build_of(make, weights, config, ranges).SerializeToString()), batches[0])["mood"]
        for ranges in (None, plain, apart)
    )
    assert np.abs(fine - exact).max() < np.abs(coarse - exact).max() / 2


def test_few_channels_are_outliers_or_none() -> None:
    sizes = np.ones(64, np.float32)
    assert quantize.outliers(-sizes, sizes) == ()
    sizes[[3, 9]] = 5
    assert quantize.outliers(-sizes, 0 * sizes) == (3, 9)
    sizes[:20] = 5
    assert quantize.outliers(-sizes, sizes) == ()


def test_weights_stay_within_seven_bits_and_near_what_they_were() -> None:
    weight = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
    weight[:, 3] = 0
    quantized, scale = graph.quantize_columns(weight)
    assert quantized.min() >= -63 and quantized.max() <= 63
    assert (np.abs(quantized * scale - weight) <= scale / 2 + 1e-6).all()


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_zero_is_exact_and_the_whole_range_fits(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    scale, zero = graph.activation_scale(low, high)
    assert 0 <= zero <= 255
    assert (0 - float(zero)) * scale <= min(low, 0) + scale and (255 - float(zero)) * scale >= max(high, 0) - scale
