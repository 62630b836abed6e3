"""From a fine-tuned run to an artifact: graph, static int8 behind the gate, temperatures, threshold, figures, card.

Everything measured here is measured through the serving engine on the artifact's own files. Dev decides (gate,
temperature, threshold); test is only measured. The directory appears whole, by one rename, or not at all.
"""

import gzip
import hashlib
import json
import platform
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import onnx
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from models import graph
from models.artifact import MODEL, ZIPPED_MODEL, Config, load_artifact
from models.data.corpus import Corpus, Example
from models.engines import Engine
from models.engines.batches import read_tokenizer, tokenize
from models.engines.onnx import OnnxEngine
from models.errors import InputError
from models.evaluation import evaluate
from models.evaluation.report import Sets, full_report
from models.evaluation.report_files import report_files
from models.export import quantize
from models.export.card import card
from models.tasks.task import Task
from models.tasks.training import added_to

CALIBRATION_TEXTS = 1000
MATMULS = (
    "static int8: u8 activations (min-max, smoothed before the feed-forward), s8 weights of 7 bits per output channel"
)
WORDS = {8: "int8 word embeddings per row", 4: f"4-bit word embeddings per {graph.GROUP} columns of a row"}
SCHEME = f"{MATMULS}, {WORDS[8]}"
FLOAT32 = "float32, not quantized"
KEPT_WEIGHTS, KEPT_CONFIG = "model.safetensors", "bert.json"  # what 'quantize' goes on from
BASE_LICENSES = {"all-MiniLM-L6-v2": "Apache-2.0", "all-mpnet-base-v2": "Apache-2.0"}
Files = dict[str, bytes]
Say = Callable[[str], None]


def export(
    task: Task, corpus: Corpus, measured: Corpus, run: Path, out: Path, *,
    version: str, base: str, commands: list[str], force: bool = False, report: bool = False, precision: str = "int8",
    zipped: bool = False, say: Say = lambda line: None,
) -> dict[str, Any]:  # fmt: skip
    """Write the artifact to `out` and return its manifest; with `report` its whole report is part of it. With
    `precision` float32 nothing is quantized and the weights are kept beside; `zipped` keeps the model by gzip. Raises
    GateRefused, InputError.
    """
    weights, bert = _weights(run)
    tokenizer = read_tokenizer(run)
    config = config_of(task, tokenizer)
    pieces = tokenizer.get_vocab_size()
    files: Files = {"tokenizer.json": (run / "tokenizer.json").read_bytes()}
    if precision == "float32":
        model, dev, told = unquantized(task, corpus, weights, bert, config, files, say)
        files |= {KEPT_WEIGHTS: (run / "model.safetensors").read_bytes(), KEPT_CONFIG: _json(bert)}
    else:
        model, dev, told = quantized(task, corpus, weights, bert, config, files, tokenizer, say, force=force)
    for name, scored in dev.items():
        config["heads"][name]["temperature"] = evaluate.fit_temperature(scored)
    content = model.SerializeToString()
    files |= model_file(content, zipped=zipped)
    manifest = {
        "name": task.name,
        "version": version,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "base": {"name": base, "license": BASE_LICENSES.get(base, "see the base"), "vocabulary": pieces},
        "data": data_of(task, corpus, measured),
        "skipped": {f"{source}, {reason}": n for (source, reason), n in sorted(corpus.skipped.items())},
        "quantization": told,
        "recipe": recipe_of(run, commands),
    }  # fmt: skip
    threshold = None
    if task.abstain_on:
        with engine_of(config, files) as engine:
            threshold = evaluate.choose_threshold(evaluate.score(engine, corpus.examples["dev"])[task.abstain_on])
        config["abstain"] = {"threshold": threshold, "score": "max_probability"}
        say(f"abstaining below {threshold:.2f}")
    with engine_of(config, files) as engine:
        say("measuring dev and test as served")
        manifest["metrics"] = {
            "dev": short(evaluate.measure(engine, evaluate.by_source(corpus.examples["dev"]), threshold)),
            "test": evaluate.measure(
                engine, evaluate.by_source(corpus.examples["test"] + measured.examples["test"]), threshold
            ),
        }
    if report:
        sets = evaluate.by_source(corpus.examples["test"] + measured.examples["test"])
        add_report(manifest, config, files, sets, evaluate.by_source(corpus.examples["dev"]), say)
    write_artifact(out, config, files, manifest)
    return manifest


