"""An artifact in a second: the tiny random BERT, its head fitted by least squares. Needs the [train] extra."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from models import graph
from models.engines.batches import arrays
from models.export.classifier import write_artifact


def make_artifact(
    base: Path, out: Path, texts: Sequence[str], labels: Sequence[str], *,
    order: tuple[str, ...] = ("bad", "good"), head: str = "mood", noise: float = 0.0, threshold: float | None = None,
) -> Path:  # fmt: skip
    """A float32 artifact with one head on texts; `noise` is added to its weights, a share of their size."""
    weights = {f"encoder.{name}": value for name, value in load_file(base / "model.safetensors").items()}
    config: dict[str, Any] = json.loads((base / "config.json").read_text())
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    features = pooled(weights, config, [encoding.ids[:24] for encoding in tokenizer.encode_batch(list(texts))])
    wanted = np.eye(len(order))[[order.index(label) for label in labels]] * 6 - 3
    fitted = np.linalg.lstsq(np.c_[features, np.ones(len(texts))], wanted, rcond=None)[0]
    fitted += noise * np.random.default_rng(0).normal(size=fitted.shape) * np.abs(fitted).mean()
    weights[f"heads.{head}.weight"] = fitted[:-1].T.astype(np.float32)
    weights[f"heads.{head}.bias"] = fitted[-1].astype(np.float32)
    declared: dict[str, Any] = {
        "format": 1, "task": "tiny", "max_tokens": 24, "pad_id": 0, "text_pooling": "mean",
        "heads": {head: {"on": "text", "labels": list(order), "temperature": 1.0}},
    }  # fmt: skip
    if threshold is not None:
        declared["abstain"] = {"threshold": threshold, "score": "max_probability"}
    files = {
        "tokenizer.json": (base / "tokenizer.json").read_bytes(),
        "model.onnx": graph.build(weights, config, {head: len(order)}).SerializeToString(),
    }
    manifest = {"name": out.name, "version": "1", "created_at": "2026-01-01T00:00:00+00:00", "metrics": {}}
    write_artifact(out, declared, files, manifest, readme="Made for a test.\n")
    return out


def pooled(weights: dict[str, Any], config: dict[str, Any], ids: Sequence[Sequence[int]]) -> Any:
    """The mean of each text's hidden states, one text at a time: what a head sees."""
    import onnxruntime as ort

    hidden = config["hidden_size"]
    same = {
        **weights,
        "heads.same.weight": np.eye(hidden, dtype=np.float32),
        "heads.same.bias": np.zeros(hidden, np.float32),
    }
    session = ort.InferenceSession(graph.build(same, config, {"same": hidden}).SerializeToString())
    rows = []
    for one in ids:
        batch = dict(zip(("input_ids", "lengths", "spans"), arrays([one], [[]], 0, "mean"), strict=True))
        rows.append(session.run(["same"], batch)[0][0, 0])
    return np.array(rows)
