"""Examples to batches: tokenized once, bucketed by length, padded only to the longest of the batch."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding, Tokenizer

from models.engines import Span

if TYPE_CHECKING:  # serving makes batches too, and reads no data
    from models.data.corpus import Example, Target

POOL_BATCHES = 40  # sorted within this many batches: little padding, and still well mixed


class Tokenized(Protocol):
    @property
    def ids(self) -> tuple[int, ...]: ...


T = TypeVar("T", bound=Tokenized)


@dataclass(frozen=True, slots=True)
class Item:
    """A tokenized example; `spans` are token ranges of the targets with a span, in their order; of a pair `first` is
    where the tokens of type 1 begin.
    """

    ids: tuple[int, ...]
    spans: tuple[Span, ...]
    targets: "tuple[Target, ...]"
    first: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Arrays as the exported graph takes them; `rows` says for each target which [b, k] of which head's logits."""

    input_ids: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    spans: npt.NDArray[np.float32]
    token_types: npt.NDArray[np.int64]
    """All 0 but for pairs, whose graph alone takes them."""
    rows: dict[str, list[tuple[int, int, int, float]]]
    """Head -> (b, k, label, weight)."""


def read_tokenizer(directory: Path) -> Tokenizer:
    """The tokenizer of a base or a run, bare."""
    return bare(Tokenizer.from_file(str(directory / "tokenizer.json")))


def bare(tokenizer: Tokenizer) -> Tokenizer:
    """Set to neither cut nor fill, as files of the hub often say: we do, each in its way, and a mean over texts filled
    to 128 tokens is another one."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def tokenize(examples: "Sequence[Example]", tokenizer: Tokenizer, max_tokens: int) -> list[Item]:
    """Targets whose span lies past the cut are left out, as is an example left without targets."""
    items = []
    for example, encoding in zip(examples, tokenizer.encode_batch([e.given for e in examples]), strict=True):
        ids, first = (cut(encoding.ids, max_tokens), 0) if example.second is None else cut_pair(encoding, max_tokens)
        spans, targets = [], []
        for target in example.targets:
            span = token_span(encoding.offsets[: len(ids) - 1], *target.span) if target.span else None
            if span:
                spans.append(span)
            if span or not target.span:
                targets.append(target)
        if targets:
            items.append(Item(ids, tuple(spans), tuple(targets), first))
    return items


def cut(ids: Sequence[int], max_tokens: int) -> tuple[int, ...]:
    """At most `max_tokens` of a text's ids, the last of them still the closing special token."""
    return tuple(ids) if len(ids) <= max_tokens else (*ids[: max_tokens - 1], ids[-1])


def cut_pair(encoding: Encoding, max_tokens: int) -> tuple[tuple[int, ...], int]:
    """At most `max_tokens` of a pair's ids, and where those of type 1 begin (0: nowhere).

    The longer text is cut first, to the length of the other, then both alike; no special token is.
    """
    sides = encoding.sequence_ids
    own = [[n for n, side in enumerate(sides) if side == text] for text in (0, 1)]
    lost: set[int] = set()
    room = max_tokens - sides.count(None)
    for of_text, kept in zip(own, shares(len(own[0]), len(own[1]), room), strict=True):
        lost.update(of_text[kept:])
    left = [n for n in range(len(sides)) if n not in lost]
    types = [encoding.type_ids[n] for n in left]
    return tuple(encoding.ids[n] for n in left), types.index(1) if 1 in types else 0


def shares(first: int, second: int, room: int) -> tuple[int, int]:
    """How many tokens of two texts fit into `room`, the longer one cut first."""
    of_first = min(first, max(room - second, room - room // 2))
    return of_first, min(second, room - of_first)


def token_types(firsts: Sequence[int], lengths: npt.NDArray[np.int64], width: int) -> npt.NDArray[np.int64]:
    """[B, width]: 1 from a row's first token of the second text on, where it has one (not 0), else 0."""
    types = np.zeros((len(firsts), width), np.int64)
    for b, first in enumerate(firsts):
        if first:
            types[b, first : lengths[b]] = 1
    return types


def token_span(offsets: Sequence[Span], start: int, end: int) -> Span | None:
    """The tokens [first, last+1) that overlap the characters [start, end); None if there are none."""
    inside = [n for n, (a, b) in enumerate(offsets) if a < end and b > start and b > a]
    return (inside[0], inside[-1] + 1) if inside else None


def arrays(
    ids: Sequence[Sequence[int]], spans: Sequence[Sequence[Span | None]], pad_id: int, text_pooling: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """input_ids [B, S], lengths [B] and pooling weights [B, K, S], as graph and network take them.

    Weights 0 are the whole text's (its mean, or its first token), weights 1.. the spans', the rest all zero. A span
    that is None is pooled as the whole text is.
    """
    lengths = np.array([len(one) for one in ids], np.int64)
    padded = np.full((len(ids), int(lengths.max())), pad_id, np.int64)
    weights = np.zeros((len(ids), 1 + max(map(len, spans)), padded.shape[1]), np.float32)
    for b, (row, found) in enumerate(zip(ids, spans, strict=True)):
        n = len(row)
        padded[b, :n] = row
        text = (0, n) if text_pooling == "mean" else (0, 1)
        for k, (start, end) in enumerate((text, *(span or text for span in found))):
            weights[b, k, start:end] = 1 / (end - start)
    return padded, lengths, weights


def collate(items: Sequence[Item], pad_id: int, text_pooling: str) -> Batch:
    """The arrays of some items, and where in the logits each of their targets is judged."""
    rows: dict[str, list[tuple[int, int, int, float]]] = {}
    for b, item in enumerate(items):
        k = 0
        for target in item.targets:
            k += target.span is not None
            rows.setdefault(target.head, []).append((b, k if target.span else 0, target.label, target.weight))
    ids, lengths, spans = arrays([item.ids for item in items], [item.spans for item in items], pad_id, text_pooling)
    return Batch(ids, lengths, spans, token_types([item.first for item in items], lengths, ids.shape[1]), rows)


def shuffled(items: Sequence[T], batch_size: int, seed: int) -> list[list[T]]:
    """Batches of like lengths in random order; the same for the same seed."""
    rng = random.Random(seed)
    order = list(items)
    rng.shuffle(order)
    batches = []
    for start in range(0, len(order), POOL_BATCHES * batch_size):
        pool = sorted(order[start : start + POOL_BATCHES * batch_size], key=lambda item: len(item.ids))
        batches += [pool[n : n + batch_size] for n in range(0, len(pool), batch_size)]
    rng.shuffle(batches)
    return batches


def in_order(items: Sequence[T], batch_size: int) -> Iterator[list[T]]:
    """Longest first, for scoring: the most memory is needed at once."""
    order = sorted(items, key=lambda item: -len(item.ids))
    for n in range(0, len(order), batch_size):
        yield order[n : n + batch_size]
