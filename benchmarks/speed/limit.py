"""The machine's limit for this model: its int8 products alone, of its own shapes, in the engine's batches and threads.

A graph of nothing but the model's MatMulIntegerToFloat (and MatMulInteger) nodes, with their weights, is given what
these nodes were given when the model ran the same texts. What it reaches in a second the engine would reach if all else
took no time. The engine takes turns with it.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import helper

from benchmarks.speed.contenders import Texts, ours
from benchmarks.speed.results import Figure, Plan, Write
from benchmarks.speed.texts import headlines
from benchmarks.speed.zoo import HEAD, shipped
from models.artifact import Artifact
from models.cores import engine_threads
from models.engines import Encoded
from models.engines.batches import arrays
from models.engines.onnx import OnnxEngine, by_length
from streams.settings import Settings

OPS = ("MatMulIntegerToFloat", "MatMulInteger")
LIMIT = "int8 products alone"
Feed = dict[str, npt.NDArray[Any]]


class Products(NamedTuple):
    """`feeds`: a batch each, all of a round's texts; `operations`: multiplications and additions of all of them."""

    session: ort.InferenceSession
    feeds: list[Feed]
    operations: float


def run(plan: Plan, write: Write) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    artifact, threads, texts = shipped("news"), engine_threads(), headlines(plan)
    engine, products = ours(artifact, threads, HEAD), products_of(artifact, texts)
    reached: list[float] = []
    limit: list[float] = []
    with ThreadPoolExecutor(threads) as pool:
        multiply(products, pool)
        engine.score(texts)
        for _ in range(2 if plan.smoke else plan.rounds):
            began_s = time.perf_counter()
            engine.score(texts)
            middle_s = time.perf_counter()
            multiply(products, pool)
            reached.append(len(texts) / (middle_s - began_s))
            limit.append(len(texts) / (time.perf_counter() - middle_s))
    share = [100 * one / most for one, most in zip(reached, limit, strict=True)]
    rate = [each * products.operations / len(texts) / 1e12 for each in limit]
    conditions = {"threads": str(threads)}
    note = "What the engine would reach if nothing but these products took time."
    for contender, figure, unit, rounds in (
        (engine.name, "texts/s", "/s", reached),
        (LIMIT, "texts/s", "/s", limit),
        (LIMIT, "operations", "TOP/s", rate),
        (engine.name, "share of the limit", "%", share),
    ):
        write(
            Figure(
                part="limit", contender=contender, figure=figure, unit=unit, rounds=rounds,
                conditions=engine.conditions if contender == engine.name else conditions,
                note=note if contender == LIMIT else "",
            )
        )  # fmt: skip


def multiply(products: Products, pool: ThreadPoolExecutor) -> None:
    list(pool.map(lambda feed: products.session.run(None, feed), products.feeds))


def products_of(artifact: Artifact, texts: Texts) -> Products:
    model = onnx.load_from_string(artifact.model())
    nodes = [node for node in model.graph.node if node.op_type in OPS]
    given = list(dict.fromkeys(node.input[0] for node in nodes))
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    observed.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in given)
    watched = session_of(observed, ort.GraphOptimizationLevel.ORT_ENABLE_BASIC)
    batches = list(batches_of(artifact, texts))
    # names that have values of one shape in a batch that has no two dimensions alike share one input
    probe = run_on(watched, given, artifact, [Encoded(tuple(range(100, 113)), ((1, 2), (2, 3), (3, 4)), False)] * 7)
    alike = {name: next(n for n in given if probe[n].shape == probe[name].shape) for name in given}
    session = session_of(alone(model, nodes, alike), ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
    feeds, operations = [], 0.0
    for batch in batches:
        values = run_on(watched, given, artifact, batch)
        feeds.append({name: values[name] for name in dict.fromkeys(alike.values())})
        operations += sum(2.0 * values[node.input[0]].size * columns(model, node) for node in nodes)
    return Products(session, feeds, operations)


def batches_of(artifact: Artifact, texts: Texts) -> Iterator[list[Encoded]]:
    """As the engine cuts them."""
    engine, chunk = OnnxEngine(artifact, 1), Settings().batch_records
    for at in range(0, len(texts), chunk):
        encoded = engine.encode(texts[at : at + chunk])
        yield from ([encoded[n] for n in batch] for batch in by_length([len(one.ids) for one in encoded]))


def run_on(
    session: ort.InferenceSession, names: Sequence[str], artifact: Artifact, batch: Sequence[Encoded]
) -> dict[str, npt.NDArray[Any]]:
    ids, lengths, spans = arrays(
        [one.ids for one in batch], [one.spans for one in batch], artifact.config.pad_id, artifact.config.text_pooling
    )
    values = session.run(list(names), {"input_ids": ids, "lengths": lengths, "spans": spans})
    return dict(zip(names, values, strict=True))


def alone(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], alike: Mapping[str, str]) -> onnx.ModelProto:
    """The nodes and their weights; each result is only asked for its shape, so that its memory can be used again."""
    kept = []
    for n, node in enumerate(nodes):
        product = onnx.NodeProto()
        product.CopyFrom(node)
        product.input[0] = alike[node.input[0]]
        kept += [product, helper.make_node("Shape", [node.output[0]], [f"shape_{n}"])]
    kept.append(helper.make_node("Concat", [f"shape_{n}" for n in range(len(nodes))], ["shapes"], axis=0))
    needed = {name for node in nodes for name in node.input}
    weights = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    inputs = [
        helper.make_tensor_value_info(name, onnx.TensorProto.UINT8, None) for name in dict.fromkeys(alike.values())
    ]
    outputs = [helper.make_tensor_value_info("shapes", onnx.TensorProto.INT64, None)]
    graph = helper.make_graph(kept, "products", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def columns(model: onnx.ModelProto, node: onnx.NodeProto) -> int:
    """Of a product's weight [in, out], how many are out."""
    return next(int(tensor.dims[-1]) for tensor in model.graph.initializer if tensor.name == node.input[1])


def session_of(model: onnx.ModelProto, level: Any) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = level  # all, and products without a use would be left out
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
