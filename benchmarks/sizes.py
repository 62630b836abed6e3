"""A classifier's sizes side by side: what each loses on test, and what it takes to serve.

    python benchmarks/sizes.py TASK --data FOLDER --out OUT [--run NAME=RUN] [--train NAME=BASE[:LAYERS[:PIECES]]]
                               [--layers 3 6 12] [--pieces 0 14000] [--word-bits 8 4] [--rounds 5] [--threads 2]
                               [--epochs 3] [--learning-rate 1e-4] [--seed 13] [--share SOURCE=0.3] [--device cuda]

--run, --train and --share may be repeated. A run is taken as it is (RUN/best). A base is cut to its first LAYERS and to
a vocabulary of PIECES (0: all), for every one of --layers and --pieces where it doesn't say, and fine-tuned by the
task's [training], but for the options. Each is exported to int8 with a word table of each of --word-bits, whatever it
loses: the table says where the gate would have refused it. Measured as served: every test set of the task with 95%
bootstrap intervals, the artifact's size, and at one thread texts a second in chunks of 64 and the milliseconds of a
text alone. Speed is measured in rounds, each artifact once a round, and is their median: it is of this machine, and of
what else it did.

A finished run is not made or exported again, one that was interrupted goes on; speed is measured anew. Prints a
Markdown table; OUT/sizes.json has all runs, OUT/speed.json every round, OUT/artifacts/ what was measured. Needs
[train].
"""

import argparse
import hashlib
import json
import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from runs import Runs, around

from models.artifact import load_artifact
from models.data.corpus import Corpus, Example, load_corpus
from models.engines.onnx import OnnxEngine
from models.errors import InputError
from models.evaluation.evaluate import by_source
from models.evaluation.report import full_report, machine, speed
from models.export.classifier import export
from models.tasks.task import Task, load_task, parse_shares, with_shares
from models.tasks.training import Training, check_training
from models.training.bases import directory_of
from models.training.finetune import finetune
from models.training.prune_vocabulary import prune_vocabulary


@dataclass(frozen=True, slots=True)
class Cut:
    """A base to train: `layers` None are all, `pieces` 0 too (but for what BERT's vocabulary leaves unused)."""

    name: str
    base: str
    layers: int | None
    pieces: int


def parse_cuts(given: Sequence[str], layers: Sequence[int], pieces: Sequence[int]) -> list[Cut]:
    """Of NAME=BASE[:LAYERS[:PIECES]], each with all sizes that it doesn't say. Raises InputError."""
    cuts = []
    for each in given:
        name, _, rest = each.partition("=")
        base, *sizes = rest.split(":")
        if not name or not base or len(sizes) > 2 or not all(size.isdecimal() for size in sizes):
            raise InputError(f"--train {each}: wanted NAME=BASE, NAME=BASE:LAYERS or NAME=BASE:LAYERS:PIECES")
        numbers = [int(size) for size in sizes]
        counts: Sequence[int | None] = numbers[:1] or layers or [None]
        for count in counts:
            for kept in numbers[1:] or pieces or [0]:
                parts = [name, *([f"{count}-layers"] if count else []), *([f"{kept}-pieces"] if kept else [])]
                cuts.append(Cut("-".join(parts), base, count, kept))
    return cuts


def parse_runs(given: Sequence[str]) -> dict[str, Path]:
    """Name -> the run's directory. Raises InputError."""
    runs = {}
    for each in given:
        name, _, path = each.partition("=")
        runs[name] = Path(path)
        if not name or not (runs[name] / "best" / "model.safetensors").exists():
            raise InputError(f"--run {each}: wanted NAME=RUN, where RUN/best is what 'gretchen models finetune' wrote")
    return runs


def base_of(cut: Cut, task: Task, corpus: Corpus, out: Path) -> Path:
    """The base, cut, as a directory. Raises InputError for more layers than it has."""
    path = out / "bases" / cut.name
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [example.text for example in corpus.examples["train"]]
    prune_vocabulary(directory_of(cut.base), path, texts, cut.pieces or 10**9, task.max_tokens, layers=cut.layers)
    return path


def trained(
    task: Task, corpus: Corpus, base: Path, run: Path, training: Training, device: str, resume: bool
) -> dict[str, Any]:
    best = finetune(task, corpus, base, run, training, around(run.name, device), resume=resume)
    return {"epoch": best["epoch"], "dev": best["dev"], "trained": best["trained"], "parameters": best["parameters"]}


