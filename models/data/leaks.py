"""Leaks between sets: test texts of one that another teaches the same head. Within a set, loading drops them."""

from typing import NamedTuple

from models.data.corpus import Corpus, identity


class Leak(NamedTuple):
    """Texts of one head that the set `learned` trains on and the set `measured` tests on."""

    learned: str
    measured: str
    head: str
    texts: int
    example: str

    def __str__(self) -> str:
        return (
            f"leak: {self.texts} test texts of {self.measured} are among the training texts of {self.learned} for head"
            f" {self.head}, as {self.example[:60]!r}; figures on them flatter"
        )


def leaks(*corpora: Corpus) -> list[Leak]:
    """By learned set, measured set and head; the corpora are taken together."""
    learned: dict[tuple[str, str], set[str]] = {}
    for example in (e for corpus in corpora for e in corpus.examples["train"]):
        for head in {target.head for target in example.targets}:
            learned.setdefault((head, identity(example)), set()).add(example.source)
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for example in (e for corpus in corpora for e in corpus.examples["test"]):
        key = identity(example)
        for head in {target.head for target in example.targets}:
            for source in learned.get((head, key), set()) - {example.source}:
                found.setdefault((source, example.source, head), {}).setdefault(key, example.text)
    return [Leak(*key, len(texts), next(iter(texts.values()))) for key, texts in sorted(found.items())]
