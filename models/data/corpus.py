"""Labelled text in, examples out: every row is either an example or counted under the reason it was skipped for.

Splits: a set that comes with a test file keeps it; a set in one file is split by a hash of its normalized text, so that
a text repeated never lies on both sides and a re-run gives the same split. A row of train or dev whose text is also in
test is dropped from training and counted (`also in test`), as is one of train that is also in dev. What is odd and kept
(a text repeated, or repeated with another label) is counted as noticed.
"""

import csv
import hashlib
import io
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from models.errors import InputError
from models.tasks.task import Head, Source, Task

WRITTEN = Path(__file__).parents[1] / "written"
URL = re.compile(r"https?://\S+")
NOT_WORD = re.compile(r"[\W_]+")
DECISION = re.compile(r"""['"](?P<name>.+?)['"]: ['"](?P<label>\w+)['"](?:, |\}$)""")
# The set's authors put verdicts for words inside names as well ("Bajaj neutralings" was Bajaj Holdings).
OVERWRITTEN = (("neutral", "hold"), ("negative", "sell"), ("positive", "buy"))
SPLITS = ("train", "dev", "test")
OUTLIER = -1
OUT_OF_SCOPE = "(out of scope)"  # what a task's map turns a label into whose rows are outliers
MOST_PLACES = 3
CLINC = {"train": "train", "oos_train": "train", "val": "dev", "oos_val": "dev", "test": "test", "oos_test": "test"}
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
    """`second` is the second text of a pair, None where an example is one text."""

    text: str
    targets: tuple[Target, ...]
    source: str
    second: str | None = None

    @property
    def given(self) -> str | tuple[str, str]:
        """What a tokenizer is given: the text, of a pair both."""
        return self.text if self.second is None else (self.text, self.second)


@dataclass(slots=True)
class Tally:
    """By (source, reason) how many rows were skipped, or noticed and kept, and the first places."""

    skipped: Counter[tuple[str, str]] = field(default_factory=Counter)
    noticed: Counter[tuple[str, str]] = field(default_factory=Counter)
    places: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def skip(self, source: str, reason: str, place: str) -> None:
        self.skipped[source, reason] += 1
        self._place((source, reason), place)

    def notice(self, source: str, what: str, place: str) -> None:
        self.noticed[source, what] += 1
        self._place((source, what), place)

    def _place(self, key: tuple[str, str], place: str) -> None:
        places = self.places.setdefault(key, [])
        if len(places) < MOST_PLACES:
            places.append(place)

    def notes(self) -> list[str]:
        """A line for each reason: what, how many, and the first places."""
        lines = []
        for counts, done in ((self.skipped, "skipped, "), (self.noticed, "")):
            for (source, reason), n in sorted(counts.items()):
                places = self.places.get((source, reason), [])
                shown = "; ".join([*places, *(["…"] if n > len(places) else [])])
                lines.append(f"{source}: {n} {done}{reason}" + (f" ({shown})" if places else ""))
        return lines


@dataclass(slots=True)
class Corpus(Tally):
    """Examples by split, and what became of the other rows."""

    examples: dict[str, list[Example]] = field(default_factory=lambda: {split: [] for split in SPLITS})

    def of(self, split: str, source: str) -> list[Example]:
        return [example for example in self.examples[split] if example.source == source]


class Row(NamedTuple):
    """A row as its reader found it: `label` still as written, `where` is file:line for the error messages."""

    split: str
    text: str
    label: str
    where: str
    second: str | None = None


def load_corpus(task: Task, root: Path, *, use: str = "train") -> Corpus:
    """All sources of the task with this use. Raises InputError for what can't be read or is labelled unknown."""
    corpus = Corpus()
    for source in task.sources:
        if source.use == use:
            add_source(corpus, source, task.heads, root)
    if use == "train":
        check_learnable(corpus, task)
    return corpus


def check_learnable(corpus: Corpus, task: Task) -> None:
    """Raise InputError for a head whose training texts all have one label; notice labels that none of them has."""
    for name, head in task.heads.items():
        seen = {t.label for e in corpus.examples["train"] for t in e.targets if t.head == name and t.label != OUTLIER}
        if len(seen) == 1:
            raise InputError(
                f"head {name} of task {task.name}: every training text is {head.labels[seen.pop()]!r}; a classifier"
                " wants 2 labels or more: look at the splits and at what was skipped"
            )
        for label in head.labels if seen else ():
            if head.labels.index(label) not in seen:
                corpus.notice(f"head {name}", "labels without a training text", repr(label))
        if seen and not any(t.head == name for e in corpus.examples["dev"] for t in e.targets):
            corpus.notice(f"head {name}", "without a dev text to choose by", f"task {task.name}")


