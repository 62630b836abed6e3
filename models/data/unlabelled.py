"""Text without labels, for a teacher to label: JSONL and CSV by a column, anything else a text a line."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models.data.corpus import READ, Corpus, Row, Tally, normalize, own_source, read_text
from models.errors import InputError

SUFFIXES = (".csv", ".jsonl", ".ndjson", ".json")


@dataclass(slots=True)
class Unlabelled(Tally):
    """Texts, each once, and what became of the other rows."""

    texts: list[str] = field(default_factory=list)


def read_unlabelled(
    paths: Iterable[Path], column: str, encoding: str, corpora: Sequence[Corpus] = ()
) -> Unlabelled:  # fmt: skip
    """Texts that no split of the corpora has: one that is also in test or dev is skipped, without its label too.

    Raises InputError.
    """
    found = Unlabelled()
    held = {
        normalize(example.text): split
        for split in ("train", "dev", "test")
        for corpus in corpora
        for example in corpus.examples[split]
    }
    for path in paths:
        before = len(found.texts)
        for row in rows_of(path, column, encoding):
            key = normalize(row.text)
            if not key:
                found.skip(path.name, "empty text", row.where)
            elif key in held:
                found.skip(path.name, f"also in {held[key]}", row.where)
            else:
                found.texts.append(" ".join(row.text.split()))
                held[key] = "what came before"
        if len(found.texts) == before:
            raise InputError(f"{path}: no text that is not in the task's sets or before; wanted some to learn from")
    return found


def rows_of(path: Path, column: str, encoding: str) -> Iterator[Row]:
    if path.suffix in SUFFIXES:
        source = own_source(path, "", column, column, encoding=encoding)
        yield from READ[source.reader](source, Path(), path, "train")
        return
    for n, line in enumerate(read_text(path, encoding).replace("\r\n", "\n").split("\n"), 1):
        if line.strip():
            yield Row("train", line, "", f"{path}:{n}")
