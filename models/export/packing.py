"""What the exports of readers and encoders share: weights, the mildest int8 that passes, the manifest's frame."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import onnx
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from models import graph
from models.artifact import Artifact, load_artifact
from models.data.questions import Questions
from models.errors import InputError
from models.export import quantize
from models.export.classifier import BASE_LICENSES, Files, Say, check_bert, recipe_of, scheme_of, write_artifact
from models.tasks.task import Task


def weights_of(run: Path, renamed: Callable[[str], str]) -> tuple[dict[str, graph.Floats], dict[str, Any]]:
    """A run's weights by the names that the graph's builder knows, and BERT's config. Raises InputError."""
    try:
        weights = {renamed(name): value for name, value in load_file(run / "model.safetensors").items()}
        config = json.loads((run / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise InputError(
            f"{run}: no fine-tuned model ({error}); wanted what 'gretchen models finetune' wrote (RUN/best)"
        ) from None
    check_bert(config, run)
    return weights, config


def config_of(task: Task, tokenizer: Tokenizer) -> dict[str, Any]:
    """config.json without the part that is the kind's own."""
    return {
        "format": 1,
        "task": task.name,
        "kind": task.kind,
        "max_tokens": task.max_tokens,
        "pad_id": tokenizer.token_to_id("[PAD]"),
        "text_pooling": task.text_pooling,
    }


@contextmanager
def served(config: Mapping[str, Any], files: Files) -> Iterator[Artifact]:
    """An artifact that exists only for the time being, so that what is measured is what is served."""
    with tempfile.TemporaryDirectory(prefix="gretchen-") as name:
        directory = Path(name) / str(config["task"])
        write_artifact(directory, config, files, {"name": config["task"], "version": "0"}, readme="Not to be kept.\n")
        yield load_artifact(directory)


FLOAT_STEPS = ((), ("down",), ("down", "attended"))
"""Matmuls of every layer that stay float32 if int8 loses too much: the first step that passes the gate is taken."""


def quantized(
    make: graph.Build, task: Task, weights: Mapping[str, graph.Floats], bert: Mapping[str, Any], ranges: graph.Ranges,
    lost: Callable[[onnx.ModelProto], Sequence[quantize.Loss]], calibrated: int, *, force: bool, say: Say,
) -> tuple[onnx.ModelProto, dict[str, Any]]:  # fmt: skip
    """The model to serve, and what the manifest says of its quantization. `lost` judges a model by dev; the last one it
    is asked about is the one returned. Raises GateRefused.
    """
    for kept in FLOAT_STEPS:
        if kept:
            say(f"int8 lost too much; keeping {' and '.join(kept)} of every layer in float32")
        names = {name for name in ranges if name.split(".")[1] in kept}
        some = {name: seen for name, seen in ranges.items() if name not in names}
        model = graph.build_of(make, weights, bert, some, task.word_bits)
        losses = lost(model)
        for loss in losses:
            say(f"{loss.metric} on dev: float32 {loss.before:.4f}, int8 {loss.after:.4f}")
        if force or not any(loss.faults() for loss in losses):
            break
    faults = quantize.check_gate(losses, force=force)
    return model, {
        "scheme": f"{scheme_of(task)}; {quantize.APART}", "calibration_texts": calibrated, "faults": faults,
        "forced": bool(faults), "float32": sorted(names), "losses": [asdict(loss) for loss in losses],
    }  # fmt: skip


def manifest_of(
    task: Task, questions: Questions, measured: Questions, run: Path, tokenizer: Tokenizer, *,
    version: str, base: str, commands: list[str], quantization: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """All but the metrics and the files."""
    return {
        "name": task.name,
        "version": version,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "base": {
            "name": base,
            "license": BASE_LICENSES.get(base, "see the base"),
            "vocabulary": tokenizer.get_vocab_size(),
        },
        "data": rows_of(task, questions, measured),
        "skipped": {f"{source}, {reason}": n for (source, reason), n in sorted(questions.skipped.items())},
        "quantization": dict(quantization),
        "recipe": recipe_of(run, commands),
    }


def rows_of(task: Task, questions: Questions, measured: Questions) -> list[dict[str, Any]]:
    """A set a row: license, use, and how many questions a split, the unanswerable apart."""
    rows = []
    for source in task.sources:
        held = questions if source.use == "train" else measured
        said = []
        for split in held.examples:
            asked = held.of(split, source.name)
            answerable = sum(bool(question.answers) for question in asked)
            if asked:
                more = f" and {len(asked) - answerable} unanswerable" if answerable < len(asked) else ""
                said.append(f"{split} {answerable}{more}")
        rows.append({"name": source.name, "license": source.license, "use": source.use, "rows": ", ".join(said),
                     "cite": source.cite})  # fmt: skip
    return rows
