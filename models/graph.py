"""The served graph, built node by node with onnx.helper: a BERT encoder, and what the kind of task makes of it.

Inputs  input_ids int64 [B, S]; lengths int64 [B]; and
    classifier  spans float32 [B, K, S], the pooling weights, and of pairs token_types int64 [B, S];
                out: <head> float32 [B, K, labels], raw logits a span
    reader      token_types int64 [B, S]; out: bounds float32 [B, S, 2], start and end logits of every token
    encoder     spans float32 [B, 1, S], the pooling weights; out: embedding float32 [B, hidden], of length 1

Built by hand because no exporter gives this: one matmul for Q, K and V, attention with the true lengths as key mask,
and static int8 throughout (u8 activations with ranges known beforehand, s8 weights per output channel). Static, so a
text's score never depends on its batch-mates. Weights use 7 bits: without VNNI, pairs of u8*s8 products are added with
saturation to int16 (vpmaddubsw); 2 * 255 * 63 fits, 2 * 255 * 127 does not, and scores would differ between CPUs.

Needs numpy and onnx only. `weights` are named as models/training/network.py saves them, a reader's last ones `outputs`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

MS = "com.microsoft"
LEVELS = 63
GROUP = 16  # columns of a word's row that share a scale in 4 bits
POOLER = "encoder.pooler.dense"
INTS, FLOATS = TensorProto.INT64, TensorProto.FLOAT
Floats = npt.NDArray[np.float32]
Values = tuple[Sequence[onnx.ValueInfoProto], Sequence[onnx.ValueInfoProto]]
"""A graph's inputs beside ids and lengths, and its outputs."""

info = helper.make_tensor_value_info
SPANS = info("spans", FLOATS, ["B", "K", "S"])
TYPES = info("token_types", INTS, ["B", "S"])


class Range(NamedTuple):
    """The least and greatest value seen in a matmul's input, after each of its channels was divided by `smoothing`.

    The channels `apart` are not in it: they go through float32, being few and far larger than the rest.
    """

    low: float
    high: float
    smoothing: Floats | None = None
    apart: tuple[int, ...] = ()


Ranges = Mapping[str, Range]
"""Name of a matmul's input ("0.qkv", "0.attended", "0.up", "0.down") -> what was seen in it."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """What the graph needs of a BERT config."""

    layers: int
    attention_heads: int
    hidden: int
    epsilon: float

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Encoder":
        return cls(
            config["num_hidden_layers"], config["num_attention_heads"], config["hidden_size"], config["layer_norm_eps"]
        )


class Nodes:
    """Collects nodes and constants; each method adds one and returns its output's name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: npt.NDArray[Any]) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(
        self, op: str, inputs: Sequence[str], *, outputs: Sequence[str] = (), domain: str = "", **attributes: Any
    ) -> str:
        name = f"{op}_{len(self.nodes)}"
        out = list(outputs) or [name]
        self.nodes.append(helper.make_node(op, list(inputs), out, name=name, domain=domain, **attributes))
        return out[0]


