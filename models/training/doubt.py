"""Label noise by cross-validation: each training label is judged by a model that never saw its text.

Doubted is a label where that model says another, and is as sure of it as it is on average of texts that bear it
(confident learning: Northcutt, Jiang, Chuang 2021). The least likely labels come first.
"""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from models.data.corpus import OUTLIER, Corpus, Example, Target, hash_share, identity
from models.data.doubted import Doubt, doubts_of
from models.engines.batches import read_tokenizer, tokenize
from models.errors import InputError
from models.metrics import softmax
from models.tasks.task import Task
from models.tasks.training import Training
from models.training import checkpoints, network
from models.training.finetune import finetune, pad_of, predict
from models.training.loop import Surroundings

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Judged:
    """What held-out models say of one head's training labels: `doubts` and `probabilities` [n, labels], row by row."""

    doubts: list[Doubt]
    labels: npt.NDArray[np.int64]
    probabilities: Floats


class Doubted(NamedTuple):
    doubt: Doubt
    said: str
    probability: float
    """Of the label that the text bears."""
    said_probability: float


def judge_labels(
    task: Task, corpus: Corpus, base: Path, out: Path, training: Training, folds: int, around: Surroundings
) -> dict[str, Judged]:
    """Head -> its training labels as judged; OUT/fold-K.safetensors keeps what was said, so it goes on where it ended.

    Equal texts lie in one fold. The corpus is to be loaded without pairs, for half of one would be seen in training.
    Raises InputError and what finetune does.
    """
    if network.is_fine_tuned(base):
        raise InputError(f"{base}: fine-tuned already, maybe on the very labels; give the base that it began as")
    train = corpus.examples["train"]
    fold_of = [int(hash_share(f"fold {training.seed} {identity(example)}") * folds) for example in train]
    asked, doubts, labels = numbered(train, task)
    tables = {head: np.zeros((len(of), len(task.heads[head].labels)), np.float32) for head, of in doubts.items()}
    out.mkdir(parents=True, exist_ok=True)
    for fold in range(folds):
        held = [one for one, of in zip(asked, fold_of, strict=True) if of == fold]
        learned = Corpus(examples={
            "train": [one for one, of in zip(train, fold_of, strict=True) if of != fold],
            "dev": corpus.examples["dev"], "test": [],
        })  # fmt: skip
        around.say(f"fold {fold + 1} of {folds}: {len(learned.examples['train'])} texts to learn, {len(held)} to judge")
        for head, (numbers, said) in _fold(
            task, learned, held, base, out, f"fold-{fold + 1}", training, around
        ).items():
            tables[head][numbers] = said
    found = {}
    for head, table in tables.items():
        judged = table.sum(-1) > 0  # an entity past the cut is judged by nobody
        chosen = [doubt for doubt, there in zip(doubts[head], judged, strict=True) if there]
        found[head] = Judged(chosen, np.array(labels[head], np.int64)[judged], table[judged])
    return found


def numbered(
    examples: Sequence[Example], task: Task
) -> tuple[list[Example], dict[str, list[Doubt]], dict[str, list[int]]]:
    """The examples with each label's number within its head in the label's place; the doubts and labels by number."""
    doubts: dict[str, list[Doubt]] = {head: [] for head in task.heads}
    labels: dict[str, list[int]] = {head: [] for head in task.heads}
    asked = []
    for example in examples:
        targets = []
        for target, doubt in zip(example.targets, doubts_of(example, task.heads), strict=True):
            if doubt is not None:
                targets.append(Target(target.head, len(doubts[target.head]), 1.0, target.span))
                doubts[target.head].append(doubt)
                labels[target.head].append(target.label)
        asked.append(replace(example, targets=tuple(targets)))
    return asked, doubts, labels


def _fold(
    task: Task, learned: Corpus, held: Sequence[Example], base: Path, out: Path, name: str, training: Training,
    around: Surroundings,
) -> dict[str, tuple[npt.NDArray[np.int64], Floats]]:  # fmt: skip
    """Head -> (numbers [n], probabilities [n, labels]): as kept, or trained for and asked now."""
    kept, run = out / f"{name}.safetensors", out / name
    key = key_of(learned, held, base, training)
    found = _kept(kept, key)
    if found is None:
        begun = out / f"{name}.key"
        resume = (run / "last" / "state.json").exists() and begun.exists() and begun.read_text() == key
        begun.write_text(key)
        finetune(task, learned, base, run, training, around, resume=resume)
        model = network.load(run / "best", task.heads).to(around.device)
        tokenizer = read_tokenizer(base)
        items = tokenize(held, tokenizer, task.max_tokens)
        said = predict(model, items, pad_of(tokenizer, base), task.text_pooling)
        found = {head: (numbers, softmax(logits).astype(np.float32)) for head, (logits, numbers) in said.items()}
        with checkpoints.told(kept, run):
            part = kept.with_name(kept.name + ".part")
            arrays: dict[str, Any] = {f"{head}.numbers": numbers for head, (numbers, _) in found.items()}
            arrays |= {f"{head}.said": table for head, (_, table) in found.items()}
            save_file(arrays, part, metadata={"key": key})
            part.replace(kept)
        shutil.rmtree(run)
        begun.unlink()
    return found


def _kept(path: Path, key: str) -> dict[str, tuple[npt.NDArray[np.int64], Floats]] | None:
    try:
        with safe_open(path, "np") as file:
            if file.metadata().get("key") != key:
                return None
            heads = sorted({name.rpartition(".")[0] for name in file.keys()})  # noqa: SIM118 - no mapping
            return {head: (file.get_tensor(f"{head}.numbers"), file.get_tensor(f"{head}.said")) for head in heads}
    except (OSError, SafetensorError):
        return None


def key_of(learned: Corpus, held: Sequence[Example], base: Path, training: Training) -> str:
    """The same for the same texts, labels, base and options."""
    digest = hashlib.sha256(repr(training).encode())
    digest.update((base / "config.json").read_bytes())
    for path in sorted(base.glob("*.safetensors")):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for example in [*learned.examples["train"], *learned.examples["dev"], *held]:
        digest.update(repr((example.given, example.targets)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def doubted(judged: Judged, names: tuple[str, ...]) -> list[Doubted]:
    """The doubted labels of a head, the least likely first."""
    if not len(judged.labels):
        return []
    rows = np.arange(len(judged.labels))
    own, said = judged.probabilities[rows, judged.labels], judged.probabilities.argmax(-1)
    sure = np.array([own[judged.labels == n].mean() if (judged.labels == n).any() else 1.0 for n in range(len(names))])
    odd = (said != judged.labels) & (judged.probabilities[rows, said] >= sure[said])
    return [
        Doubted(judged.doubts[n], names[said[n]], float(own[n]), float(judged.probabilities[n, said[n]]))
        for n in sorted(rows[odd], key=lambda n: (own[n], n))
    ]


def check_folds(corpus: Corpus, folds: int) -> None:
    """Raise InputError unless there are texts for each fold."""
    texts = {identity(e) for e in corpus.examples["train"] if any(t.label != OUTLIER for t in e.targets)}
    if len(texts) < 2 * folds:
        raise InputError(f"{len(texts)} labelled training texts in {folds} folds; wanted 2 or more in each")