def add_source(corpus: Corpus, source: Source, heads: Mapping[str, Head], root: Path) -> None:
    """Read one source into the corpus. Raises InputError."""
    rows = rows_of(source, root)
    held: dict[str, dict[str, str]] = {split: {} for split in SPLITS}
    for row in rows:
        held[split_of(row, source)].setdefault(identity(row), row.where)
    found: set[int] = set()
    for row in rows:
        split = split_of(row, source)
        key = identity(row)
        if lack := lacking(row):
            corpus.skip(source.name, lack, row.where)
        elif split != "test" and key in held["test"]:
            corpus.skip(source.name, "also in test", same(row, held["test"][key]))
        elif split == "train" and key in held["dev"]:
            corpus.skip(source.name, "also in dev", same(row, held["dev"][key]))
        elif split == "train" and hash_share("keep " + key) >= source.train_share:
            corpus.skipped[source.name, "not in the share used"] += 1
        elif targets := targets_of(row, source, heads, corpus):
            corpus.examples[split].append(Example(row.text, targets, source.name, row.second))
            found.update(target.label for target in targets if target.head == source.head)
    notice_repeats(corpus, source, rows)
    if source.paired:
        corpus.examples["train"] += pairs(corpus.of("train", source.name), source.paired)
    if not source.outlier and source.reader != "heads" and len(found) < 2:  # of several heads, all sets are judged
        only = f"only {rows[0].label!r}" if found else "no label"
        raise InputError(
            f"{rows[0].where}: {only} in all {len(rows)} rows of {source.name}; a classifier wants 2 labels or more"
        )


def rows_of(source: Source, root: Path) -> list[Row]:
    """All rows of all files. Raises InputError for a file without any."""
    rows: list[Row] = []
    folder = WRITTEN if source.ours else root
    for split, path in source.files.items():
        of_file = list(READ[source.reader](source, folder, folder / path, split))
        if not of_file:
            raise InputError(f"{folder / path}: no row; wanted labelled text")
        rows += of_file
    return rows


def lacking(row: Row) -> str:
    """What makes a row no example: that a text of it says nothing; "" of one that is."""
    if not normalize(row.text):
        return "empty text"
    return "empty second text" if row.second is not None and not normalize(row.second) else ""


def same(row: Row, where: str) -> str:
    text = " ".join(row.text.split())
    return f"{row.where} is {where}, {text[:40]!r}{'…' if len(text) > 40 else ''}"


def notice_repeats(corpus: Corpus, source: Source, rows: list[Row]) -> None:
    """Count the rows whose text came before in the same split, with the same label or with another."""
    first: dict[tuple[str, str], Row] = {}
    for row in rows:
        before = first.setdefault((split_of(row, source), identity(row)), row)
        if before is not row and not lacking(row):
            what = "repeated" if row.label == before.label else "repeated with another label"
            corpus.notice(source.name, what, f"{row.where} is {before.where}")


def own_source(
    path: Path,
    head: str,
    text: str,
    label: str,
    names: Mapping[str, str] = MappingProxyType({}),
    encoding: str = "utf-8",
    second: str = "",
) -> Source:
    """A user's own file as a test set: JSONL by its suffix, else CSV; `names` maps its labels to the head's.

    `second` is the column of a pair's second text.
    """
    reader = "jsonl" if path.suffix in (".jsonl", ".ndjson", ".json") else "csv"
    return Source(
        name=path.stem, reader=reader, license="the user's own", use="measure", files={"test": str(path)}, head=head,
        text=text, second=second, label=label, map=names, encoding=encoding,
    )  # fmt: skip


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


def identity(one: Row | Example) -> str:
    """The same for rows or examples that are the same for splitting: of a pair, if both texts are."""
    return normalize(one.text) if one.second is None else f"{normalize(one.text)}\n{normalize(one.second)}"


