"""Labels that were doubted, one a line of JSONL: a person strikes out those that are right, finetune leaves the rest.

A line names a target by source, text, head, label and, of an entity, span, of a pair the second text; what else stands
in it is for the reader.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from models.data.corpus import OUTLIER, Corpus, Example, pairs, read_text
from models.errors import InputError
from models.tasks.task import Head, Source

KEYS = ("source", "text", "head", "label")


class Doubt(NamedTuple):
    source: str
    text: str
    head: str
    label: str
    span: tuple[int, int] | None
    second: str | None = None


def read_doubted(path: Path) -> dict[Doubt, str]:
    """The doubts and where each stands. Raises InputError for a line that is none."""
    found: dict[Doubt, str] = {}
    for n, line in enumerate(read_text(path, "utf-8").replace("\r\n", "\n").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            source, text, head, label = (str(row[key]) for key in KEYS)
            span, second = row.get("span"), row.get("second")
            where = None if span is None else (int(span[0]), int(span[1]))
            doubt = Doubt(source, text, head, label, where, None if second is None else str(second))
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise InputError(
                f"{path}:{n}: no doubted label ({error!r}); wanted a line of 'gretchen models doubt', with"
                f" {', '.join(KEYS)} and the span of an entity"
            ) from None
        found[doubt] = f"{path}:{n}"
    return found


def without_doubted(
    corpus: Corpus, doubted: Mapping[Doubt, str], heads: Mapping[str, Head], sources: Iterable[Source]
) -> None:  # fmt: skip
    """Take the doubted labels out of the training texts, and count them; `sources` make their pairs of what is left.

    The corpus is to be loaded without pairs. Raises InputError for doubts of which none is among the training labels.
    """
    left = dict(doubted)
    kept = []
    for example in corpus.examples["train"]:
        targets = []
        for target, doubt in zip(example.targets, doubts_of(example, heads), strict=True):
            if doubt is not None and doubt in doubted:
                corpus.skip(example.source, "doubted label", doubted[doubt])
                left.pop(doubt, None)
            else:
                targets.append(target)
        if targets:
            kept.append(replace(example, targets=tuple(targets)))
    if doubted and len(left) == len(doubted):
        raise InputError(
            f"{next(iter(doubted.values()))}: none of {len(doubted)} doubted labels is one of the training labels;"
            " give the file that 'gretchen models doubt' wrote of this task and data"
        )
    for doubt, where in left.items():
        corpus.notice(doubt.source, "doubted label that no training text has", where)
    corpus.examples["train"] = kept
    for source in sources:
        if source.paired:
            corpus.examples["train"] += pairs(corpus.of("train", source.name), source.paired)


def doubts_of(example: Example, heads: Mapping[str, Head]) -> list[Doubt | None]:
    """How each target of an example would be doubted; None of an outlier's, which has no label."""
    return [
        None
        if t.label == OUTLIER
        else Doubt(example.source, example.text, t.head, heads[t.head].labels[t.label], t.span, example.second)
        for t in example.targets
    ]
