"""A first task out of a labelled file of the user's own: what its labels are, how it is split, how one begins to train.

The draft is a TOML to be read and changed by a person. It is read back and loaded before anybody sees it, so what is
told of it is what 'finetune' will say.
"""

import json
import math
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.data.corpus import OUT_OF_SCOPE, OUTLIER, READ, SPLITS, Corpus, Row, load_corpus, own_source
from models.errors import InputError
from models.tasks.task import parse_task

BATCH = 16
STEPS = 90  # a base learns little from fewer, however few the texts
MOST_EPOCHS, LEAST_EPOCHS = 8, 4
SHARES = ((1_000, 0.20, 0.15), (5_000, 0.15, 0.10))  # up to so many rows: test, dev
MANY_ROWS_SHARES = (0.10, 0.05)
UNEVEN = 4.0  # so many times as many texts of one label as of another: macro F1 decides, and labels weigh alike
FEW_TEXTS = 10  # of a label, below which its figures say next to nothing
CHARS_A_TOKEN = 4
TOKENS = (128, 256)
MOST_PLACES = 5
LABELS_A_LINE = 6

TEXT = """\
# A first draft out of {file}: read it, change it. Every key is in docs/models.md.
name = {name}
max_tokens = {max_tokens}
text_pooling = "mean"
abstain_on = {head}

[heads.{table}]
on = "text"
metric = {metric}
labels = [
{labels}
]

[[sources]]
name = {source}
reader = {reader}
license = "our own"
use = "train"
files = {{ all = {file} }}
text = {text}
label = {label}
head = {head}
test_share = {test_share}
dev_share = {dev_share}
{rest}
[training]
epochs = {epochs}
batch_size = {batch_size}
learning_rate = 1.5e-4
head_learning_rate = 7e-3
class_weights = {class_weights}
"""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A file of labelled text, and what its columns are called."""

    path: Path
    text: str = "text"
    label: str = "label"
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Draft:
    """`toml` is the task. `counts`: label -> split -> texts; what is out of scope comes last. `notes`: what is odd."""

    toml: str
    rows: int
    metric: str
    counts: Mapping[str, Mapping[str, int]]
    notes: Sequence[str]


def draft(file: Labelled, name: str, head: str, out_of_scope: Collection[str] = ()) -> Draft:
    """Raises InputError for a file that can't be read, rows without a label, and labels that are none."""
    source = own_source(file.path, head, file.text, file.label, encoding=file.encoding)
    rows = list(READ[source.reader](source, Path(), file.path, "all"))
    check_rows(rows, file)
    names = one_spelling(row.label for row in rows if row.text.strip())
    sizes = Counter(names[row.label] for row in rows if row.text.strip())
    elsewhere = {names[label] for label in out_of_scope if label in names}
    if unknown := [label for label in out_of_scope if label not in names]:
        raise InputError(f"{file.path}: no row is labelled {unknown[0]!r}; it has {', '.join(sorted(sizes)[:8])}")
    labels = sorted(sizes.keys() - elsewhere)
    check_labels(labels, len(rows), file)
    known = [sizes[label] for label in labels]
    uneven = max(known) > UNEVEN * min(known)
    test, dev = next((shares for most, *shares in SHARES if len(rows) <= most), MANY_ROWS_SHARES)
    changed = {label: OUT_OF_SCOPE if own in elsewhere else own for label, own in names.items()}
    toml = TEXT.format(
        name=quoted(name), head=quoted(head), table=head, source=quoted(file.path.stem), reader=quoted(source.reader),
        file=quoted(file.path.name), text=quoted(file.text), label=quoted(file.label), labels=listed(labels),
        max_tokens=tokens_for(rows), metric=quoted("macro_f1" if uneven else "accuracy"),
        test_share=test, dev_share=dev, epochs=epochs_for(len(rows) * (1 - test - dev)), batch_size=BATCH,
        class_weights=quoted("balanced" if uneven else "none"),
        rest=rest(file.encoding, {label: own for label, own in changed.items() if label != own}),
    )  # fmt: skip
    task = parse_task(tomllib.loads(toml), name)
    corpus = load_corpus(task, file.path.parent)
    counts = counts_of(corpus, task.heads[head].labels)
    notes = [*spellings(names), *corpus.notes(), *thin(counts), *(() if elsewhere else (NO_OTHERS,))]
    return Draft(toml, len(rows), task.heads[head].metric, counts, notes)


