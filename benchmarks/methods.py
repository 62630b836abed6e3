"""The methods of fine-tuning on one task: parameters trained, accuracy on test over several seeds, seconds.

    python benchmarks/methods.py TASK --base BASE --data FOLDER --out OUT [--seeds 13 14 15] [--methods full lora …]
                                 [--set all.epochs=3] [--set lora.rank=16] [--threads 2] [--device cuda]

Each run is `gretchen models finetune` with the task's [training], but for what --set says; the epoch is chosen on dev,
the figures are of test, by torch in float32 (a prefix and adapters have no artifact). A finished run is not made
again, one that was cut goes on. Prints a Markdown table; OUT/methods.json has every run. Needs [train].
"""

import argparse
import json
import statistics
import time
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from models.data import Corpus, load_corpus
from models.errors import InputError
from models.finetune import finetune, judge
from models.loop import Surroundings
from models.tasks import Task, load_task
from models.training import METHODS, Training, check_training


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
    task: Task, corpus: Corpus, base: Path, run: Path, training: Training, device: str = "cpu"
) -> dict[str, Any]:
    """The run's figures, from its file if it was finished before by the same options; if only begun, it goes on."""
    asked, done = run.with_name(f"{run.name}.options.json"), run / "figures.json"
    wanted = json.loads(json.dumps(asdict(training)))
    same = asked.exists() and json.loads(asked.read_text()) == wanted
    if same and done.exists():
        figures: dict[str, Any] = json.loads(done.read_text())
        return figures
    resume = same and (run / "last").exists()
    run.parent.mkdir(parents=True, exist_ok=True)
    asked.write_text(json.dumps(wanted))
    began_s = time.monotonic()
    best = finetune(task, corpus, base, run, training, Surroundings(device=device), resume=resume)
    seconds = time.monotonic() - began_s
    figures = {
        "training": wanted, "trained": best["trained"], "parameters": best["parameters"], "epoch": best["epoch"],
        "dev": best["dev"], "test": judge(run / "best", task, corpus.examples["test"]),
        "seconds": None if resume else round(seconds, 1),
    }  # fmt: skip
    done.write_text(json.dumps(figures))
    return figures


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
    for name in ("--base", "--data", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[13, 14, 15])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="METHOD.KEY=VALUE")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args(arguments)
    if given.threads:
        torch.set_num_threads(given.threads)
    task = load_task(given.task)
    corpus = load_corpus(task, given.data)
    labels = {name: head.labels for name, head in task.heads.items()}
    own, runs = overrides(given.settings), []
    for method in given.methods:
        for seed in given.seeds:
            options = own.get("all", {}) | own.get(method, {})
            training = replace(task.training, **options, method=method, seed=seed)
            check_training(training, labels, f"--set, {method}")
            run = given.out / f"{method}-{seed}"
            runs.append(one_run(task, corpus, given.base, run, training, given.device))
            print(f"{run}: {runs[-1]['test']}", flush=True)
            (given.out / "methods.json").write_text(json.dumps(runs, indent=1) + "\n")
    heads = [head for head in task.heads if any(head in run["test"] for run in runs)]
    print(f"\n{table(rows_of(runs, heads), heads)}")


if __name__ == "__main__":
    main()
