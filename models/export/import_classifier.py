"""Somebody's finished sequence classifier becomes an artifact: checked against the original, measured if there is data.

A BERT goes through our own graph, in int8 if there is text to calibrate on; with a task's data behind the same gate as
our own models. Any other architecture goes through torch's exporter, in float32.
"""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from tokenizers import Tokenizer

from models import graph
from models.data.corpus import Corpus, Example, Target
from models.engines import Request
from models.engines.batches import bare, tokenize
from models.errors import InputError
from models.evaluation import evaluate
from models.export import quantize
from models.export.card import imported_card
from models.export.classifier import (
    CALIBRATION_TEXTS,
    SCHEME,
    Files,
    Say,
    data_of,
    engine_of,
    sample,
    short,
    write_artifact,
)
from models.export.foreign import Foreign, load_foreign, renamed
from models.export.stock_graph import build_stock
from models.metrics import softmax
from models.tasks.task import Task

PARITY = 1e-3  # of float32 logits
MOST_BYTES = 1_900_000_000
PROBES = (
    "", "The quick brown fox jumps over the lazy dog.", "Profit fell 12% to EUR 3.4m in the third quarter, it said.",
    "I can't log in! Why was my card declined?", "naïve café, 東京 and 🙂 in one line", "a " * 300,
)  # fmt: skip
FLOAT32 = "float32"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to import: `names` maps the model's labels to ours; with a task, its labels and their order are wanted.

    `abstain_below` is the threshold of an artifact that abstains; None: chosen on dev, if the task abstains
    """

    name: str
    head: str
    version: str = "1"
    names: Mapping[str, str] = field(default_factory=dict)
    max_tokens: int = 128
    license: str = ""
    revision: str | None = None
    force: bool = False
    abstain_below: float | None = None
    task: Task | None = None


def import_classifier(
    source: str, out: Path, wanted: Wanted, *, commands: list[str], corpora: tuple[Corpus, Corpus] | None = None,
    calibration: Sequence[str] = (), say: Say = lambda line: None,
) -> dict[str, Any]:  # fmt: skip
    """Write the artifact and return its manifest. `corpora` are what the task learns from and is measured on; without
    them `calibration` texts make it int8, ungated. Raises InputError, GateRefused.
    """
    if wanted.task and wanted.task.pair:
        raise InputError(f"task {wanted.task.name} is of pairs of texts; only classifiers of single texts are imported")
    foreign = load_foreign(source, wanted.revision)
    labels, order = labels_of(foreign, wanted)
    if wanted.max_tokens > foreign.most_tokens:
        raise InputError(f"--max-tokens {wanted.max_tokens}: {source} reads {foreign.most_tokens} at most")
    head = wanted.head
    config: dict[str, Any] = {
        "format": 1, "task": wanted.task.name if wanted.task else wanted.name, "max_tokens": wanted.max_tokens,
        "pad_id": foreign.pad_id, "text_pooling": "first",
        "heads": {head: {"on": "text", "labels": list(labels), "temperature": 1.0}},
    }  # fmt: skip
    files: Files = {"tokenizer.json": foreign.tokenizer.to_str().encode()}
    bert = own_weights(foreign, head, order)
    say(f"{foreign.architecture} through {'our own graph' if bert else 'a stock export of torch'}")
    plain = graph.build(*bert, {head: len(labels)}) if bert else stock(foreign, head, order)
    parity = check_parity(foreign, order, config, {**files, "model.onnx": plain.SerializeToString()}, head)
    say(f"float32 logits differ from the original's by {parity:.1e} at most")
    base = {
        "name": source, "license": wanted.license or foreign.license, "architecture": foreign.architecture,
        "revision": foreign.revision, "graph": "our own" if bert else "a stock export of torch, float32",
        "vocabulary": foreign.tokenizer.get_vocab_size(), "parity": parity, "parity_texts": len(PROBES),
    }  # fmt: skip
    manifest: dict[str, Any] = {
        "name": wanted.name, "version": wanted.version, "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "base": base, "data": [], "skipped": {}, "metrics": {}, "recipe": recipe(commands),
    }  # fmt: skip
    model, manifest["quantization"] = quantized(
        bert, plain, config, files, head, corpora, calibration, wanted.force, say
    )
    files["model.onnx"] = model.SerializeToString()
    if wanted.abstain_below is not None:
        config["abstain"] = {"threshold": wanted.abstain_below, "score": "max_probability"}
    if corpora and wanted.task:
        measure(manifest, config, files, wanted.task, head, corpora, say)
    write_artifact(out, config, files, manifest, readme=imported_card(manifest, config))
    return manifest


def labels_of(foreign: Foreign, wanted: Wanted) -> tuple[tuple[str, ...], list[int]]:
    """The labels of the artifact, and for each which of the model's logits is its."""
    ours = renamed(foreign.labels, wanted.names)
    if wanted.task is None:
        return ours, list(range(len(ours)))
    labels = wanted.task.heads[wanted.head].labels
    if set(ours) != set(labels):
        raise InputError(
            f"the model has the labels {', '.join(ours)}, head {wanted.head} of task {wanted.task.name}"
            f" {', '.join(labels)}; say which is which by --labels THEIRS=OURS"
        )
    return labels, [ours.index(label) for label in labels]