def quantize_columns(weight: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Symmetric 7-bit weights [in, out] and one scale for each output, float32 [out]."""
    scale = np.abs(weight).max(0) / LEVELS
    scale[scale == 0] = 1
    return np.clip(np.round(weight / scale), -LEVELS, LEVELS).astype(np.int8), scale.astype(np.float32)


class Packed(NamedTuple):
    """A word table in 4 bits: `codes` uint8 [V, H/2], of a byte the low half for the first H/2 columns, the high half
    for the others, each 8 more than the value; `scales` float16 [V, H/GROUP], of the columns' groups in their order.
    """

    codes: npt.NDArray[np.uint8]
    scales: npt.NDArray[np.float16]


def pack_rows(words: Floats) -> Packed:
    """Symmetric 4-bit values and a scale for each GROUP columns of a row; H is a multiple of 2 * GROUP."""
    groups = words.reshape(len(words), -1, GROUP)
    # the greatest value does not decide alone: of several scales the one that loses least
    widest = np.maximum(np.abs(groups).max(2, keepdims=True) / 7, 1e-7)
    best, scales = np.full(widest.shape, np.inf), widest
    for share in np.linspace(0.7, 1, 7, dtype=np.float32):
        scale = (widest * share).astype(np.float16).astype(np.float32)
        lost = ((np.clip(np.round(groups / scale), -7, 7) * scale - groups) ** 2).sum(2, keepdims=True)
        best, scales = np.minimum(best, lost), np.where(lost < best, scale, scales)
    codes = (np.clip(np.round(groups / scales), -7, 7) + 8).astype(np.uint8).reshape(words.shape)
    half = words.shape[1] // 2
    return Packed(codes[:, :half] | codes[:, half:] << 4, scales[..., 0].astype(np.float16))


def activation_scale(low: float, high: float) -> tuple[np.float32, np.uint8]:
    """Scale and zero point of u8 for values in [low, high]; zero is always exact."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32(max(high - low, 1e-6) / 255)
    return scale, np.uint8(np.clip(round(-low / scale), 0, 255))


class Builder:
    """One graph. With `ranges` the matmuls named there are int8; without, all are float32, and `observed` names what to
    measure.
    """

    def __init__(
        self, weights: Mapping[str, Floats], encoder: Encoder, ranges: Ranges | None, word_bits: int = 8
    ) -> None:
        self.g = Nodes()
        self.w = weights
        self.encoder = encoder
        self.ranges = ranges
        self.word_bits = word_bits
        self.observed: dict[str, str] = {}

    def const(self, name: str) -> str:
        return self.g.constant(self.w[name])

    def norm(self, x: str, name: str) -> str:
        pair = [self.const(f"{name}.weight"), self.const(f"{name}.bias")]
        return self.g.add("LayerNormalization", [x, *pair], axis=-1, epsilon=self.encoder.epsilon)

    def matmul(self, x: str, weight: Floats, bias: Floats | None, name: str) -> str:
        """x [.., in] @ weight [in, out] + bias."""
        self.observed[name] = x
        if self.ranges is None or name not in self.ranges:
            y = self.g.add("MatMul", [x, self.g.constant(weight)])
            return y if bias is None else self.g.add("Add", [y, self.g.constant(bias)])
        low, high, smoothing, apart = self.ranges[name]
        exact = None
        if apart:
            channels = np.array(apart, np.int64)
            few = self.g.add("Gather", [x, self.g.constant(channels)], axis=-1)
            exact = self.g.add("MatMul", [few, self.g.constant(weight[channels])])
            weight = weight.copy()
            weight[channels] = 0  # they saturate in int8, and that must not count
        if smoothing is not None:
            x, weight = self.g.add("Mul", [x, self.g.constant(1 / smoothing)]), weight * smoothing[:, None]
        scale, zero = (self.g.constant(np.array(value)) for value in activation_scale(low, high))
        quantized = self.g.add("QuantizeLinear", [x, scale, zero])
        columns, scales = (self.g.constant(value) for value in quantize_columns(weight))
        zeros = self.g.constant(np.zeros(weight.shape[1], np.int8))
        inputs = [quantized, columns, scale, scales, zero, zeros]
        y = self.g.add("MatMulIntegerToFloat", inputs + ([] if bias is None else [self.g.constant(bias)]), domain=MS)
        return self.g.add("Add", [y, exact]) if exact else y

    def embeddings(self, token_types: str | None) -> str:
        """Word + position + type (0 if none are given)."""
        g, at = self.g, "encoder.embeddings."
        x = self.words(self.w[f"{at}word_embeddings.weight"])
        types = self.w[f"{at}token_type_embeddings.weight"]
        places = self.w[f"{at}position_embeddings.weight"] + types[:1]
        if token_types:
            x = g.add("Add", [x, g.add("Gather", [g.constant(types - types[:1]), token_types])])
        zero, one, two = (g.constant(np.array([n], np.int64)) for n in range(3))
        width = g.add("Slice", [g.add("Shape", ["input_ids"]), one, two])
        x = g.add("Add", [x, g.add("Slice", [g.constant(places), zero, width])])
        return self.norm(x, f"{at}LayerNorm")

    def words(self, words: Floats) -> str:
        """Rows of the word table. Quantized, they are dequantized after the gather: 8 bits have a scale a row."""
        g = self.g
        if self.ranges is None:
            return g.add("Gather", [g.constant(words), "input_ids"])
        if self.word_bits == 4:
            return self.packed_words(pack_rows(words))
        scale = np.maximum(np.abs(words).max(1, keepdims=True) / 127, 1e-12).astype(np.float32)
        rows = g.add("Gather", [g.constant(np.round(words / scale).astype(np.int8)), "input_ids"])
        scales = g.add("Gather", [g.constant(scale), "input_ids"])
        return g.add("Mul", [g.add("Cast", [rows], to=TensorProto.FLOAT), scales])

    def packed_words(self, table: Packed) -> str:
        g = self.g
        rows = g.add("Gather", [g.constant(table.codes), "input_ids"])
        low = g.add("BitwiseAnd", [rows, g.constant(np.array([15], np.uint8))])
        high = g.add("BitShift", [rows, g.constant(np.array([4], np.uint8))], direction="RIGHT")
        codes = g.add("Cast", [g.add("Concat", [low, high], axis=-1)], to=FLOATS)
        values = g.add("Sub", [codes, g.constant(np.array([8], np.float32))])
        groups = g.add("Reshape", [values, g.constant(np.array([0, 0, -1, GROUP]))])
        scales = g.add("Cast", [g.add("Gather", [g.constant(table.scales), "input_ids"])], to=FLOATS)
        x = g.add("Mul", [groups, g.add("Unsqueeze", [scales, g.constant(np.array([3]))])])
        return g.add("Reshape", [x, g.constant(np.array([0, 0, -1]))])

    def layer(self, x: str, n: int) -> str:
        g, at = self.g, f"encoder.encoder.layer.{n}."
        parts = [f"{at}attention.self.{part}" for part in ("query", "key", "value")]
        weight = np.concatenate([self.w[f"{part}.weight"].T for part in parts], 1)
        bias = np.concatenate([self.w[f"{part}.bias"] for part in parts])
        qkv = self.matmul(x, weight, bias, f"{n}.qkv")
        names = [f"{part}_{n}" for part in ("query", "key", "value")]
        g.add("Split", [qkv], outputs=names, axis=-1, num_outputs=3)
        mixed = g.add(
            "MultiHeadAttention", [*names, "", "key_lengths"], domain=MS, num_heads=self.encoder.attention_heads
        )
        out = f"{at}attention.output.dense"
        mixed = self.matmul(mixed, self.w[f"{out}.weight"].T, self.w[f"{out}.bias"], f"{n}.attended")
        x = self.norm(g.add("Add", [mixed, x]), f"{at}attention.output.LayerNorm")
        up, down = f"{at}intermediate.dense", f"{at}output.dense"
        wide = self.matmul(x, self.w[f"{up}.weight"].T, None, f"{n}.up")
        wide = g.add("BiasGelu", [wide, self.const(f"{up}.bias")], domain=MS)
        narrow = self.matmul(wide, self.w[f"{down}.weight"].T, self.w[f"{down}.bias"], f"{n}.down")
        # plain Add + LayerNormalization: SkipLayerNormalization is the slower one on a CPU
        return self.norm(g.add("Add", [narrow, x]), f"{at}output.LayerNorm")

    def encoded(self, token_types: str | None = None) -> str:
        """The last hidden states, [B, S, hidden]."""
        self.g.add("Cast", ["lengths"], outputs=["key_lengths"], to=TensorProto.INT32)
        x = self.embeddings(token_types)
        for n in range(self.encoder.layers):
            x = self.layer(x, n)
        return x

    def classifier(self, heads: Mapping[str, int], pair: bool) -> Values:
        """Where the weights hold BERT's own pooler (a tanh layer), heads stand on it."""
        g = self.g
        pooled = g.add("MatMul", ["spans", self.encoded("token_types" if pair else None)])
        if f"{POOLER}.weight" in self.w:
            pooled = g.add("MatMul", [pooled, g.constant(self.w[f"{POOLER}.weight"].T)])
            pooled = g.add("Tanh", [g.add("Add", [pooled, self.const(f"{POOLER}.bias")])])
        for head in heads:
            logits = g.add("MatMul", [pooled, g.constant(self.w[f"heads.{head}.weight"].T)])
            g.add("Add", [logits, self.const(f"heads.{head}.bias")], outputs=[head])
        outputs = [info(head, FLOATS, ["B", "K", labels]) for head, labels in heads.items()]
        return [SPANS, TYPES] if pair else [SPANS], outputs

    def reader(self) -> Values:
        """The two last columns stay float32: they cost nothing, and a span is decided by small differences."""
        g = self.g
        logits = g.add("MatMul", [self.encoded("token_types"), g.constant(self.w["outputs.weight"].T)])
        g.add("Add", [logits, self.const("outputs.bias")], outputs=["bounds"])
        return [TYPES], [info("bounds", FLOATS, ["B", "S", 2])]

    def text_encoder(self) -> Values:
        g = self.g
        pooled = g.add("Squeeze", [g.add("MatMul", ["spans", self.encoded()]), g.constant(np.array([1]))])
        g.add("LpNormalization", [pooled], outputs=["embedding"], axis=-1, p=2)
        return [SPANS], [info("embedding", FLOATS, ["B", self.encoder.hidden])]

    def model(self, values: Values, *, observe: bool) -> onnx.ModelProto:
        """The graph of what was added, with these inputs beside ids and lengths, and these outputs."""
        inputs = [info("input_ids", INTS, ["B", "S"]), info("lengths", INTS, ["B"]), *values[0]]
        outputs = list(values[1])
        if observe:
            outputs += [info(name, FLOATS, None) for name in dict.fromkeys(self.observed.values())]
        return helper.make_model(
            helper.make_graph(self.g.nodes, "gretchen", inputs, outputs, self.g.constants),
            opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid(MS, 1)],
            ir_version=10,
            producer_name="gretchen",
        )


