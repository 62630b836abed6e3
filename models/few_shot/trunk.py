"""A network without its head: texts to vectors, on which a new head is put. It never learns, so it needs no torch.

From an artifact (its own graph, cut before the head) or from a base (int8, as `export` makes it). Of the shipped
classifiers a layer in the middle tells texts on other matters apart better than the last one, which knows its own task
only: docs/experiments.md has the figures.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from models import graph
from models.artifact import TOKENIZER, Artifact
from models.engines.batches import arrays, bare, cut
from models.engines.onnx import by_length
from models.errors import ArtifactError, InputError
from models.export import quantize
from models.export.classifier import BASE_LICENSES, SCHEME

POOLED = "pooled"
SHIPPED_LAYERS = (0, 3)  # of a classifier: the word embeddings and what the third layer makes of them
CALIBRATION_TEXTS = 300
MAX_TOKENS = 128


@dataclass(frozen=True, slots=True)
class Trunk:
    """`model` has the one output `pooled` [B, K, dimensions]; `config` are config.json's keys on texts; `base` and
    `scheme` are for the manifest."""

    model: onnx.ModelProto
    tokenizer: bytes
    config: Mapping[str, Any]
    base: Mapping[str, Any]
    scheme: str

    @property
    def dimensions(self) -> int:
        return int(self.model.graph.output[0].type.tensor_type.shape.dim[2].dim_value)

    def vectors(self, texts: Sequence[str]) -> graph.Floats:
        """Float32 [texts, dimensions], rows in the order given; not of length 1."""
        options = ort.SessionOptions()
        options.log_severity_level = 3
        session = ort.InferenceSession(self.model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        tokenizer = bare(Tokenizer.from_buffer(self.tokenizer))
        ids = [cut(encoding.ids, self.config["max_tokens"]) for encoding in tokenizer.encode_batch(list(texts))]
        vectors = np.zeros((len(ids), self.dimensions), np.float32)
        for batch in by_length([len(one) for one in ids]):
            padded, lengths, spans = arrays(
                [ids[n] for n in batch], [()] * len(batch), self.config["pad_id"], self.config["text_pooling"]
            )
            (rows,) = session.run([POOLED], {"input_ids": padded, "lengths": lengths, "spans": spans})
            vectors[batch] = rows[:, 0]
        return vectors

    def with_head(self, name: str, weight: graph.Floats, bias: graph.Floats) -> onnx.ModelProto:
        """The model to serve: logits [B, K, labels] = pooled @ weight [dimensions, labels] + bias."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        model.graph.initializer.extend(
            numpy_helper.from_array(np.ascontiguousarray(value, np.float32), f"{name}.{part}")
            for part, value in (("weight", weight), ("bias", bias))
        )
        model.graph.node.extend(
            (
                helper.make_node("MatMul", [POOLED, f"{name}.weight"], [f"{name}.product"], name=f"{name}.product"),
                helper.make_node("Add", [f"{name}.product", f"{name}.bias"], [name], name=name),
            )
        )
        del model.graph.output[:]
        model.graph.output.append(graph.info(name, graph.FLOATS, ["B", "K", len(bias)]))
        return model


def of_artifact(artifact: Artifact) -> Trunk:
    """An encoder's whole network, or the lower half of a classifier's. Raises ArtifactError for another graph."""
    config = artifact.config
    if config.kind == "reader":
        raise ArtifactError(f"{artifact.path} is a reader, which has no vector for a text; name an encoder")
    if config.pair:
        raise ArtifactError(f"{artifact.path} reads pairs of texts, a trunk single ones; name an encoder")
    model = onnx.load_from_string(artifact.model())
    states = [node.output[0] for node in model.graph.node if node.op_type == "LayerNormalization"][::2]
    if len(states) <= max(SHIPPED_LAYERS) or not any(value.name == "spans" for value in model.graph.input):
        raise ArtifactError(f"{artifact.path} has a graph of other make, which can't be cut; name an encoder or a base")
    chosen = [states[-1]] if config.kind == "encoder" else [states[n] for n in SHIPPED_LAYERS]
    hidden = width_of(model)
    cut_before(model, chosen, hidden)
    of_texts = {"max_tokens": min(config.max_tokens, MAX_TOKENS), "pad_id": config.pad_id,
                "text_pooling": config.text_pooling}  # fmt: skip
    base = {"name": artifact.version, "license": artifact.raw.get("base", {}).get("license", "see the base"),
            "vocabulary": artifact.raw.get("base", {}).get("vocabulary", 0)}  # fmt: skip
    told = artifact.raw.get("quantization", {}).get("scheme", SCHEME)
    return Trunk(model, artifact.read(TOKENIZER), of_texts, base, told)