def own_weights(
    foreign: Foreign, head: str, order: Sequence[int]
) -> tuple[dict[str, graph.Floats], dict[str, Any]] | None:
    """Weights and config as our graph wants them; None where it can't compute what the model does."""
    config = foreign.model.config
    absolute = getattr(config, "position_embedding_type", None) in (None, "absolute")
    if foreign.architecture != "BertForSequenceClassification" or config.hidden_act != "gelu" or not absolute:
        return None
    state = {name: value.numpy() for name, value in foreign.model.state_dict().items()}
    weights = {
        f"encoder.{name.removeprefix('bert.')}": value for name, value in state.items() if name.startswith("bert.")
    }
    weights[f"heads.{head}.weight"] = state["classifier.weight"][list(order)]
    weights[f"heads.{head}.bias"] = state["classifier.bias"][list(order)]
    return weights, config.to_dict()


def stock(foreign: Foreign, head: str, order: Sequence[int]) -> onnx.ModelProto:
    size = sum(weight.numel() for weight in foreign.model.parameters()) * 4
    if size > MOST_BYTES:
        raise InputError(
            f"{foreign.architecture}: {size / 1e9:.1f} GB in float32, an ONNX file holds 2 GB; wanted a smaller one"
        )
    try:
        return build_stock(foreign.model, head, order, foreign.pad_id)
    except (RuntimeError, ValueError, TypeError) as error:
        line = str(error).strip().splitlines()[0]
        raise InputError(
            f"{foreign.architecture}: torch can't export it ({line}); wanted a BERT or one that it can"
        ) from None


def check_parity(foreign: Foreign, order: Sequence[int], config: dict[str, Any], files: Files, head: str) -> float:
    """The greatest difference of a logit between the original and the artifact as served, all probes in one call.

    What is served are probabilities, so logits are compared up to the constant that a softmax loses.
    """
    with engine_of(config, files) as engine:
        encoded = engine.encode([Request(text) for text in PROBES])
        served = np.array([said[head] for said in engine.infer(encoded)], np.float64)
    greatest = 0.0
    for one, said in zip(encoded, served, strict=True):
        with torch.inference_mode():
            logits = foreign.model(torch.tensor([one.ids])).logits[0].numpy()[list(order)]
        near = np.abs(np.log(said + 1e-30) - np.log(softmax(logits) + 1e-30))
        greatest = max(greatest, float(near[said > 1e-6].max()))
    if not greatest < PARITY:
        raise InputError(
            f"{foreign.architecture}: the exported graph differs from the original by {greatest:.4f} in a logit,"
            f" allowed are {PARITY}; please report it with the model's name"
        )
    return greatest