Build = Callable[[Builder], Values]


def classifier(heads: Mapping[str, int], *, pair: bool = False) -> Build:
    """The builder of a classifier, of pairs or of single texts; `heads` is name -> number of labels."""
    return lambda builder: builder.classifier(heads, pair)


def build_of(
    make: Build,
    weights: Mapping[str, Floats],
    config: Mapping[str, Any],
    ranges: Ranges | None = None,
    word_bits: int = 8,
) -> onnx.ModelProto:
    """The model to serve: int8 with `ranges`, its word table in `word_bits` (8 or 4); float32 without. `make` is
    `classifier(heads)`, `Builder.reader` or `Builder.text_encoder`, `config` BERT's.
    """
    builder = Builder(weights, Encoder.of(config), ranges, word_bits)
    return builder.model(make(builder), observe=False)


def observed_of(
    make: Build, weights: Mapping[str, Floats], config: Mapping[str, Any]
) -> tuple[onnx.ModelProto, dict[str, str]]:
    """The float32 model with every matmul's input as an output, and matmul name -> that output's name."""
    builder = Builder(weights, Encoder.of(config), None)
    return builder.model(make(builder), observe=True), builder.observed


def build(
    weights: Mapping[str, Floats],
    config: Mapping[str, Any],
    heads: Mapping[str, int],
    ranges: Ranges | None = None,
    word_bits: int = 8,
    *,
    pair: bool = False,
) -> onnx.ModelProto:
    """`build_of` a classifier."""
    return build_of(classifier(heads, pair=pair), weights, config, ranges, word_bits)