def hash_share(text: str) -> float:
    """A text's own number in [0, 1), the same on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:6], "big") / 2**48


def split_of(row: Row, source: Source) -> str:
    share = hash_share(identity(row))
    if row.split == "all":
        return (
            "test" if share < source.test_share else "dev" if share < source.test_share + source.dev_share else "train"
        )
    return "dev" if row.split == "train" and share < source.dev_share else row.split


def targets_of(row: Row, source: Source, heads: Mapping[str, Head], corpus: Corpus) -> tuple[Target, ...]:
    if source.outlier:
        return (Target(source.head, OUTLIER, source.weight),)
    labels = heads[source.head].labels
    if source.reader == "heads":
        return heads_targets(row, source, heads, corpus)
    if source.reader != "entities":
        label = source.map.get(row.label, row.label)
        index = OUTLIER if label == OUT_OF_SCOPE else index_of(label, labels, row.where)
        return (Target(source.head, index, source.weight),)
    targets = []
    for match in DECISION.finditer(row.label):
        index = index_of(match["label"], labels, row.where)
        span = find_span(row.text, match["name"])
        if span is None:
            corpus.skip(source.name, "entity not in the text", row.where)
        else:
            targets.append(Target(source.head, index, source.weight, span))
    if not targets:
        corpus.skip(source.name, "no entity", row.where)
    elif source.agreeing and len({target.label for target in targets}) == 1:
        targets.append(Target(source.agreeing["head"], targets[0].label, source.agreeing["weight"]))
    return tuple(targets)


def heads_targets(row: Row, source: Source, heads: Mapping[str, Head], corpus: Corpus) -> tuple[Target, ...]:
    """A target for each head that the row has a label for, and for each entity it has a verdict on."""
    said = json.loads(row.label)
    if unknown := said["labels"].keys() - {name for name, head in heads.items() if head.on == "text"}:
        raise InputError(
            f"{row.where}: a label for {', '.join(sorted(unknown))}; wanted only heads on text: {', '.join(heads)}"
        )
    targets = [
        Target(name, index_of(label, heads[name].labels, row.where), source.weight)
        for name, label in said["labels"].items()
    ]
    head = heads[source.head]
    if said["entities"] and head.on != "span":
        raise InputError(f"{row.where}: entities, but head {head.name} of {source.name} is on whole texts")
    for name, label in said["entities"].items():
        index = index_of(label, head.labels, row.where)
        if (span := find_span(row.text, name)) is None:
            corpus.skip(source.name, "entity not in the text", row.where)
        else:
            targets.append(Target(head.name, index, source.weight, span))
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
    reader = csv.DictReader(io.StringIO(read_text(path, source.encoding), newline=""), strict=True)
    start = 1
    try:
        columns = list(reader.fieldnames or ["nothing"])
        check_columns(path, columns_of(source), columns)
        for row in reader:
            text, label = row[source.text], row[source.label]
            second = row[source.second] if source.second else None
            if text is None or label is None or (source.second and second is None):
                raise InputError(f"{path}:{reader.line_num}: fewer columns than the header has")
            if None in row:
                raise InputError(
                    f"{path}:{reader.line_num}: more columns than the header has; put a text with a comma in quotes"
                )
            yield Row(split, text, label, f"{path}:{reader.line_num}", second)
            start = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}:{start}: not CSV: {error}; look for a quote that is not closed") from None


def columns_of(source: Source) -> set[str]:
    """What a row must have."""
    return {source.text, source.label} | ({source.second} if source.second else set())


def check_columns(path: Path, wanted: set[str], columns: Sequence[str]) -> None:
    """Raise InputError unless each wanted column is there, once."""
    if missing := wanted - set(columns):
        raise InputError(
            f"{path}: no column {', '.join(sorted(missing))}; it has {', '.join(columns)};"
            " name the columns in the task, or by --text, --second, --label"
        )
    if twice := [name for name in wanted if columns.count(name) > 1]:
        raise InputError(f"{path}: two columns {twice[0]}; rename one")


def read_jsonl(source: Source, root: Path, path: Path, split: str) -> Iterator[Row]:
    """Lines of JSON objects; a label may be a number or true and false. Blank lines are none."""
    for row, where in read_objects(source, path):
        label = row[source.label]
        if not isinstance(label, str | int | float):
            raise InputError(f"{where}: the label is {label!r}; wanted text or a number")
        written = label if isinstance(label, str) else json.dumps(label)
        yield Row(split, row[source.text], written, where, row[source.second] if source.second else None)


def read_heads(source: Source, root: Path, path: Path, split: str) -> Iterator[Row]:
    """Lines of JSON objects whose label is an object, too: head -> label. A head that is left out is not taught.

    `entities`, which may be missing, are verdicts on names in the text.
    """
    for row, where in read_objects(source, path):
        said = {"labels": row[source.label], "entities": row.get("entities", {})}
        for labels in said.values():
            if not isinstance(labels, dict) or not all(isinstance(label, str) for label in labels.values()):
                raise InputError(f"{where}: the label is {labels!r}; wanted an object of head and label")
        yield Row(split, row[source.text], json.dumps(said), where)


def read_objects(source: Source, path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Each line's object, which has a text (of a pair both) and a label, and its place."""
    texts = [source.text, source.second] if source.second else [source.text]
    for n, line in enumerate(_lines(read_text(path, source.encoding)), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            row[source.label], *(row[text].encode() for text in texts)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}:{n}: not JSON: {error}; wanted one object a line") from None
        except KeyError as error:
            raise InputError(
                f"{path}:{n}: no field {error}; it has {', '.join(row)}; name the fields by --text, --second, --label"
            ) from None
        except (TypeError, AttributeError, UnicodeEncodeError):
            raise InputError(
                f"{path}:{n}: wanted an object with text as {' and '.join(map(repr, texts))}, got {line[:60]!r}"
            ) from None
        yield row, f"{path}:{n}"