Built = tuple[onnx.ModelProto, dict[str, evaluate.Scored], dict[str, Any]]
"""The model to serve, what it says about dev, and what the manifest says of its quantization."""


def scheme_of(task: Task) -> str:
    """How a task's artifacts are quantized, for their manifests."""
    return f"{MATMULS}, {WORDS[task.word_bits]}"


def quantized(
    task: Task, corpus: Corpus, weights: Mapping[str, graph.Floats], bert: Mapping[str, Any], config: dict[str, Any],
    files: Files, tokenizer: Tokenizer, say: Say, *, force: bool,
) -> Built:  # fmt: skip
    """Int8, calibrated on training texts, judged against float32 on dev. Raises GateRefused."""
    heads = {name: len(head.labels) for name, head in task.heads.items()}
    items = tokenize(sample(corpus.examples["train"], CALIBRATION_TEXTS), tokenizer, task.max_tokens)
    say(f"measuring activation ranges on {len(items)} training texts")
    ranges = quantize.measure_ranges(weights, bert, heads, items, task.pair)
    build = {
        "float32": graph.build(weights, bert, heads, pair=task.pair),
        "int8": graph.build(weights, bert, heads, ranges, task.word_bits, pair=task.pair),
    }
    dev = {name: model_dev(task, config, files, model, corpus, say) for name, model in build.items()}
    losses = [
        quantize.compare(
            name,
            task.heads[name].metric,
            *(evaluate.report(dev[kind][name], task.heads[name].labels) for kind in ("float32", "int8")),
        )
        for name in dev["int8"]
    ]
    for loss in losses:
        say(f"{loss.head} {loss.metric} on dev: float32 {loss.before:.4f}, int8 {loss.after:.4f}")
    faults = quantize.check_gate(losses, force=force)
    told = {"scheme": scheme_of(task), "calibration_texts": len(items), "faults": faults, "forced": bool(faults),
            "losses": [asdict(loss) for loss in losses]}  # fmt: skip
    return build["int8"], dev["int8"], told


def unquantized(
    task: Task, corpus: Corpus, weights: Mapping[str, graph.Floats], bert: Mapping[str, Any], config: dict[str, Any],
    files: Files, say: Say,
) -> Built:  # fmt: skip
    heads = {name: len(head.labels) for name, head in task.heads.items()}
    model = graph.build(weights, bert, heads, pair=task.pair)
    told = {"scheme": FLOAT32, "calibration_texts": 0, "faults": [], "forced": False, "losses": []}
    return model, model_dev(task, config, files, model, corpus, say), told


def add_report(
    manifest: dict[str, Any], config: Mapping[str, Any], files: Files, sets: Sets, dev: Sets, say: Say
) -> None:
    """Report, page and pictures as files of the artifact; the intervals stand in the manifest too, for the card."""
    say("writing the whole report")
    with engine_of(config, files) as engine:
        told = {
            "artifact": f"{manifest['name']}/{manifest['version']}",
            "bytes": sum(map(len, files.values())),
            "data": f"{manifest['name']}, test split",
            "data_notes": [f"{where}: {n} skipped" for where, n in manifest["skipped"].items()],
            **full_report(engine, msgspec.convert(config, Config), sets, dev),
        }
    for name, of in told["sets"].items():
        manifest["metrics"]["test"][name]["intervals"] = of["intervals"]
    files |= report_files(told)
    manifest["report"] = sorted(name for name in files if name.endswith(".png"))


def model_dev(
    task: Task, config: dict[str, Any], files: Files, model: onnx.ModelProto, corpus: Corpus, say: Say
) -> dict[str, evaluate.Scored]:
    """What this model, served, says about dev."""
    say(f"scoring {len(corpus.examples['dev'])} dev texts")
    with engine_of(config, {**files, "model.onnx": model.SerializeToString()}) as engine:
        return evaluate.score(engine, corpus.examples["dev"])


