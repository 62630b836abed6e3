"""The methods of fine-tuning on one task: parameters trained, accuracy on test over several seeds, seconds.

    python benchmarks/methods.py TASK --base BASE --data FOLDER --out OUT [--seeds 13 14 15] [--methods full lora …]
                                 [--share SOURCE=0.3] [--epochs 3] [--set lora.rank=16] [--threads 2] [--device cuda]

Each run is `gretchen models finetune` with the task's [training], but for --epochs and what --set says of a method or
of all; the epoch is chosen on dev, the figures are of the whole test split, by torch in float32 (a prefix and adapters
have no artifact). A finished run is not made again, one that was cut goes on. Prints a Markdown table; OUT/methods.json
has every run. Needs [train].
"""

import argparse
import statistics
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from runs import Runs, around

from models.data.corpus import Corpus, load_corpus
from models.errors import InputError
from models.tasks.task import Task, load_task, parse_shares, with_shares
from models.tasks.training import METHODS, Training, check_training
from models.training.bases import directory_of
from models.training.finetune import finetune, judge


def overrides(settings: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Method (or "all") -> options, of METHOD.KEY=VALUE. Raises InputError."""
    tables: dict[str, dict[str, Any]] = {}
    for each in settings:
        path, _, value = each.partition("=")
        method, _, key = path.partition(".")
        try:
            parsed = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            parsed = value  # a word without its quotes
        tables.setdefault(method, {})[key] = parsed
        if method not in ("all", *METHODS) or key not in Training.__dataclass_fields__:
            raise InputError(f"--set {each}: wanted METHOD.KEY=VALUE, as lora.rank=16 or all.epochs=3")
    return tables


def one_run(
    task: Task, corpus: Corpus, base: Path, run: Path, training: Training, device: str, resume: bool
) -> dict[str, Any]:
    """Parameters, the epoch chosen on dev, and what torch says of test."""
    best = finetune(task, corpus, base, run, training, around(run.name, device), resume=resume)
    return {
        "trained": best["trained"], "parameters": best["parameters"], "epoch": best["epoch"],
        "dev": best["dev"], "test": judge(run / "best", task, corpus.examples["test"]),
    }  # fmt: skip


def rows_of(runs: Iterable[Mapping[str, Any]], heads: Sequence[str]) -> list[list[str]]:
    """A method a row, in the order first seen: parameters, then accuracy and macro F1 of each head, then seconds."""
    by_method: dict[str, list[Mapping[str, Any]]] = {}
    for run in runs:
        by_method.setdefault(run["training"]["method"], []).append(run)
    rows = []
    for method, of_method in by_method.items():
        trained, there = of_method[0]["trained"], of_method[0]["parameters"]
        figures = [
            spread([run["test"][head][key] for run in of_method if head in run["test"]])
            for head in heads
            for key in ("accuracy", "macro_f1")
        ]
        timed = [run["seconds"] for run in of_method if run["seconds"] is not None]
        seconds = f"{statistics.mean(timed):.0f}" if timed else ""
        rows.append([method, f"{trained:,} ({trained / there:.2%})", *figures, seconds, str(len(of_method))])
    return rows


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation over the seeds."""
    if not values:
        return ""
    deviation = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{deviation}"


def table(rows: Sequence[Sequence[str]], heads: Sequence[str]) -> str:
    columns = ["method", "parameters trained"]
    columns += [f"{head} {name}" for head in heads for name in ("accuracy", "macro F1")]
    columns += ["seconds", "seeds"]
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task")
    parser.add_argument("--base", required=True)
    for name in ("--data", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[13, 14, 15])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--share", dest="shares", action="append", default=[], metavar="SOURCE=SHARE")
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="METHOD.KEY=VALUE")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args(arguments)
    if given.threads:
        torch.set_num_threads(given.threads)
    task = load_task(given.task)
    shares = parse_shares(given.shares, task)
    corpus = load_corpus(with_shares(task, shares), given.data)
    base, labels = directory_of(given.base), {name: head.labels for name, head in task.heads.items()}
    own = overrides([*([f"all.epochs={given.epochs}"] if given.epochs else []), *given.settings])
    trainings = {}
    for method in given.methods:
        for seed in given.seeds:
            options = own.get("all", {}) | own.get(method, {})
            trainings[f"{method}-{seed}"] = replace(task.training, **options, method=method, seed=seed)
            check_training(trainings[f"{method}-{seed}"], labels, f"--set, {method}")
    known, runs = Runs(given.out / "methods.json", list(trainings)), []
    for name, training in trainings.items():
        asked = {"task": task.name, "base": given.base, "shares": shares, "training": asdict(training)}
        make = partial(one_run, task, corpus, base, given.out / name, training, given.device)
        runs.append(known.once(given.out / name, asked, make))
        print(f"{name}: {runs[-1]['test']}", flush=True)
    heads = [head for head in task.heads if any(head in run["test"] for run in runs)]
    print(f"\n{table(rows_of(runs, heads), heads)}")


if __name__ == "__main__":
    main()
