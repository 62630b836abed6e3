"""Texts to sentiments, by the models that streams are measured with; weights are those that ship, for all of them.

python -m benchmarks.speed.classifying FILE     # makes the stock int8 model; needs torch, as serving it does not
"""

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from models.artifact import load_artifact
from models.cores import cpus
from models.engines import Request
from models.engines.texts import tokenizer_of
from streams.engines import load_news
from streams.news.score import SENTIMENT
from streams.settings import ZOO, load_settings

Classify = Callable[[Sequence[str]], list[str]]

ENGINE, STOCK_INT8, PIPELINE = "our engine", "stock int8", "transformers pipeline"
AT_ONCE = 32  # texts in a call of the stock session and of the pipeline


def classifier(name: str, model: Path) -> Classify:
    """`model`: the file that this module makes, for STOCK_INT8."""
    makers: dict[str, Callable[[], Classify]] = {
        ENGINE: our_engine,
        STOCK_INT8: lambda: stock_int8(model),
        PIPELINE: pipeline,
    }
    return makers[name]()


def our_engine() -> Classify:
    engine = load_news(load_settings(os.environ))
    labels = engine.labels[SENTIMENT]

    def classify(texts: Sequence[str]) -> list[str]:
        predictions = engine.infer(engine.encode([Request(text) for text in texts]))
        return [labels[int(prediction[SENTIMENT].argmax())] for prediction in predictions]

    return classify


def stock_int8(model: Path) -> Classify:
    """ONNX Runtime as most use it, at its best: fused, int8, a thread a core, texts of like lengths together."""
    artifact = load_artifact(ZOO / "news")
    labels, tokenizer = artifact.config.heads[SENTIMENT].labels, tokenizer_of(artifact)
    tokenizer.enable_truncation(artifact.config.max_tokens)
    tokenizer.enable_padding(pad_id=artifact.config.pad_id)
    options = ort.SessionOptions()
    options.intra_op_num_threads = max(1, int(cpus()))
    session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def classify(texts: Sequence[str]) -> list[str]:
        found, order = [""] * len(texts), sorted(range(len(texts)), key=lambda n: len(texts[n]))
        for start in range(0, len(order), AT_ONCE):
            places = order[start : start + AT_ONCE]
            encodings = tokenizer.encode_batch([texts[n] for n in places])
            ids = np.array([each.ids for each in encodings], np.int64)
            mask = np.array([each.attention_mask for each in encodings], np.int64)
            (logits,) = session.run(["logits"], {"input_ids": ids, "attention_mask": mask})
            for n, best in zip(places, logits.argmax(1), strict=True):
                found[n] = labels[int(best)]
        return found

    return classify


def pipeline() -> Classify:
    """transformers' own, in fp32 with a thread a core, in batches of like lengths."""
    import torch
    import transformers

    from benchmarks.speed import weights

    torch.set_num_threads(max(1, int(cpus())))
    artifact = weights.shipped("news")
    model, tokenizer = weights.text_model(artifact), weights.transformers_tokenizer(artifact)
    pipe = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")

    def classify(texts: Sequence[str]) -> list[str]:
        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
        results = pipe([texts[n] for n in order], batch_size=AT_ONCE, truncation=True)
        labels = {n: str(result["label"]) for n, result in zip(order, results, strict=True)}
        return [labels[n] for n in range(len(texts))]

    return classify


def make_stock_int8(path: Path) -> None:
    from benchmarks.speed import weights

    model = weights.text_model(weights.shipped("news"))
    with tempfile.TemporaryDirectory() as folder:
        exported = weights.export(model, Path(folder) / "model.onnx")
        weights.dynamic_int8(weights.fused(exported, model, Path(folder) / "fused.onnx"), path)


if __name__ == "__main__":
    make_stock_int8(Path(sys.argv[1]))
