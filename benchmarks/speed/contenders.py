"""Who scores texts beside each other: ours as served, and stock ways to run the same weights, each at its best.

A peer is built in several documented settings; `choose` times each for a moment, keeps the fastest, and what was chosen
stands in its `conditions`. All peers get their texts sorted by length over the whole round (ours only within what a
worker takes at once), and the same tokenizer library.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from models.artifact import Artifact
from models.engines import Request
from models.engines.batches import cut
from models.engines.onnx import OnnxEngine
from models.engines.texts import tokenizer_of
from streams.settings import Settings

Texts = Sequence[Request]
Feed = dict[str, npt.NDArray[np.int64]]
Logits = npt.NDArray[np.float32]
CALLERS = 2  # chunks under way at once, so that one is tokenized beside the other's inference


@dataclass(frozen=True)
class Contender:
    """`score` returns a label of the text head a text, in the order given."""

    name: str
    score: Callable[[Texts], list[str]]
    conditions: dict[str, str] = field(default_factory=dict)
    note: str = ""


class Measured(NamedTuple):
    contender: Contender
    texts_per_s: float


def choose(variants: Iterable[Contender], texts: Texts) -> Measured:
    """The fastest on these texts, each warmed up by a few of them first."""
    found = []
    for each in variants:
        each.score(texts[:8])
        began_s = time.perf_counter()
        each.score(texts)
        found.append(Measured(each, len(texts) / (time.perf_counter() - began_s)))
    return max(found, key=lambda one: one.texts_per_s)


def ours(artifact: Artifact, threads: int, head: str) -> Contender:
    """The engine in a worker's chunks: all heads, a verdict for each entity too."""
    engine, chunk = OnnxEngine(artifact, threads), Settings().batch_records
    labels, pool = engine.labels[head], ThreadPoolExecutor(CALLERS)

    def score(texts: Texts) -> list[str]:
        chunks = [texts[n : n + chunk] for n in range(0, len(texts), chunk)]
        done = pool.map(lambda part: engine.infer(engine.encode(part)), chunks)
        return [labels[int(one[head].argmax())] for part in done for one in part]

    return Contender(
        "gretchen", score, {"threads": str(threads), "chunk": str(chunk)},
        "All heads, and a verdict for each entity that the data names; the others compute the text's sentiment alone.",
    )  # fmt: skip


def pipelines(
    name: str, model: Any, tokenizer: Any, threads: int, batches: Sequence[int], note: str = ""
) -> Iterator[Contender]:
    """transformers' text-classification pipeline, texts sorted by length."""
    import torch
    from transformers import logging as transformers_logging
    from transformers import pipeline

    transformers_logging.set_verbosity(transformers_logging.CRITICAL)  # it warns of a class that it doesn't know
    torch.set_num_threads(threads)
    made = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")

    def score(batch: int, texts: Texts) -> list[str]:
        order = sorted(range(len(texts)), key=lambda n: -len(texts[n].text))
        said = made([texts[n].text for n in order], batch_size=batch, truncation=True)
        return restored([one["label"] for one in said], order)

    for batch in batches:
        yield Contender(name, partial(score, batch), {"threads": str(threads), "batch": str(batch)}, note)


def onnxruntimes(
    name: str, graphs: dict[str, Path], artifact: Artifact, labels: Sequence[str], threads: int, batches: Sequence[int]
) -> Iterator[Contender]:
    """ONNX Runtime on each of the graphs: one session with all threads, or one on as many calling threads."""
    source = Source(artifact, labels)
    for graph, path in graphs.items():
        for callers, intra in {(1, threads), (threads, 1)}:
            session, pool = session_of(path, intra), ThreadPoolExecutor(callers)
            for batch in batches:
                conditions = {"graph": graph, "calling threads": str(callers), "threads of each": str(intra)}
                score = partial(source.score, run=partial(mapped, pool, session))
                yield Contender(name, partial(score, batch), conditions | {"batch": str(batch)})