def config_of(task: Task, tokenizer: Tokenizer) -> dict[str, Any]:
    """config.json before anything was fitted: every temperature is 1. Of single texts it says nothing of pairs."""
    return {
        "format": 1,
        "task": task.name,
        "max_tokens": task.max_tokens,
        "pad_id": tokenizer.token_to_id("[PAD]"),
        "text_pooling": task.text_pooling,
        "heads": {n: {"on": h.on, "labels": list(h.labels), "temperature": 1.0} for n, h in task.heads.items()},
        **({"pair": True} if task.pair else {}),
    }


@contextmanager
def engine_of(config: Mapping[str, Any], files: Files) -> Iterator[Engine]:
    """The serving engine on an artifact that exists only for the time being."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="gretchen-") as name:
        directory = Path(name) / str(config["task"])
        manifest = {"name": config["task"], "version": "0", "created_at": "", "base": {}, "data": [], "metrics": {},
                    "quantization": {}, "recipe": {}}  # fmt: skip
        write_artifact(directory, config, files, manifest, readme="Not to be kept.\n")
        yield OnnxEngine(load_artifact(directory))


def write_artifact(
    out: Path, config: Mapping[str, Any], files: Files, manifest: dict[str, Any], readme: str | None = None
) -> None:
    """config.json, README.md, `files` and the manifest that lists them all, in one rename."""
    listed = {
        "config.json": _json(config),
        "README.md": (card(manifest, config) if readme is None else readme).encode(),
        **files,
    }
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in sorted(listed.items())
    }
    part, old = out.with_name(out.name + ".part"), out.with_name(out.name + ".old")
    for stale in (part, old):
        shutil.rmtree(stale, ignore_errors=True)
    part.mkdir(parents=True)
    for name, content in {**listed, "manifest.json": _json(manifest)}.items():
        (part / name).write_bytes(content)
    if out.exists():
        out.rename(old)
    part.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def data_of(task: Task, corpus: Corpus, measured: Corpus) -> list[dict[str, Any]]:
    rows = []
    for source in task.sources:
        held = corpus if source.use == "train" else measured
        counts = {split: len(held.of(split, source.name)) for split in held.examples}
        said = ", ".join(f"{split} {n}" for split, n in counts.items() if n)
        rows.append(
            {"name": source.name, "license": source.license, "use": source.use, "rows": said, "cite": source.cite}
        )
    return rows


def recipe_of(run: Path, commands: list[str]) -> dict[str, Any]:
    """What made the weights: the commands, the options of the run and the versions of what ran it."""
    from importlib.metadata import version

    lines = (run.parent / "log.jsonl").read_text().splitlines() if (run.parent / "log.jsonl").exists() else []
    last = json.loads(lines[-1]) if lines else {}
    packages = {name: version(name) for name in ("torch", "transformers", "tokenizers", "onnx", "onnxruntime", "numpy")}
    return {"commands": commands, "training": last.get("training", {}), "steps": last.get("step"), "packages": packages,
            "machine": platform.machine()}  # fmt: skip


def short(reports: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Reports without their tables a label."""
    return {name: {key: value for key, value in full.items() if key != "labels"} for name, full in reports.items()}


def _weights(run: Path) -> tuple[dict[str, graph.Floats], dict[str, Any]]:
    try:
        weights, config = load_file(run / "model.safetensors"), json.loads((run / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise InputError(
            f"{run}: no fine-tuned model ({error}); wanted what 'gretchen models finetune' wrote (RUN/best)"
        ) from None
    check_bert(config, run)
    if method := added_to(weights):
        raise InputError(
            f"{run}: fine-tuned by {method}, whose parts can't be merged into a BERT's weights, and the graph knows no"
            " others; wanted --method full, lora or adalora"
        )
    return weights, config


def model_file(content: bytes, *, zipped: bool) -> Files:
    """A model as the artifact keeps it, by its name."""
    return {ZIPPED_MODEL: gzip.compress(content, mtime=0)} if zipped else {MODEL: content}


def check_bert(config: Mapping[str, Any], run: Path) -> None:
    """Raise InputError for a model that the exported graph is not of."""
    if config.get("model_type", "bert") != "bert":
        raise InputError(
            f"{run}: a {config['model_type']}, the exported graph is BERT's; distil it into a BERT, it can be --teacher"
        )


def sample(examples: list[Example], count: int) -> list[Example]:
    return random.Random(0).sample(examples, min(count, len(examples)))


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