def exported(task: Task, corpus: Corpus, measured: Corpus, run: Path, artifact: Path, _: bool) -> dict[str, Any]:
    """Write the int8 artifact of a run, and tell its figures on test as served."""
    manifest = export(
        task, corpus, measured, run / "best", artifact, version="1", base=run.name, commands=[], force=True,
        say=lambda line: print(f"  {artifact.name}: {line}", flush=True),
    )  # fmt: skip
    loaded = load_artifact(artifact)
    told = full_report(
        OnnxEngine(loaded), loaded.config, by_source(corpus.examples["test"] + measured.examples["test"]), {}
    )
    config = json.loads((run / "best" / "config.json").read_text())
    kept = ("n", "examples", "accuracy", "macro_f1", "intervals")
    return {
        "layers": config["num_hidden_layers"], "hidden": config["hidden_size"],
        "pieces": manifest["base"]["vocabulary"],
        "bytes": sum(file["bytes"] for file in manifest["files"].values()),
        "losses": manifest["quantization"]["losses"], "refused": manifest["quantization"]["faults"],
        "sets": {name: {key: of[key] for key in kept} for name, of in told["sets"].items()},
        "abstention": told["abstention"],
    }  # fmt: skip


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def timed(artifacts: Mapping[str, Path], examples: Sequence[Example], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Name -> texts a second in chunks and milliseconds of one alone, a number a round, all on one thread."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    engines = {name: OnnxEngine(load_artifact(path), threads=1) for name, path in artifacts.items()}
    taken: dict[str, dict[str, list[float]]] = {name: {"texts_per_s": [], "ms_alone": []} for name in engines}
    for n in range(rounds):
        for name, engine in engines.items():
            of = speed(engine, examples)
            taken[name]["texts_per_s"].append(of["texts_per_s"])
            taken[name]["ms_alone"].append(round(1000 / of["one_at_a_time_texts_per_s"], 3))
        print(f"speed: round {n + 1} of {rounds}", flush=True)
    return taken


def table(task: Task, runs: Iterable[Mapping[str, Any]], taken: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """A row an artifact, the fastest first."""
    rows = sorted(runs, key=lambda run: statistics.median(taken[run["name"]]["ms_alone"]))
    metrics = {name: task.heads[name.rpartition(".")[2]].metric for run in rows for name in run["sets"]}
    abstaining = list(dict.fromkeys(head for run in rows for head in run["abstention"]))
    columns = ["run", "layers", "pieces", "word bits", "MB", "texts/s", "ms alone"]
    columns += [f"{name} {metric.replace('_', ' ')}" for name, metric in metrics.items()]
    columns += [f"{head} {what}" for head in abstaining for what in ("answered right", "unknown turned away")]
    lines = [[*columns, "gate"], ["---"] * (len(columns) + 1)]
    for run in rows:
        own = taken[run["name"]]
        line = [
            run["run"],
            str(run["layers"]),
            f"{run['pieces']:,}",
            str(run["word_bits"]),
            f"{run['bytes'] / 1e6:.1f}",
        ]
        line += [f"{statistics.median(own['texts_per_s']):.0f}", f"{statistics.median(own['ms_alone']):.2f}"]
        line += [cell(run["sets"].get(name, {}), metric) for name, metric in metrics.items()]
        for head in abstaining:
            line += [cell(run["abstention"].get(head, {}), key) for key in ("in_scope_accuracy", "out_of_scope_recall")]
        lines.append([*line, "refused" if run["refused"] else "passed"])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(figures: Mapping[str, Any], key: str) -> str:
    if key not in figures:
        return ""
    low, high = figures["intervals"][key]
    return f"{figures[key]:.4f} ({low:.3f}-{high:.3f})"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task")
    for name in ("--data", "--out"):
        parser.add_argument(name, type=Path, required=True)
    for name in ("run", "train", "share"):
        parser.add_argument(f"--{name}", dest=f"{name}s", action="append", default=[])
    for name, default in (("--layers", []), ("--pieces", []), ("--word-bits", [8, 4])):
        parser.add_argument(name, type=int, nargs="+", default=default)
    for name, kind in (("--epochs", float), ("--learning-rate", float), ("--seed", int), ("--threads", int)):
        parser.add_argument(name, type=kind)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args(arguments)
    if given.threads:
        torch.set_num_threads(given.threads)
    measure(given, load_task(given.task))


def measure(given: argparse.Namespace, task: Task) -> None:
    if task.kind != "classifier":
        raise InputError(f"task {task.name} is of kind {task.kind}; the sizes here are a classifier's")
    taken_runs, cuts = parse_runs(given.runs), parse_cuts(given.trains, given.layers, given.pieces)
    names = [*taken_runs, *(cut.name for cut in cuts)]
    if not names or len(set(names)) < len(names):
        raise InputError(f"got the runs {', '.join(names) or '(none)'}; wanted --run or --train, each of another name")
    shares = parse_shares(given.shares, task)
    task = with_shares(task, shares)
    corpus, measured = (load_corpus(task, given.data, use=use) for use in ("train", "measure"))
    keys = ("epochs", "learning_rate", "seed")
    training = replace(task.training, **{key: getattr(given, key) for key in keys if getattr(given, key) is not None})
    check_training(training, {name: head.labels for name, head in task.heads.items()}, "the options")
    bases = {cut: base_of(cut, task, corpus, given.out) for cut in cuts}  # all, as one may have too few layers
    artifacts = {f"{name}-{bits}-bits": (name, bits) for name in names for bits in given.word_bits}
    known = Runs(given.out / "sizes.json", [*(cut.name for cut in cuts), *artifacts])
    for cut, base in bases.items():
        run = given.out / "runs" / cut.name
        asked = {"task": task.name, **asdict(cut), "shares": shares, "training": asdict(training)}
        known.once(run, asked, partial(trained, task, corpus, base, run, training, given.device))
    runs = []
    for name, (run_name, bits) in artifacts.items():
        run, artifact = taken_runs.get(run_name, given.out / "runs" / run_name), given.out / "artifacts" / name
        asked = {
            "task": task.name,
            "run": run_name,
            "weights": digest(run / "best" / "model.safetensors"),
            "word_bits": bits,
        }
        make = partial(exported, replace(task, word_bits=bits), corpus, measured, run, artifact)
        runs.append(known.once(artifact, asked, make))
    where = {name: given.out / "artifacts" / name for name in artifacts}
    taken = timed(where, corpus.examples["test"], given.rounds)
    (given.out / "speed.json").write_text(json.dumps({"machine": machine(), "threads": 1, "artifacts": taken}) + "\n")
    print(f"\n{table(task, runs, taken)}")


if __name__ == "__main__":
    main()
