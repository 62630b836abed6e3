"""What the verbs do for tasks of each kind: which step trains and exports, how readers and encoders are measured."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.errors import InputError
from streams.commands.models.inputs import load_any
from streams.commands.models.reports import table_of, wide

if TYPE_CHECKING:
    from models.artifact import Artifact
    from models.data.questions import Question, Questions
    from streams.commands.models.measured import Chosen

SUFFIXES = {".json": "squad", ".csv": "csv", ".parquet": "parquet"}


def trainer(kind: str) -> Callable[..., dict[str, Any]]:
    """The fine-tuning step. Raises ImportError where the extra is missing."""
    if kind == "reader":
        from models.training.finetune_reader import finetune_reader

        return finetune_reader
    if kind == "encoder":
        from models.training.finetune_encoder import finetune_encoder

        return finetune_encoder
    from models.training.finetune import finetune

    return finetune


def exporter(kind: str) -> Callable[..., dict[str, Any]]:
    """The export step. Raises ImportError where the extra is missing."""
    if kind == "reader":
        from models.export.reader import export_reader

        return export_reader
    if kind == "encoder":
        from models.export.encoder import export_encoder

        return export_encoder
    from models.export.classifier import export

    return export


def texts_of(kind: str, learned: Any) -> list[str]:
    """The training texts, of pairs both; of questions also their passages, each once."""
    train = learned.examples["train"]
    texts = [example.text for example in train]
    if kind == "classifier":
        return [*texts, *(example.second for example in train if example.second is not None)]
    return [*texts, *dict.fromkeys(question.passage for question in train)]


def evaluate(artifact: "Artifact", chosen: "Chosen", into: Path | None, as_json: bool) -> None:
    """Measure a reader or an encoder as it is served; a report goes to `into`/report.json too."""
    task, asked = asked_of(artifact, chosen)
    questions = asked.examples[chosen.split]
    if not any(question.answers for question in questions):
        raise InputError(f"{chosen.data}: no answerable question in the {chosen.split} split; wanted some to measure")
    reads = artifact.config.kind == "reader"
    sets = measure_reader(artifact, questions) if reads else measure_encoder(artifact, asked, questions)
    told = {
        "artifact": artifact.version,
        "bytes": sum(file.bytes for file in artifact.manifest.files.values()),
        "data": f"{task}, {chosen.split} split",
        "data_notes": asked.notes(),
        "sets": sets,
    }
    if into:
        into.mkdir(parents=True, exist_ok=True)
        (into / "report.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        print_sets(artifact.config.kind, sets)


def asked_of(artifact: "Artifact", chosen: "Chosen") -> "tuple[str, Questions]":
    """What is measured on, and its questions: of a task's data folder, or of a file in SQuAD's layout or a table."""
    from models.data.questions import Questions, add_source, rows_of
    from models.tasks.task import Source

    if not chosen.data.is_file():
        declared, learned, measured = load_any(chosen.task or artifact.config.task, chosen.data)
        if declared.kind == "classifier":
            raise InputError(
                f"task {declared.name} is a {declared.kind}'s, {artifact.path} is a {artifact.config.kind}"
            )
        for split, of_split in measured.examples.items():
            learned.examples[split] += of_split
        learned.passages |= measured.passages
        return declared.name, learned
    reader = SUFFIXES.get(chosen.data.suffix)
    if reader is None:
        raise InputError(f"{chosen.data}: wanted a folder, or a file {', '.join(SUFFIXES)}")
    files = {chosen.split: chosen.data.name}
    source = Source(chosen.data.stem, reader, "", "train", files, encoding=chosen.encoding)
    own = Questions()
    add_source(own, source, list(rows_of(source, chosen.data.parent)), set())
    for line in own.notes():
        click.echo(line, err=True)
    return str(chosen.data), own


def measure_reader(artifact: "Artifact", questions: "list[Question]") -> dict[str, Any]:
    from models.engines.reader import Reader
    from models.evaluation.reading import measure

    return measure(Reader(artifact), questions)


def measure_encoder(artifact: "Artifact", asked: "Questions", questions: "list[Question]") -> dict[str, Any]:
    """Recall, BM25's beside it where bm25s is installed."""
    from importlib.util import find_spec

    from models.engines.encoder import Encoder
    from models.evaluation import retrieval

    ways = {"encoder": retrieval.by_vectors(Encoder(artifact))}
    if find_spec("bm25s"):
        ways["BM25"] = retrieval.by_words
    else:
        click.echo("BM25 is left out: bm25s is not installed (pip install 'gretchen[train]')", err=True)
    return retrieval.measure(ways, questions, asked.passages)


def print_sets(kind: str, sets: Mapping[str, Any]) -> None:
    header: tuple[str, ...]
    if kind == "reader":
        header = ("set", "n", "F1", "95%", "EM", "95%", "no-answer AUROC", "answered", "their F1", "withheld")
        rows = [
            [name, str(of["n"]), shown(of, "f1"), between(of, "f1_interval"), shown(of, "em"),
             between(of, "em_interval"), *(shown(of, key) for key in ("no_answer_auroc", "answered", "answered_f1",
                                                                      "withheld"))]
            for name, of in sets.items()
        ]  # fmt: skip
    else:
        header = ("set.way", "questions", "passages", "recall@1", "95%", "recall@10", "MRR@10")
        rows = [
            [name, str(of["n"]), str(of["passages"]), shown(of, "recall@1"), between(of, "recall@1_interval"),
             shown(of, "recall@10"), shown(of, "mrr@10")]
            for name, of in sets.items()
        ]  # fmt: skip
    wide().print(table_of(header, rows))


def shown(of: Mapping[str, Any], key: str) -> str:
    value = of.get(key)
    return "-" if value is None else f"{value:.3f}"


def between(of: Mapping[str, Any], key: str) -> str:
    return f"[{of[key][0]:.3f}, {of[key][1]:.3f}]" if key in of else "-"
