"""A task, declared: its kind, the data to learn from, how to train. One TOML a task, in models/tasks/.

classifier  heads with labels, on the text or on spans of it; with `pair` on two texts, read as one
reader      a question and a passage in, the span of the passage that answers it out, or that none does
encoder     a text in, a vector out: a question lies near the passage that answers it
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from models.errors import InputError
from models.tasks.search_space import Space, parse_space
from models.tasks.training import Training as Training  # told on to those who read tasks
from models.tasks.training import check_training

SHIPPED = Path(__file__).parent
KINDS = ("classifier", "reader", "encoder")
WORD_BITS = (8, 4)
PAIR_READERS = ("csv", "jsonl", "parquet")
READERS = ("csv", "jsonl", "parquet", "entities", "at", "clinc", "heads")
LEAST_PAIR = 8  # tokens: a few of each text beside the special ones
QUESTION_READERS = ("squad", "csv", "parquet", "qamr", "tatqa")


@dataclass(frozen=True, slots=True)
class Head:
    """One classifier over pooled spans. `on` is "text" (span 0) or "span" (the entity spans)."""

    name: str
    on: str
    labels: tuple[str, ...]
    metric: str


@dataclass(frozen=True, slots=True)
class Source:
    """One data set: where its files lie under the data root, what their columns mean, and what it may be used for.

    `files` maps a split ("train", "dev", "test", or "all" for a file that is split by a hash of the text) to a path.
    `use` is "train" or "measure": a measured set never enters training. `ours` is a set of our own writing: it lies in
    models/written/ instead. `paired` is how many texts made of two of the set's own are added to its training texts, as
    a share of them: entities of other fates, side by side. `head` is what a label is for; of reader "heads", what the
    verdicts on `entities` are for. `second` is the column of the second text, in a task of pairs.

    Of questions (a reader's or encoder's data): a set in one file is split by a hash of the passage; `columns` says
    which columns hold "id", "context", "question", "answer" and "answer_start"; `sentences` is QAMR's file of
    sentences; `unanswerable` is how many questions are asked once more of a passage that does not answer them, as a
    share of all.
    """

    name: str
    reader: str
    license: str
    use: str
    files: Mapping[str, str]
    head: str = ""
    cite: str = ""
    text: str = "text"
    second: str = ""
    label: str = "label"
    map: Mapping[str, str] = field(default_factory=dict)
    classes: str = ""
    encoding: str = "utf-8"
    weight: float = 1.0
    test_share: float = 0.0
    dev_share: float = 0.0
    train_share: float = 1.0
    paired: float = 0.0
    agreeing: Mapping[str, Any] = field(default_factory=dict)
    outlier: bool = False
    ours: bool = False
    domains: str = ""
    exclude: tuple[str, ...] = ()
    exclude_domains: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    sentences: str = ""
    unanswerable: float = 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """How a reader reads: a passage that does not fit is read in windows that share `stride` tokens."""

    stride: int = 64
    max_question_tokens: int = 48
    max_answer_tokens: int = 30


@dataclass(frozen=True, slots=True)
class Embedding:
    """How an encoder is taught: similarities are divided by `temperature`; `hard_negatives` passages a question, chosen
    by BM25, join those of the batch. The prefixes are what the base was taught to expect (E5: "query: ", "passage: ").
    """

    temperature: float = 0.05
    hard_negatives: int = 0
    query_prefix: str = ""
    passage_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """`pair`: a classifier's examples are two texts each, which it reads as one: [CLS] text [SEP] second [SEP].
    `word_bits`: of the exported word table; 4 make a vocabulary of 13,000 pieces 2 MB smaller than 8.
    """

    name: str
    max_tokens: int
    text_pooling: str
    heads: Mapping[str, Head]
    sources: tuple[Source, ...]
    training: Training
    abstain_on: str = ""
    kind: str = "classifier"
    reading: Reading = Reading()
    embedding: Embedding = Embedding()
    search: Space = field(default_factory=dict)
    word_bits: int = 8
    pair: bool = False


def load_task(name_or_path: str) -> Task:
    """A shipped task by its name, or the user's own by the path of its TOML. Raises InputError."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = SHIPPED / f"{name_or_path}.toml"
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        shipped = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.toml")))
        raise InputError(
            f"{path}: no task can be read here ({error.strerror}); give one of {shipped}, or a .toml"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from None
    return parse_task(raw, str(path))


def parse_shares(given: Sequence[str], task: Task) -> dict[str, float]:
    """Source -> the share of it to train on, 0 to 1. Raises InputError."""
    shares: dict[str, float] = {}
    for each in given:
        name, _, share = each.partition("=")
        try:
            shares[name] = float(share)
            if not 0 <= shares[name] <= 1:
                raise ValueError
        except ValueError:
            raise InputError(f"--share {each}: wanted SOURCE=SHARE, as banking77=0.3") from None
    known = [source.name for source in task.sources]
    if unknown := shares.keys() - set(known):
        raise InputError(f"--share: task {task.name} has no {', '.join(sorted(unknown))}; it has {', '.join(known)}")
    return shares


def with_shares(task: Task, shares: Mapping[str, float]) -> Task:
    """The task, learning from a share of some sources; their test and dev texts are all kept."""
    sources = (replace(one, train_share=shares.get(one.name, one.train_share)) for one in task.sources)
    return replace(task, sources=tuple(sources))


def parse_task(raw: dict[str, Any], where: str) -> Task:
    """Raises InputError, naming the table at fault, for what is unknown, missing or contradictory."""
    kind = raw.get("kind", "classifier")
    if kind not in KINDS:
        raise InputError(f"{where}: kind is {kind!r}; wanted one of {', '.join(KINDS)}")
    example = "news" if kind == "classifier" else kind
    try:
        heads = {name: Head(name, h["on"], tuple(h["labels"]), h["metric"]) for name, h in _heads(raw, kind).items()}
        sources = tuple(_source(s) for s in raw["sources"])
        task = Task(
            raw["name"], raw["max_tokens"], raw["text_pooling"] if heads else raw.get("text_pooling", "mean"),
            heads, sources, Training(**raw.get("training", {})), raw.get("abstain_on", ""), kind,
            Reading(**raw.get("reader", {})), Embedding(**raw.get("encoder", {})),
            parse_space(raw.get("search", {}), f"{where}: [search]"), raw.get("word_bits", 8),
            raw.get("pair", False),
        )  # fmt: skip
    except KeyError as error:
        raise InputError(f"{where}: the key {error} is missing; see models/tasks/{example}.toml") from None
    except TypeError as error:
        raise InputError(f"{where}: {error}; see models/tasks/{example}.toml") from None
    for head in heads.values():
        if head.on not in ("text", "span") or len(set(head.labels)) != len(head.labels) or len(head.labels) < 2:
            raise InputError(f'{where}: [heads.{head.name}] wants on = "text" or "span" and 2 or more different labels')
    if task.word_bits not in WORD_BITS:
        raise InputError(f"{where}: word_bits is {task.word_bits}; wanted 8 or 4")
    check_training(task.training, {name: head.labels for name, head in heads.items()}, f"{where}: [training]")
    for source in sources:
        if kind == "classifier" and source.head not in heads:
            raise InputError(f"{where}: source {source.name} is for head {source.head!r}, there is {', '.join(heads)}")
        readers = READERS if kind == "classifier" else QUESTION_READERS
        if source.reader not in readers or source.use not in ("train", "measure"):
            raise InputError(
                f"{where}: source {source.name} has reader {source.reader!r} and use {source.use!r};"
                f" wanted {', '.join(readers)} and train or measure"
            )
    _check_pairs(task, where)
    if kind == "reader":
        _check_windows(task, where)
    if kind == "encoder" and not task.embedding.temperature > 0:
        raise InputError(f"{where}: [encoder] temperature is {task.embedding.temperature}; wanted more than 0")
    return task


def _heads(raw: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    if kind == "classifier":
        heads: Mapping[str, Any] = raw["heads"]
        return heads
    if "heads" in raw:
        raise TypeError(f"a task of kind {kind} has no [heads]")
    return {}


def _check_pairs(task: Task, where: str) -> None:
    """Raise InputError unless task and sources agree on what an example is, and heads on pairs are on the whole."""
    if task.pair not in (True, False) or (task.pair and task.kind != "classifier"):
        raise InputError(f"{where}: pair is {task.pair!r} of kind {task.kind}; wanted true or false, of a classifier")
    if task.pair and task.max_tokens < LEAST_PAIR:
        raise InputError(f"{where}: max_tokens is {task.max_tokens}; a pair wants {LEAST_PAIR} or more")
    if task.pair and (spans := [head.name for head in task.heads.values() if head.on != "text"]):
        raise InputError(f'{where}: [heads.{spans[0]}] is on spans; heads on pairs want on = "text"')
    for source in task.sources:
        if bool(source.second) != task.pair:
            raise InputError(
                f"{where}: source {source.name} names no second text, in a task of pairs; say second = its column"
                if task.pair
                else f"{where}: source {source.name} has second = {source.second!r}, but the task is not pair = true"
            )
        if task.pair and (source.reader not in PAIR_READERS or source.second == source.text or source.paired):
            raise InputError(
                f"{where}: source {source.name} has reader {source.reader!r}, text {source.text!r}, second"
                f" {source.second!r}, paired {source.paired:g}; pairs want one of {', '.join(PAIR_READERS)}, two"
                " columns, and paired left out"
            )


def _check_windows(task: Task, where: str) -> None:
    """Raise InputError unless a window holds the longest question, its special tokens and more than the stride."""
    reading = task.reading
    room = task.max_tokens - reading.max_question_tokens - 3
    if min(reading.max_question_tokens, reading.max_answer_tokens) < 1 or not 0 <= reading.stride < room:
        raise InputError(
            f"{where}: max_tokens {task.max_tokens} leaves {room} tokens for a passage beside a question of"
            f" {reading.max_question_tokens}; wanted more than [reader] stride, {reading.stride}"
        )


def _source(raw: dict[str, Any]) -> Source:
    lists: dict[str, Any] = {key: tuple(raw[key]) for key in ("exclude", "exclude_domains") if key in raw}
    return Source(**(raw | lists))