NO_OTHERS = (
    "no texts on other matters: the model can't learn when to say nothing; label some, and give --out-of-scope LABEL"
)


def check_rows(rows: Sequence[Row], file: Labelled) -> None:
    """Raise InputError where there is no row, or one without a label: all of them, so that one pass mends them."""
    if not rows:
        raise InputError(f"{file.path}: no row; wanted labelled text")
    bare = [row.where for row in rows if row.text.strip() and not row.label.strip()]
    if bare:
        shown = "; ".join([*bare[:MOST_PLACES], *(["…"] if len(bare) > MOST_PLACES else [])])
        raise InputError(f"{file.path}: {len(bare)} rows have no {file.label} ({shown}); label them, or take them out")


def check_labels(labels: Sequence[str], rows: int, file: Labelled) -> None:
    """Raise InputError for one label only, and for a column that can't be one of labels."""
    if len(labels) < 2:
        only = f"only {labels[0]!r}" if labels else "none"
        raise InputError(f"{file.path}: column {file.label} has {only}; a classifier wants 2 labels or more")
    if len(labels) > rows / 2:
        raise InputError(
            f"{file.path}: column {file.label} has {len(labels)} different labels in {rows} rows; is it another column?"
        )


def one_spelling(found: Iterable[str]) -> dict[str, str]:
    """Label as written -> the commonest of those that differ by capitals and spaces only, without spaces around it."""
    sizes = Counter(found)
    best: dict[str, str] = {}
    for label, _ in sizes.most_common():
        best.setdefault(alike(label), label.strip())
    return {label: best[alike(label)] for label in sizes}


def alike(label: str) -> str:
    return " ".join(label.casefold().split())


def spellings(names: Mapping[str, str]) -> list[str]:
    return [f"{label!r} is taken for {own!r} (map in the task)" for label, own in names.items() if label != own]


def tokens_for(rows: Sequence[Row]) -> int:
    """The least of TOKENS that nineteen of twenty texts fit into, or the most."""
    lengths = sorted(len(row.text) for row in rows)
    usual = lengths[int(0.95 * (len(lengths) - 1))]
    return next((tokens for tokens in TOKENS if usual <= tokens * CHARS_A_TOKEN), TOKENS[-1])


def epochs_for(texts: float) -> int:
    return max(LEAST_EPOCHS, min(MOST_EPOCHS, math.ceil(STEPS * BATCH / max(texts, 1))))


def counts_of(corpus: Corpus, labels: Sequence[str]) -> dict[str, dict[str, int]]:
    """Label -> split -> texts."""
    found = {split: Counter(e.targets[0].label for e in corpus.examples[split]) for split in SPLITS}
    counts = {name: {split: found[split][n] for split in SPLITS} for n, name in enumerate(labels)}
    outliers = {split: found[split][OUTLIER] for split in SPLITS}
    return counts | ({OUT_OF_SCOPE: outliers} if any(outliers.values()) else {})


def thin(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Labels that are not in every split, or rare."""
    notes = []
    for label, by_split in counts.items():
        if lacking := [split for split in SPLITS if not by_split[split]]:
            notes.append(f"{label}: no text in {' and '.join(lacking)}; wanted some in each: more texts, other shares")
        elif sum(by_split.values()) < FEW_TEXTS:
            notes.append(f"{label}: {sum(by_split.values())} texts; wanted {FEW_TEXTS} at least, better 30")
    return notes


def rest(encoding: str, renamed: Mapping[str, str]) -> str:
    """The keys of a source that most files do without."""
    lines = [] if encoding == "utf-8" else [f"encoding = {quoted(encoding)}"]
    if renamed:
        lines += ["", "[sources.map]  # as it is written in the file -> what it is; out of scope: none of the labels"]
        lines += [f"{quoted(label)} = {quoted(own)}" for label, own in sorted(renamed.items())]
    return "".join(f"{line}\n" for line in lines)


def listed(labels: Sequence[str]) -> str:
    rows = [labels[n : n + LABELS_A_LINE] for n in range(0, len(labels), LABELS_A_LINE)]
    return "\n".join(f"  {', '.join(map(quoted, row))}," for row in rows)


def quoted(text: str) -> str:
    """A TOML string: JSON's, but that TOML escapes DEL, too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
