"""What teachers say about texts: softened probabilities of every head that they know, meaned over the teachers.

A teacher is a run (by torch, float32) or an artifact (as it is served, of whatever base). The mean of several seeds is
a better teacher than each (Hinton, Vinyals, Dean 2015).
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.artifact import MANIFEST, check_kind, load_artifact
from models.data.corpus import Example, Target
from models.engines.batches import read_tokenizer, tokenize
from models.engines.onnx import OnnxEngine
from models.errors import InputError
from models.evaluation.evaluate import aligned, score
from models.metrics import softmax
from models.tasks.task import Head, Task
from models.training import network
from models.training.finetune import pad_of, predict
from models.training.loop import autocast

CHUNK = 2048
Floats = npt.NDArray[np.float32]
Answered = Mapping[str, tuple[Any, Any]]
Teach = Callable[[Sequence[Example]], Answered]
"""Asked questions -> head -> (log-probabilities or logits [n, labels], the targets' numbers [n])."""


def model_of(path: Path) -> Path:
    """The directory of the model: an artifact's own, a run's best/. Raises InputError."""
    for found in (path, path / "best"):
        if (found / MANIFEST).exists() or (found / "model.safetensors").exists():
            return found
    raise InputError(f"{path}: no teacher; wanted a run of 'gretchen models finetune' or an artifact")


def is_artifact(model: Path) -> bool:
    return (model / MANIFEST).exists()


def questions(
    examples: Iterable[Example], heads: Mapping[str, Head], *, labelled: bool = False
) -> tuple[list[Example], dict[str, int]]:
    """Each text with a target for every head on texts, and on each of its spans for every head on spans; if `labelled`,
    only for heads that it has a label of, and for all where it has no label at all.

    A target's label is its number within the head; the second value is how many there are.
    """
    counts = dict.fromkeys(heads, 0)
    asked = []
    for example in examples:
        spans = list(dict.fromkeys(target.span for target in example.targets if target.span))
        targets = []
        known = {target.head for target in example.targets}
        for head in heads.values():
            if labelled and known and head.name not in known:
                continue
            for span in spans if head.on == "span" else [None]:
                targets.append(Target(head.name, counts[head.name], 1.0, span))
                counts[head.name] += 1
        asked.append(replace(example, targets=tuple(targets)))
    return asked, counts


def answers(
    models: Sequence[Path], task: Task, asked: Sequence[Example], counts: Mapping[str, int], temperature: float,
    device: str = "cpu", progress: Callable[[int, int, str], None] = lambda done, total, word: None,
    precision: str = "float32",
) -> dict[str, Floats]:  # fmt: skip
    """Head -> probabilities [its targets, labels] at this temperature; a row that no teacher answered is all zero.

    Raises InputError, ArtifactError for a teacher of other heads or labels.
    """
    sums = {name: np.zeros((count, len(task.heads[name].labels)), np.float64) for name, count in counts.items()}
    voices = {name: np.zeros(count) for name, count in counts.items()}
    for n, model in enumerate(models):
        teach = _served(model, task) if is_artifact(model) else _trained(model, task, device, precision)
        for start in range(0, len(asked), CHUNK):
            for head, (logits, numbers) in teach(asked[start : start + CHUNK]).items():
                sums[head][numbers] += softmax(logits, temperature)
                voices[head][numbers] += 1
            progress(n * len(asked) + min(start + CHUNK, len(asked)), len(models) * len(asked), f"asking {model}")
    if not any(voice.any() for voice in voices.values()):
        raise InputError(f"{', '.join(map(str, models))}: the teachers know none of {', '.join(counts)}")
    return {head: (sums[head] / np.maximum(voices[head], 1)[:, None]).astype(np.float32) for head in sums}


def key_of(models: Sequence[Path], asked: Sequence[Example], temperature: float) -> str:
    """The same for the same teachers, texts and temperature: their answers need not be asked for again."""
    digest = hashlib.sha256(repr(temperature).encode())
    for model in models:
        weights = load_artifact(model).model() if is_artifact(model) else (model / "model.safetensors").read_bytes()
        digest.update(hashlib.sha256(weights).digest())
    for example in asked:
        digest.update(repr((example.given, example.targets)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _trained(model: Path, task: Task, device: str, precision: str) -> Teach:
    tokenizer = read_tokenizer(model)
    pad_id = pad_of(tokenizer, model)
    heads = network.heads_in(model, task.heads)
    own = network.load(model, heads).to(device)

    def teach(asked: Sequence[Example]) -> Answered:
        known = [replace(one, targets=tuple(t for t in one.targets if t.head in heads)) for one in asked if one.targets]
        with autocast(device, precision):
            said: Answered = predict(own, tokenize(known, tokenizer, task.max_tokens), pad_id, task.text_pooling)
        return {head: (logits.astype(np.float32), numbers) for head, (logits, numbers) in said.items()}

    return teach


def _served(model: Path, task: Task) -> Teach:
    artifact = load_artifact(model)
    check_kind(artifact, "classifier")
    engine = aligned(OnnxEngine(artifact), task.heads, str(model))

    def teach(asked: Sequence[Example]) -> Answered:
        return {head: (np.log(np.maximum(of.probabilities, 1e-12)), of.labels)
                for head, of in score(engine, asked).items()}  # fmt: skip

    return teach