def quantized(
    bert: tuple[dict[str, graph.Floats], dict[str, Any]] | None, plain: onnx.ModelProto, config: dict[str, Any],
    files: Files, head: str, corpora: tuple[Corpus, Corpus] | None, calibration: Sequence[str], force: bool, say: Say,
) -> tuple[onnx.ModelProto, dict[str, Any]]:  # fmt: skip
    """The model to serve and what the manifest says of it."""
    told: dict[str, Any] = {"scheme": FLOAT32, "calibration_texts": 0, "losses": [], "faults": [], "forced": False}
    texts = [e.text for e in of_head(corpora[0].examples["train"], head)] if corpora else list(calibration)
    if bert is None or not texts:
        why = "nothing to calibrate on was given" if bert else "int8 is made by our own graph, for BERT, only"
        say(f"float32: {why}")
        return plain, {**told, "told": f"Not quantized: {why}."}
    labels = config["heads"][head]["labels"]
    examples = [Example(text, (Target(head, 0),), "calibration") for text in texts]
    tokenizer = bare(Tokenizer.from_str(files["tokenizer.json"].decode()))
    items = tokenize(sample(examples, CALIBRATION_TEXTS), tokenizer, config["max_tokens"])
    say(f"measuring activation ranges on {len(items)} texts")
    ranges = quantize.measure_ranges(*bert, {head: len(labels)}, items)
    small = graph.build(*bert, {head: len(labels)}, ranges)
    told |= {"scheme": SCHEME, "calibration_texts": len(items)}
    if corpora is None:
        share = agreement(config, files, head, plain, small, [e.text for e in sample(examples, CALIBRATION_TEXTS)])
        say(f"int8 and float32 say the same of {share:.1%} of these; no labels, so no gate")
        return small, {**told, "agreement": share, "told": f"Not gated, as no labelled data was given: int8 and float32"
                       f" say the same of {share:.1%} of the {len(items)} texts it was calibrated on."}  # fmt: skip
    dev = of_head(corpora[0].examples["dev"], head)
    if not dev:
        raise InputError(
            f"head {head}: no dev text in the task's data, so int8 can't be judged; give --calibrate instead"
        )
    before, after = (
        evaluate.report(scored(config, files, model, dev)[head], tuple(labels)) for model in (plain, small)
    )
    loss = quantize.compare(head, "accuracy", before, after)
    say(f"{head} accuracy on dev: float32 {loss.before:.4f}, int8 {loss.after:.4f}")
    faults = quantize.check_gate([loss], force=force)
    return small, {**told, "losses": [asdict(loss)], "faults": faults, "forced": bool(faults)}


def scored(
    config: dict[str, Any], files: Files, model: onnx.ModelProto, examples: Sequence[Example]
) -> dict[str, evaluate.Scored]:
    with engine_of(config, {**files, "model.onnx": model.SerializeToString()}) as engine:
        return evaluate.score(engine, examples)


def agreement(
    config: dict[str, Any],
    files: Files,
    head: str,
    plain: onnx.ModelProto,
    small: onnx.ModelProto,
    texts: Sequence[str],
) -> float:
    """The share of texts of which both say the same."""
    examples = [Example(text, (Target(head, 0),), "") for text in texts]
    first, second = (scored(config, files, model, examples)[head].probabilities.argmax(-1) for model in (plain, small))
    return round(float((first == second).mean()), 4)


def measure(
    manifest: dict[str, Any], config: dict[str, Any], files: Files, task: Task, head: str,
    corpora: tuple[Corpus, Corpus], say: Say,
) -> None:  # fmt: skip
    """Fit the temperature on dev, then fill in what the data is and the figures on dev and test, as served."""
    learned, measured = corpora
    dev = of_head(learned.examples["dev"], head)
    test = of_head(learned.examples["test"] + measured.examples["test"], head)
    if dev:
        with engine_of(config, files) as engine:
            config["heads"][head]["temperature"] = evaluate.fit_temperature(evaluate.score(engine, dev)[head])
        if task.abstain_on == head and "abstain" not in config:
            with engine_of(config, files) as engine:
                chosen = evaluate.choose_threshold(evaluate.score(engine, dev)[head])
            config["abstain"] = {"threshold": chosen, "score": "max_probability"}
    threshold = config["abstain"]["threshold"] if "abstain" in config else None
    say("measuring dev and test as served")
    with engine_of(config, files) as engine:
        manifest["metrics"] = {
            "dev": short(evaluate.measure(engine, evaluate.by_source(dev), threshold)),
            "test": evaluate.measure(engine, evaluate.by_source(test), threshold),
        }
    kept = {example.source for example in dev + test}
    manifest["data"] = [
        {**of, "use": "calibrated and measured on"} for of in data_of(task, learned, measured) if of["name"] in kept
    ]


def of_head(examples: Sequence[Example], head: str) -> list[Example]:
    return [example for example in examples if any(target.head == head for target in example.targets)]


def recipe(commands: list[str]) -> dict[str, Any]:
    from importlib.metadata import version

    packages = {name: version(name) for name in ("torch", "transformers", "tokenizers", "onnx", "onnxruntime", "numpy")}
    return {"commands": commands, "packages": packages, "machine": platform.machine()}