def of_base(directory: Path, texts: Sequence[str]) -> Trunk:
    """A BERT in Hugging Face's layout, quantized by the ranges seen on `texts`. Raises InputError."""
    try:
        bert = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        tokenizer = (directory / "tokenizer.json").read_bytes()
        raw = load_file(directory / "model.safetensors")
    except (OSError, ValueError) as error:
        raise InputError(f"{directory}: no base can be read here ({error}); wanted a BERT with its tokenizer") from None
    if bert.get("model_type") != "bert":
        raise InputError(
            f"{directory}: a {bert.get('model_type')}; the exported graph is BERT's, give a BERT-like base"
        )
    weights = {named(name): np.asarray(value, np.float32) for name, value in raw.items()}
    reader = bare(Tokenizer.from_buffer(tokenizer))
    pad = reader.token_to_id("[PAD]")
    if pad is None:
        raise InputError(f"{directory}/tokenizer.json has no [PAD]; give a BERT-like base")
    of_texts = {"max_tokens": min(MAX_TOKENS, bert["max_position_embeddings"]), "pad_id": pad, "text_pooling": "mean"}
    fed = []
    for encoding in reader.encode_batch([text for text in texts if text.strip()][:CALIBRATION_TEXTS]):
        ids, lengths, spans = arrays([cut(encoding.ids, of_texts["max_tokens"])], [()], pad, "mean")
        fed.append({"input_ids": ids, "lengths": lengths, "spans": spans})
    ranges = quantize.ranges_over(fed, pooled, weights, bert, apart=True)
    model = graph.build_of(pooled, weights, bert, ranges)
    base = {"name": directory.name, "license": BASE_LICENSES.get(directory.name, "see the base"),
            "vocabulary": reader.get_vocab_size()}  # fmt: skip
    return Trunk(model, tokenizer, of_texts, base, f"{SCHEME}; {quantize.APART}")


def named(name: str) -> str:
    """A base's weight by the name that the graph's builder knows; runs of ours and BertForX have a prefix."""
    if name.startswith("encoder.embeddings.") or name.startswith("encoder.encoder."):
        return name
    return f"encoder.{name.removeprefix('bert.')}"


def pooled(builder: graph.Builder) -> graph.Values:
    """The builder of a graph that ends in the pooled vector."""
    builder.g.add("MatMul", ["spans", builder.encoded()], outputs=[POOLED])
    return [graph.SPANS], [graph.info(POOLED, graph.FLOATS, ["B", "K", builder.encoder.hidden])]


def width_of(model: onnx.ModelProto) -> int:
    """The hidden size: the length of a layer's scale."""
    constants = {constant.name: constant for constant in model.graph.initializer}
    norm = next(node for node in model.graph.node if node.op_type == "LayerNormalization")
    return int(constants[norm.input[1]].dims[0])


def cut_before(model: onnx.ModelProto, states: Sequence[str], hidden: int) -> None:
    """Pool these hidden states side by side, and drop all that is not needed for it."""
    joined = states[0]
    if len(states) > 1:
        joined = "joined"
        model.graph.node.append(helper.make_node("Concat", list(states), [joined], name=joined, axis=-1))
    model.graph.node.append(helper.make_node("MatMul", ["spans", joined], [POOLED], name=POOLED))
    made = {output: node for node in model.graph.node for output in node.output}
    needed: set[str] = set()
    waiting = [POOLED]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += made[name].input if name in made else []
    nodes = [node for node in model.graph.node if needed & set(node.output)]
    constants = [constant for constant in model.graph.initializer if constant.name in needed]
    del model.graph.node[:], model.graph.initializer[:], model.graph.output[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(constants)
    model.graph.output.append(graph.info(POOLED, graph.FLOATS, ["B", "K", hidden * len(states)]))
