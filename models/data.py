"""Labelled text in, examples out: every row is either an example or counted under the reason it was skipped for.

Splits: a set that comes with a test file keeps it; a set in one file is split by a hash of its normalized text, so that
a text repeated never lies on both sides and a re-run gives the same split. A row of train or dev whose text is also in
test is dropped from training and counted (`also in test`).
"""

import csv
import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from models.errors import InputError
from models.tasks import Head, Source, Task

URL = re.compile(r"https?://\S+")
NOT_WORD = re.compile(r"[\W_]+")
DECISION = re.compile(r"""['"](?P<name>.+?)['"]: ['"](?P<label>\w+)['"](?:, |\}$)""")
# The set's authors put verdicts for words inside names as well ("Bajaj neutralings" was Bajaj Holdings).
OVERWRITTEN = (("neutral", "hold"), ("negative", "sell"), ("positive", "buy"))
SPLITS = ("train", "dev", "test")
OUTLIER = -1
JOINTS = (" while ", " as ", " and ", " but ", "; ", ", ")


class Target(NamedTuple):
    """What one head should say: of the whole text (`span` None) or of the characters [start, end).

    `label` is an index into the head's labels, or OUTLIER: nothing the head knows, so all labels alike.
    """

    head: str
    label: int
    weight: float = 1.0
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Example:
    text: str
    targets: tuple[Target, ...]
    source: str


@dataclass(slots=True)
class Corpus:
    """Examples by split, and by (source, reason) how many rows were skipped."""

    examples: dict[str, list[Example]] = field(default_factory=lambda: {split: [] for split in SPLITS})
    skipped: Counter[tuple[str, str]] = field(default_factory=Counter)

    def of(self, split: str, source: str) -> list[Example]:
        return [example for example in self.examples[split] if example.source == source]


class Row(NamedTuple):
    """A row as its reader found it: `label` still as written, `where` is file:line for the error messages."""

    split: str
    text: str
    label: str
    where: str


def load_corpus(task: Task, root: Path, *, use: str = "train") -> Corpus:
    """All sources of the task with this use. Raises InputError for what can't be read or is labelled unknown."""
    corpus = Corpus()
    for source in task.sources:
        if source.use == use:
            add_source(corpus, source, task.heads, root)
    return corpus


def add_source(corpus: Corpus, source: Source, heads: dict[str, Head] | Any, root: Path) -> None:
    read = READ[source.reader]
    rows = [row for split, path in source.files.items() for row in read(source, root, root / path, split)]
    tests = {normalize(row.text) for row in rows if split_of(row, source) == "test"}
    found: set[int] = set()
    for row in rows:
        split = split_of(row, source)
        key = normalize(row.text)
        if not key:
            corpus.skipped[source.name, "empty text"] += 1
        elif split in ("train", "dev") and key in tests:
            corpus.skipped[source.name, "also in test"] += 1
        elif split == "train" and hash_share("keep " + key) >= source.train_share:
            corpus.skipped[source.name, "not in the share used"] += 1
        elif targets := targets_of(row, source, heads, corpus.skipped):
            corpus.examples[split].append(Example(row.text, targets, source.name))
            found.update(target.label for target in targets if target.head == source.head)
    if source.paired:
        corpus.examples["train"] += pairs(corpus.of("train", source.name), source.paired)
    if rows and not source.outlier and len(found) < 2:
        raise InputError(f"{rows[0].where}: {len(found)} label in all of {source.name}; a classifier wants 2 or more")


def pairs(examples: list[Example], share: float) -> list[Example]:
    """Texts of two of the given each, with the targets on both's spans; the same for the same examples."""
    rng = random.Random(0)
    made = []
    for _ in range(round(share * len(examples)) if len(examples) > 1 else 0):
        first, second = rng.sample(examples, 2)
        start = first.text + rng.choice(JOINTS)
        spans = [t for t in first.targets if t.span]
        spans += [t._replace(span=(t.span[0] + len(start), t.span[1] + len(start))) for t in second.targets if t.span]
        made.append(Example(start + second.text, tuple(spans), first.source))
    return [example for example in made if example.targets]


def normalize(text: str) -> str:
    """What makes two texts the same for splitting: no URL, no case, no punctuation."""
    return NOT_WORD.sub(" ", URL.sub(" ", text).lower()).strip()