def read_parquet(source: Source, root: Path, path: Path, split: str) -> Iterator[Row]:
    """Rows of a Parquet file; a number as label is a line of the classes file, from 0, if there is one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path}: not a Parquet file that can be read: {error}") from None
    check_columns(path, columns_of(source), table.column_names)
    classes = _lines(read_text(root / source.classes, source.encoding)) if source.classes else []
    texts, labels = table[source.text].to_pylist(), table[source.label].to_pylist()
    seconds = table[source.second].to_pylist() if source.second else [None] * len(texts)
    for n, (text, second, label) in enumerate(zip(texts, seconds, labels, strict=True), 1):
        if classes and not (isinstance(label, int) and 0 <= label < len(classes)):
            raise InputError(f"{path}:{n}: label {label!r} is not a line of {source.classes} (0 to {len(classes) - 1})")
        written = classes[label].strip() if classes else str(label)
        yield Row(split, text or "", written, f"{path}:{n}", (second or "") if source.second else None)


def read_at(source: Source, root: Path, path: Path, split: str) -> Iterator[Row]:
    """Lines `text@label`."""
    for n, line in enumerate(_lines(read_text(path, source.encoding)), 1):
        text, at, label = line.rpartition("@")
        if not at:
            raise InputError(f"{path}:{n}: no @ before the label; wanted text@label")
        yield Row(split, text, label.strip(), f"{path}:{n}")


def read_clinc(source: Source, root: Path, path: Path, split: str) -> Iterator[Row]:
    """CLINC150 but for what is excluded. Its out-of-scope queries are labelled "oos".

    As outliers of another task: a fifth of dev, and of test only out-of-scope queries, which alone measure that.
    """
    try:
        raw = json.loads(read_text(path, source.encoding))
        domains = json.loads(read_text(root / source.domains, source.encoding)) if source.domains else {}
        unwanted = {intent for domain in source.exclude_domains for intent in domains[domain]} | set(source.exclude)
        for key, into in CLINC.items():
            if source.outlier and key == "test":
                continue
            every = 5 if source.outlier and key == "val" else 1
            for n, (text, intent) in enumerate(raw[key], 1):
                if intent not in unwanted and n % every == 0:
                    yield Row(into, text, intent, f"{path}:{key}[{n}]")
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not the layout of CLINC150's data_full.json and domains.json ({error!r})") from None


READ: dict[str, Callable[[Source, Path, Path, str], Iterator[Row]]] = {
    "csv": read_csv, "jsonl": read_jsonl, "entities": read_csv, "parquet": read_parquet, "at": read_at,
    "clinc": read_clinc, "heads": read_heads,
}  # fmt: skip


def read_text(path: Path, encoding: str) -> str:
    """The file's text without its mark of byte order; a byte that does not decode is named by its line."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; --data names the folder that holds the data sets") from None
    try:
        return raw.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise InputError(f"{path}: encoding {encoding!r} is not known; wanted a name as utf-8 or latin-1") from None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}:{line}: byte {raw[error.start]:#04x} is not {encoding}; say encoding = in the task, or --encoding"
        ) from None


def _lines(text: str) -> list[str]:
    """Lines as an editor counts them: str.splitlines also breaks at U+0085 and U+2028, which tweets contain."""
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")
