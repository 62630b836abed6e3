"""PhraseBank in folds, as its published figures are made: trained on nine tenths of it, tested on the tenth held out.

    python benchmarks/ten_fold.py --base BASE --data FOLDER --out OUT [--folds 10] [--epochs 3] [--learning-rate 5e-5]
                                  [--seed 13] [--threads 2] [--precision bf16] [--device cuda]

The sentences that half of the annotators or more agree on, with their text's sentiment: the head, the length and the
[training] of the task news, but for the options. Folds hold the labels in equal shares, and equal texts lie in one. A
tenth of what a fold leaves to learn from chooses the epoch. Accuracy and macro F1: mean and standard deviation over the
folds; and of all sentences together, each as judged when it was held out, with 95% bootstrap intervals (equal texts are
drawn together). By torch in float32. A finished fold is not trained again, one that was cut goes on; its model is
removed once it is judged. Prints a Markdown table; OUT/ten_fold.json has every fold. Needs [train].
"""

import random
import shutil
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from runs import Runs, around, parser_of, training_of

from models.data.corpus import Corpus, Example, load_corpus, normalize
from models.engines.batches import in_order, read_tokenizer, tokenize
from models.errors import InputError
from models.evaluation.bootstrap import METRICS, interval, resample
from models.evaluation.evaluate import Scored
from models.metrics import classification
from models.tasks.task import Task, load_task
from models.tasks.training import Training
from models.training import network
from models.training.bases import directory_of
from models.training.finetune import finetune, pad_of, predict

SET, HEAD = "phrasebank_50agree", "sentiment"
DEV_FOLDS = 10


def phrasebank(data: Path) -> tuple[Task, list[Example]]:
    """The task of this one set and head, and all its examples. Raises InputError."""
    news = load_task("news")
    sources = tuple(source for source in news.sources if source.name == SET)
    task = replace(news, heads={HEAD: news.heads[HEAD]}, sources=sources)
    return task, load_corpus(task, data, use="measure").examples["test"]


def folds_of(examples: Sequence[Example], folds: int, seed: int) -> list[int]:
    """The fold of each example: every label dealt out evenly, equal texts into one fold."""
    equal: dict[str, list[int]] = {}
    for n, example in enumerate(examples):
        equal.setdefault(normalize(example.text), []).append(n)
    of_label: dict[int, list[list[int]]] = {}
    for numbers in equal.values():
        of_label.setdefault(examples[numbers[0]].targets[0].label, []).append(numbers)
    chance, fold_of, dealt = random.Random(seed), [0] * len(examples), 0
    for _, texts in sorted(of_label.items()):
        chance.shuffle(texts)
        for numbers in texts:
            for n in numbers:
                fold_of[n] = dealt % folds
            dealt += 1
    return fold_of


def split(examples: Sequence[Example], fold_of: Sequence[int], fold: int, seed: int) -> Corpus:
    """What a fold learns from, what it chooses its epoch by, and what is held out."""
    left = [one for one, of in zip(examples, fold_of, strict=True) if of != fold]
    dev = folds_of(left, DEV_FOLDS, seed + 1 + fold)
    return Corpus(
        examples={
            "train": [one for one, of in zip(left, dev, strict=True) if of],
            "dev": [one for one, of in zip(left, dev, strict=True) if not of],
            "test": [one for one, of in zip(examples, fold_of, strict=True) if of == fold],
        }
    )


def one_fold(
    task: Task, corpus: Corpus, base: Path, run: Path, training: Training, device: str, resume: bool
) -> dict[str, Any]:
    """What the fold's model says of each sentence held out, as a label's number, and how right it is."""
    best = finetune(task, corpus, base, run, training, around(run.name, device), resume=resume)
    said = predicted(run / "best", task, corpus.examples["test"])
    right = np.array([example.targets[0].label for example in corpus.examples["test"]])
    shutil.rmtree(run)
    full = classification(np.array(said), right, task.heads[HEAD].labels)
    return {
        "n": {part: len(examples) for part, examples in corpus.examples.items()}, "epoch": best["epoch"],
        "dev": best["dev"][HEAD], **{metric: full[metric] for metric in METRICS}, "said": said,
    }  # fmt: skip


def predicted(directory: Path, task: Task, examples: Sequence[Example]) -> list[int]:
    """The label of each example, in the order given."""
    tokenizer = read_tokenizer(directory)
    items = tokenize(examples, tokenizer, task.max_tokens)
    place = {id(item): n for n, item in enumerate(items)}
    order = [place[id(item)] for part in in_order(items, 64) for item in part]  # that in which they are told
    model = network.load(directory, task.heads)
    logits, _ = predict(model, items, pad_of(tokenizer, directory), task.text_pooling)[HEAD]
    said = np.empty(len(items), int)
    said[order] = logits.argmax(-1)
    return [int(label) for label in said]


def pooled(examples: Sequence[Example], said: Sequence[int], labels: tuple[str, ...]) -> dict[str, Any]:
    """Accuracy and macro F1 of all sentences, and their intervals."""
    numbers: dict[str, int] = {}
    of = np.array([numbers.setdefault(normalize(example.text), len(numbers)) for example in examples])
    right = np.array([example.targets[0].label for example in examples])
    scored = Scored(np.eye(len(labels))[np.array(said)], right, of)
    full = classification(np.array(said), right, labels)
    intervals = {metric: interval(values) for metric, values in resample(scored, len(labels)).items()}
    return {"n": full["n"], **{metric: full[metric] for metric in METRICS}, "intervals": intervals}


def table(folds: Sequence[Mapping[str, Any]], together: Mapping[str, Any]) -> str:
    lines = [["", "sentences", "accuracy", "macro F1"], ["---"] * 4]
    lines += [[one["name"], str(one["n"]["test"]), *(f"{one[metric]:.4f}" for metric in METRICS)] for one in folds]
    lines.append([f"mean ± deviation of {len(folds)}", "", *(spread([one[m] for one in folds]) for m in METRICS)])
    cells = [
        f"{together[m]:.4f} ({together['intervals'][m][0]:.3f}-{together['intervals'][m][1]:.3f})" for m in METRICS
    ]
    lines.append(["all together", str(together["n"]), *cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def spread(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--folds", type=int, default=10)
    given = parser.parse_args(arguments)
    task, examples = phrasebank(given.data)
    if not 2 <= given.folds <= len(examples) // 2:
        raise InputError(f"--folds {given.folds}: wanted 2 to {len(examples) // 2}, as there are {len(examples)} texts")
    training = training_of(given, task.training, {HEAD: task.heads[HEAD].labels})
    base, fold_of = directory_of(given.base), folds_of(examples, given.folds, training.seed)
    names = [f"fold-{fold + 1}" for fold in range(given.folds)]
    known, folds = Runs(given.out / "ten_fold.json", names), []
    asked = {"base": given.base, "texts": len(examples), "folds": given.folds, "training": asdict(training)}
    for fold, name in enumerate(names):
        corpus = split(examples, fold_of, fold, training.seed)
        make = partial(one_fold, task, corpus, base, given.out / name, training, given.device)
        folds.append(known.once(given.out / name, asked, make))
        print(f"{name}: {', '.join(f'{metric} {folds[-1][metric]:.4f}' for metric in METRICS)}", flush=True)
    said = np.empty(len(examples), int)
    for fold, of_fold in enumerate(folds):
        said[np.array(fold_of) == fold] = of_fold["said"]
    print(f"\n{table(folds, pooled(examples, said.tolist(), task.heads[HEAD].labels))}")


if __name__ == "__main__":
    main()
