"""The weights back out of an artifact: what models/graph.py built, read node by node, in float32.

For whoever runs the same network elsewhere: on a GPU, or in another library. Only what the graph still holds comes
back: int8 weights as the levels they were rounded to; position embeddings with those of type 0 added, whose own are
then 0. The float32 graph built of what is unpacked computes the same as the network did, to that rounding.

Needs numpy and onnx only. Weights are named as models/training/network.py saves them, a reader's last ones `outputs`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from models.artifact import MODEL, Artifact
from models.errors import ArtifactError
from models.graph import GROUP, POOLER, Floats

AT = "encoder.embeddings."
TYPES = 2  # of tokens that a BERT knows


class Unpacked(NamedTuple):
    """`config` is BERT's, as transformers and models/graph.py read it; `heads` is name -> number of labels, empty for
    a reader and an encoder.
    """

    weights: dict[str, Floats]
    config: dict[str, Any]
    heads: dict[str, int]


class Strange(ValueError):
    """Something in the graph that our builder would not have put there."""


class Product(NamedTuple):
    """x @ weight [in, out] + bias."""

    x: str
    weight: Floats
    bias: Floats | None


def unpack(artifact: Artifact) -> Unpacked:
    """Of a classifier, reader or encoder. Raises ArtifactError for a graph that models/graph.py did not build."""
    path = artifact.path / MODEL
    try:
        model = onnx.load_from_string(artifact.model())
    except Exception as error:  # noqa: BLE001 - protobuf's errors share no base that onnx names
        raise ArtifactError(f"{path}: onnx can't read it: {error}; export it again") from None
    try:
        return unpack_model(model)
    except (ValueError, LookupError) as error:
        raise ArtifactError(
            f"{path}: its weights can't be read back: {error}; wanted a graph that 'gretchen models export' built of a"
            " BERT, which an imported model of another architecture has not"
        ) from None


def unpack_model(model: onnx.ModelProto) -> Unpacked:
    """Raises Strange, or another ValueError or LookupError, for a graph that is not ours."""
    return Walk(model).unpacked()


class Walk:
    """A way through a graph from its outputs back to its inputs; each method undoes one of models/graph.py's Builder.

    Raises Strange wherever it meets something else.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.nodes: Mapping[str, onnx.NodeProto] = {out: node for node in model.graph.node for out in node.output}
        self.constants: Mapping[str, npt.NDArray[Any]] = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer
        }
        self.outputs = [output.name for output in model.graph.output]
        attention = [node for node in model.graph.node if node.op_type == "MultiHeadAttention"]
        self.layers = len(attention)
        self.attention_heads = int(attribute(attention[0], "num_heads")) if attention else 0
        self.w: dict[str, Floats] = {}

    def unpacked(self) -> Unpacked:
        if not self.layers:
            raise Strange("no MultiHeadAttention in it")
        heads: dict[str, int] = {}
        if self.outputs == ["bounds"]:
            x = self.linear("bounds", "outputs")
        elif self.outputs == ["embedding"]:
            squeezed, _ = self.node(self.node("embedding", "LpNormalization")[0], "Squeeze")
            x = self.pooled(squeezed)
        else:
            x, heads = self.classifier()
        for n in reversed(range(self.layers)):
            x = self.layer(x, n)
        epsilon = self.embeddings(x)
        return Unpacked(self.w, self.config(epsilon), heads)

    def config(self, epsilon: float) -> dict[str, Any]:
        words = self.w[f"{AT}word_embeddings.weight"]
        return {
            "model_type": "bert",
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.attention_heads,
            "hidden_size": words.shape[1],
            "intermediate_size": len(self.w["encoder.encoder.layer.0.intermediate.dense.bias"]),
            "hidden_act": "gelu",
            "layer_norm_eps": float(f"{epsilon:.6g}"),  # the graph has it in float32
            "vocab_size": words.shape[0],
            "max_position_embeddings": len(self.w[f"{AT}position_embeddings.weight"]),
            "type_vocab_size": TYPES,
        }

    # what a graph is made of

    def node(self, output: str, *ops: str) -> list[str]:
        """The inputs of the node that has this output, which must be one of these ops."""
        found = self.nodes.get(output)
        if found is None or found.op_type not in ops:
            raise Strange(f"{output} comes from {found.op_type if found else 'no node'}, wanted {' or '.join(ops)}")
        return list(found.input)

    def is_from(self, output: str, op: str) -> bool:
        return output in self.nodes and self.nodes[output].op_type == op

    def constant(self, name: str, *shape: int) -> npt.NDArray[Any]:
        """A constant, of this shape if one is given."""
        found = self.constants.get(name)
        if found is None or (shape and found.shape != shape):
            got = "no constant" if found is None else f"of shape {list(found.shape)}"
            raise Strange(f"{name} is {got}, wanted was a constant{f' of {list(shape)}' if shape else ''}")
        return found

    def norm(self, output: str, name: str) -> str:
        x, weight, bias = self.node(output, "LayerNormalization")
        self.w[f"{name}.weight"], self.w[f"{name}.bias"] = self.constant(weight), self.constant(bias)
        return x

    def product(self, output: str) -> Product:
        if self.is_from(output, "Add"):
            y, other = self.node(output, "Add")
            if other in self.constants:
                return self.product(y)._replace(bias=self.constant(other))
            return self.with_channels_apart(self.product(y), other)
        inputs = self.node(output, "MatMul", "MatMulIntegerToFloat")
        if self.is_from(output, "MatMul"):
            return Product(inputs[0], np.array(self.constant(inputs[1]), np.float32), None)
        quantized, columns, _, scales = inputs[:4]
        x = self.node(quantized, "QuantizeLinear")[0]
        weight = self.constant(columns).astype(np.float32) * self.constant(scales)
        if self.is_from(x, "Mul"):
            x, smoothing = self.node(x, "Mul")
            weight = weight * self.constant(smoothing, len(weight))[:, None]
        return Product(x, weight, self.constant(inputs[6]) if len(inputs) > 6 else None)

    def with_channels_apart(self, product: Product, exact: str) -> Product:
        few, rows = self.node(exact, "MatMul")
        x, channels = self.node(few, "Gather")
        if x != product.x:
            raise Strange(f"{exact} is added to a product of another input")
        product.weight[self.constant(channels)] = self.constant(rows)
        return product

    def linear(self, output: str, name: str) -> str:
        """Keep a product by name, transposed as torch has it; its input is returned."""
        x, weight, bias = self.product(output)
        if bias is None:
            raise Strange(f"{output} has no bias")
        self.w[f"{name}.weight"], self.w[f"{name}.bias"] = np.ascontiguousarray(weight.T), bias
        return x

    # what a BERT is made of

    def pooled(self, output: str) -> str:
        spans, x = self.node(output, "MatMul")
        if spans != "spans":
            raise Strange(f"{output} pools by {spans}, wanted spans")
        return x

    def classifier(self) -> tuple[str, dict[str, int]]:
        pooled = {self.linear(head, f"heads.{head}") for head in self.outputs}
        if len(pooled) != 1:
            raise Strange("its heads stand on different things")
        (x,) = pooled
        if self.is_from(x, "Tanh"):
            x = self.linear(self.node(x, "Tanh")[0], POOLER)
        return self.pooled(x), {head: len(self.w[f"heads.{head}.bias"]) for head in self.outputs}

    def layer(self, output: str, n: int) -> str:
        at = f"encoder.encoder.layer.{n}."
        narrow, attended = self.node(self.norm(output, f"{at}output.LayerNorm"), "Add")
        wide, bias = self.node(self.linear(narrow, f"{at}output.dense"), "BiasGelu")
        up = self.product(wide)
        self.w[f"{at}intermediate.dense.weight"] = np.ascontiguousarray(up.weight.T)
        self.w[f"{at}intermediate.dense.bias"] = self.constant(bias)
        if up.x != attended:
            raise Strange(f"layer {n} has a feed-forward beside its residual")
        mixed, x = self.node(self.norm(attended, f"{at}attention.output.LayerNorm"), "Add")
        query, *_ = self.node(self.linear(mixed, f"{at}attention.output.dense"), "MultiHeadAttention")
        _, weight, bias_of_three = self.product(self.node(query, "Split")[0])
        if bias_of_three is None:
            raise Strange(f"layer {n} has no bias before its attention")
        for part, columns, of_part in zip(
            ("query", "key", "value"), np.split(weight, 3, 1), np.split(bias_of_three, 3), strict=True
        ):
            self.w[f"{at}attention.self.{part}.weight"] = np.ascontiguousarray(columns.T)
            self.w[f"{at}attention.self.{part}.bias"] = of_part
        return x

    def embeddings(self, output: str) -> float:
        """The tables; the epsilon of all norms is returned."""
        x, sliced = self.node(self.norm(output, f"{AT}LayerNorm"), "Add")
        places = self.constant(self.node(sliced, "Slice")[0])
        types = np.zeros((TYPES, places.shape[1]), np.float32)
        if self.is_from(x, "Add"):
            x, of_types = self.node(x, "Add")
            types = self.constant(self.node(of_types, "Gather")[0])
        self.w[f"{AT}word_embeddings.weight"] = self.words(x)
        self.w[f"{AT}position_embeddings.weight"] = places
        self.w[f"{AT}token_type_embeddings.weight"] = types
        return float(attribute(self.nodes[output], "epsilon"))

    def words(self, output: str) -> Floats:
        """Of float32, 8 bits with a scale a row, or 4 bits with a scale a group of columns."""
        if self.is_from(output, "Gather"):
            return self.table(output)
        if self.is_from(output, "Reshape"):
            return self.packed_words(output)
        cast_rows, scales = self.node(output, "Mul")
        rows = self.table(self.node(cast_rows, "Cast")[0])
        return rows.astype(np.float32) * self.table(scales).astype(np.float32)

    def table(self, output: str) -> npt.NDArray[Any]:
        rows, by = self.node(output, "Gather")
        if by != "input_ids":
            raise Strange(f"{output} is gathered by {by}, wanted input_ids")
        return self.constant(rows)

    def packed_words(self, output: str) -> Floats:
        groups, unsqueezed = self.node(self.node(output, "Reshape")[0], "Mul")
        scales = self.table(self.node(self.node(unsqueezed, "Unsqueeze")[0], "Cast")[0]).astype(np.float32)
        both, _ = self.node(self.node(groups, "Reshape")[0], "Sub")
        low, _ = self.node(self.node(both, "Cast")[0], "Concat")
        codes = self.table(self.node(low, "BitwiseAnd")[0])
        values: Floats = np.concatenate([codes & 15, codes >> 4], 1).astype(np.float32) - 8
        return values * np.repeat(scales, GROUP, 1)


def attribute(node: onnx.NodeProto, name: str) -> Any:
    return {found.name: helper.get_attribute_value(found) for found in node.attribute}[name]