def session_of(path: Path, intra: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = intra, 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def mapped(pool: ThreadPoolExecutor, session: ort.InferenceSession, feeds: Iterable[Feed]) -> Iterator[Logits]:
    return pool.map(lambda feed: session.run(["logits"], feed)[0], feeds)


def openvinos(
    name: str, model: Any, calibration: Texts, artifact: Artifact, labels: Sequence[str], threads: int,
    batches: Sequence[int],
) -> Iterator[Contender]:  # fmt: skip
    """OpenVINO int8 by NNCF's post-training quantization for transformers: throughput hint, a stream a thread, and
    requests queued.
    """
    import openvino

    source = Source(artifact, labels)
    feeds = list(source.feeds([calibration[n : n + 1] for n in range(len(calibration))]))
    compiled = openvino.Core().compile_model(
        quantized(model, feeds), "CPU",
        {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": threads, "INFERENCE_NUM_THREADS": threads},
    )  # fmt: skip
    jobs = max(2 * threads, compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    queue = openvino.AsyncInferQueue(compiled, jobs)

    def run(feeds: Iterable[Feed]) -> list[Logits]:
        found: dict[int, Logits] = {}
        queue.set_callback(lambda request, n: found.update({n: request.get_output_tensor().data.copy()}))
        for n, feed in enumerate(feeds):
            queue.start_async(feed, n)
        queue.wait_all()
        return [found[n] for n in range(len(found))]

    for batch in batches:
        conditions = {"streams": str(threads), "requests": str(jobs), "batch": str(batch)}
        conditions["calibrated on"] = f"{len(calibration)} texts"
        yield Contender(name, partial(source.score, batch, run=run), conditions)


def quantized(model: Any, feeds: Sequence[Feed]) -> Any:
    import torch

    from benchmarks.speed.weights import Exported, quiet

    example = {name: torch.from_numpy(value) for name, value in feeds[0].items()}
    # both tell their makers of every use, unless they run for CI
    with quiet(), patch.dict(os.environ, {"CI": "true", "NNCF_CI": "1"}):
        import nncf
        import openvino

        converted = openvino.convert_model(Exported(model), example_input=example)
        return nncf.quantize(
            converted, nncf.Dataset(feeds), model_type=nncf.ModelType.TRANSFORMER, subset_size=len(feeds)
        )


class Source:
    """Texts to padded batches for a stock graph, and its logits to labels."""

    def __init__(self, artifact: Artifact, labels: Sequence[str]) -> None:
        self._tokenizer, self._config, self._labels = tokenizer_of(artifact), artifact.config, labels

    def score(self, batch: int, texts: Texts, *, run: Callable[[Iterable[Feed]], Iterable[Logits]]) -> list[str]:
        ids = self.ids(texts)
        order = sorted(range(len(ids)), key=lambda n: -len(ids[n]))
        feeds = [self.feed([ids[n] for n in order[at : at + batch]]) for at in range(0, len(order), batch)]
        found = [self._labels[n] for logits in run(feeds) for n in logits.argmax(1).tolist()]
        return restored(found, order)

    def feeds(self, batches: Iterable[Texts]) -> Iterator[Feed]:
        return (self.feed(self.ids(batch)) for batch in batches)

    def ids(self, texts: Texts) -> list[tuple[int, ...]]:
        encoded = self._tokenizer.encode_batch([request.text for request in texts])
        return [cut(one.ids, self._config.max_tokens) for one in encoded]

    def feed(self, rows: Sequence[Sequence[int]]) -> Feed:
        lengths = np.array([len(row) for row in rows])
        ids = np.full((len(rows), int(lengths.max())), self._config.pad_id, np.int64)
        for row, into in zip(rows, ids, strict=True):
            into[: len(row)] = row
        return {"input_ids": ids, "attention_mask": (np.arange(ids.shape[1]) < lengths[:, None]).astype(np.int64)}


def restored(found: Sequence[str], order: Sequence[int]) -> list[str]:
    """What was found in `order`, in the order before it."""
    back = [""] * len(order)
    for n, label in zip(order, found, strict=True):
        back[n] = label
    return back
