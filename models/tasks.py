"""A task, declared: heads with labels, the data to learn from, how to train. One TOML a task, in models/tasks/."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.errors import InputError

SHIPPED = Path(__file__).parent / "tasks"
READERS = ("csv", "parquet", "entities", "at", "clinc")


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
    `use` is "train" or "measure": a measured set never enters training. `paired` is how many texts made of two of the
    set's own are added to its training texts, as a share of them: entities of other fates, side by side.
    """

    name: str
    reader: str
    license: str
    use: str
    files: Mapping[str, str]
    head: str
    cite: str = ""
    text: str = "text"
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
    domains: str = ""
    exclude: tuple[str, ...] = ()
    exclude_domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Training:
    """How to fine-tune; each can be overridden on the command line. `warmup` is a share of all steps."""

    epochs: float = 4
    batch_size: int = 32
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.06
    dropout: float = 0.1
    seed: int = 13


@dataclass(frozen=True, slots=True)
class Task:
    name: str
    max_tokens: int
    text_pooling: str
    heads: Mapping[str, Head]
    sources: tuple[Source, ...]
    training: Training
    abstain_on: str = ""


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


def parse_task(raw: dict[str, Any], where: str) -> Task:
    """Raises InputError, naming the table at fault, for what is unknown, missing or contradictory."""
    try:
        heads = {name: Head(name, h["on"], tuple(h["labels"]), h["metric"]) for name, h in raw["heads"].items()}
        sources = tuple(_source(s) for s in raw["sources"])
        task = Task(
            raw["name"], raw["max_tokens"], raw["text_pooling"], heads, sources,
            Training(**raw.get("training", {})), raw.get("abstain_on", ""),
        )  # fmt: skip
    except KeyError as error:
        raise InputError(f"{where}: the key {error} is missing; see models/tasks/news.toml") from None
    except TypeError as error:
        raise InputError(f"{where}: {error}; see models/tasks/news.toml") from None
    for head in heads.values():
        if head.on not in ("text", "span") or len(set(head.labels)) != len(head.labels) or len(head.labels) < 2:
            raise InputError(f'{where}: [heads.{head.name}] wants on = "text" or "span" and 2 or more different labels')
    for source in sources:
        if source.head not in heads:
            raise InputError(f"{where}: source {source.name} is for head {source.head!r}, there is {', '.join(heads)}")
        if source.reader not in READERS or source.use not in ("train", "measure"):
            raise InputError(
                f"{where}: source {source.name} has reader {source.reader!r} and use {source.use!r};"
                f" wanted {', '.join(READERS)} and train or measure"
            )
    return task


def _source(raw: dict[str, Any]) -> Source:
    lists: dict[str, Any] = {key: tuple(raw[key]) for key in ("exclude", "exclude_domains") if key in raw}
    return Source(**(raw | lists))
