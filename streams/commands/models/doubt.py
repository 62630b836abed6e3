"""`gretchen models doubt`: training labels that a model which did not see them finds unlikely."""

import json
from pathlib import Path
from typing import Any

import click

from streams.commands.models.inputs import console, data_option, load_any, train_missing
from streams.commands.models.reports import table_of, wide
from streams.commands.models.training_options import (
    surroundings,
    surroundings_options,
    training_of,
    training_options,
)


@click.command("doubt")
@click.argument("task")
@click.option("--base", required=True, help="As finetune's.")
@data_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="doubted.jsonl, and what each fold said.")
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True)
@click.option("--most", type=click.IntRange(min=1), help="Of each head, the least likely first; all by default.")
@training_options
@surroundings_options
def command(
    task: str, base: str, data: Path, out: Path, folds: int, most: int | None, weighted: tuple[str, ...],
    threads: int | None, device: str, track: tuple[str, ...], **options: Any,
) -> None:  # fmt: skip
    """Judge TASK's training labels by cross-validation; write the doubted ones for a person to look at.

    Strike out the lines whose label is right, and give the rest to 'finetune --without-doubted'. The same command goes
    on where it was interrupted.
    """
    from models.errors import InputError

    declared, corpus, _ = load_any(task, data, without_pairs=True)
    if declared.kind != "classifier":
        raise InputError(f"task {declared.name} is of kind {declared.kind}; only a classifier's labels are doubted")
    training = training_of(declared, weighted, options)
    try:
        from models.training.bases import directory_of
        from models.training.doubt import check_folds, doubted, judge_labels
    except ImportError as error:
        raise train_missing(error) from None
    check_folds(corpus, folds)
    with surroundings(threads, device, track, go_on=()) as around:
        judged = judge_labels(declared, corpus, directory_of(base), out, training, folds, around)
    rows, lines = [], []
    for head, of in judged.items():
        found = doubted(of, declared.heads[head].labels)
        right = float((of.probabilities.argmax(-1) == of.labels).mean()) if len(of.labels) else 0.0
        rows.append([head, str(len(of.labels)), f"{right:.3f}", str(len(found))])
        lines += [
            {**one.doubt._asdict(), "said": one.said, "probability": round(one.probability, 4),
             "said_probability": round(one.said_probability, 4),
             **({"entity": one.doubt.text[slice(*one.doubt.span)]} if one.doubt.span else {})}
            for one in found[:most]
        ]  # fmt: skip
    written = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (out / "doubted.jsonl").write_text(written, encoding="utf-8")
    wide().print(table_of(("head", "training labels", "accuracy held out", "doubted"), rows))
    console.print(f"{out}/doubted.jsonl: {len(lines)} labels", highlight=False)