def hash_share(text: str) -> float:
    """A text's own number in [0, 1), the same on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:6], "big") / 2**48


def split_of(row: Row, source: Source) -> str:
    share = hash_share(normalize(row.text))
    if row.split == "all":
        return (
            "test" if share < source.test_share else "dev" if share < source.test_share + source.dev_share else "train"
        )
    return "dev" if row.split == "train" and share < source.dev_share else row.split


def targets_of(
    row: Row, source: Source, heads: dict[str, Head], skipped: Counter[tuple[str, str]]
) -> tuple[Target, ...]:
    if source.outlier:
        return (Target(source.head, OUTLIER, source.weight),)
    labels = heads[source.head].labels
    if source.reader != "entities":
        return (Target(source.head, index_of(source.map.get(row.label, row.label), labels, row.where), source.weight),)
    targets = []
    for match in DECISION.finditer(row.label):
        label = index_of(match["label"], labels, row.where)
        span = find_span(row.text, match["name"])
        if span is None:
            skipped[source.name, "entity not in the text"] += 1
        else:
            targets.append(Target(source.head, label, source.weight, span))
    if not targets:
        skipped[source.name, "no entity"] += 1
    elif source.agreeing and len({target.label for target in targets}) == 1:
        targets.append(Target(source.agreeing["head"], targets[0].label, source.agreeing["weight"]))
    return tuple(targets)


def index_of(label: str, labels: tuple[str, ...], where: str) -> int:
    if label not in labels:
        raise InputError(
            f"{where}: unknown label {label!r}; wanted one of {', '.join(labels[:8])}, or a map in the task"
        )
    return labels.index(label)


def find_span(text: str, name: str) -> tuple[int, int] | None:
    """Where `name` stands in `text`: whole words before parts of words, case ignored; None where it does not."""
    for wanted in (name, *(name.replace(wrong, right) for wrong, right in OVERWRITTEN)):
        escaped = re.escape(wanted)
        match = re.search(rf"(?<!\w){escaped}(?!\w)", text, re.I) or re.search(escaped, text, re.I)
        if match and match.end() > match.start():
            return match.span()
    return None


def read_csv(source: Source, root: Path, path: Path, split: str) -> Iterator[Row]:
    """Rows of a CSV with a header."""
    lines = iter(_text(path, source.encoding).splitlines(keepends=True))
    reader = csv.DictReader(lines)
    missing = {source.text, source.label} - set(reader.fieldnames or ())
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(sorted(missing))}; it has {', '.join(reader.fieldnames or ['nothing'])};"
            " name the columns in the task"
        )
    for row in reader:
        text, label = row[source.text], row[source.label]
        if text is None or label is None:
            raise InputError(f"{path}:{reader.line_num}: fewer columns than the header has")
        yield Row(split, text, label, f"{path}:{reader.line_num}")


def read_parquet(source: Source, root: Path, path: Path, split: str) -> Iterator[Row]:
    """Rows of a Parquet file; a number as label is a line of the classes file, from 0, if there is one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path}: not a Parquet file that can be read: {error}") from None
    missing = {source.text, source.label} - set(table.column_names)
    if missing:
        raise InputError(f"{path}: no column {', '.join(sorted(missing))}; it has {', '.join(table.column_names)}")
    classes = _text(root / source.classes, source.encoding).splitlines() if source.classes else []
    texts, labels = table[source.text].to_pylist(), table[source.label].to_pylist()
    for n, (text, label) in enumerate(zip(texts, labels, strict=True), 1):
        if classes and not (isinstance(label, int) and 0 <= label < len(classes)):
            raise InputError(f"{path}:{n}: label {label!r} is not a line of {source.classes} (0 to {len(classes) - 1})")
        yield Row(split, text or "", classes[label].strip() if classes else str(label), f"{path}:{n}")


def read_at(source: Source, root: Path, path: Path, split: str) -> Iterator[Row]:
    """Lines `text@label`."""
    for n, line in enumerate(_text(path, source.encoding).splitlines(), 1):
        text, at, label = line.rpartition("@")
        if not at:
            raise InputError(f"{path}:{n}: no @ before the label; wanted text@label")
        yield Row(split, text, label.strip(), f"{path}:{n}")


def read_clinc(source: Source, root: Path, path: Path, split: str) -> Iterator[Row]:
    """CLINC150: out-of-scope queries, and queries of domains that are not excluded, as what the head doesn't know.

    Only out-of-scope queries are tested on: the set's own test for it.
    """
    try:
        raw = json.loads(_text(path, source.encoding))
        domains = json.loads(_text(root / source.domains, source.encoding))
        unwanted = {intent for domain in source.exclude_domains for intent in domains[domain]} | set(source.exclude)
        for key, into in (
            ("train", "train"),
            ("oos_train", "train"),
            ("val", "dev"),
            ("oos_val", "dev"),
            ("oos_test", "test"),
        ):
            for n, (text, intent) in enumerate(raw[key], 1):
                if intent not in unwanted and (key == "oos_train" or into != "dev" or key == "oos_val" or n % 5 == 0):
                    yield Row(into, text, intent, f"{path}:{key}[{n}]")
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not the layout of CLINC150's data_full.json and domains.json ({error!r})") from None


READ: dict[str, Callable[[Source, Path, Path, str], Iterator[Row]]] = {
    "csv": read_csv, "entities": read_csv, "parquet": read_parquet, "at": read_at, "clinc": read_clinc,
}  # fmt: skip


def _text(path: Path, encoding: str) -> str:
    """The file's text; a byte that does not decode is named by its line."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; --data names the folder that holds the data sets") from None
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}:{line}: byte {raw[error.start]:#04x} is not {encoding}; say encoding = in the task"
        ) from None
