"""A question and a passage as a reader sees them: [CLS] question [SEP] part of the passage [SEP], and spans out of it.

A passage that does not fit is read in windows that overlap. Everything here is shared by training and serving.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from models.engines import Span
from models.engines.batches import token_span, token_types
from models.errors import InputError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
NOTHING = (0, 0)
"""The token span that means "this window does not answer": [CLS] to [CLS]."""


class Specials(NamedTuple):
    """The ids around a question and a passage."""

    cls: int
    sep: int
    pad: int

    @classmethod
    def of(cls, tokenizer: Tokenizer, where: str) -> "Specials":
        """BERT's, or RoBERTa's and MPNet's. Raises InputError for a tokenizer with neither."""
        for tokens in (("[CLS]", "[SEP]", "[PAD]"), ("<s>", "</s>", "<pad>")):
            ids = [number for token in tokens if (number := tokenizer.token_to_id(token)) is not None]
            if len(ids) == len(tokens):
                return cls(*ids)
        raise InputError(f"{where} lacks one of [CLS], [SEP], [PAD]; give a BERT-like base")


@dataclass(frozen=True, slots=True)
class Window:
    """`first` is where in `ids` the passage's tokens begin; `offsets` are their characters in the whole passage."""

    ids: tuple[int, ...]
    first: int
    offsets: tuple[Span, ...]


class Shape(NamedTuple):
    """How passages are cut into windows: all in tokens."""

    max_tokens: int
    stride: int
    max_question_tokens: int


class Candidate(NamedTuple):
    """Characters [start, end) of a passage; `margin` is its logits' sum over that of "no answer" in its window."""

    start: int
    end: int
    margin: float


def windows_of(
    question: Sequence[int], passage: Sequence[int], offsets: Sequence[Span], specials: Specials, shape: Shape
) -> list[Window]:
    """The passage's windows in order, at least one; ids are those without special tokens."""
    asked = (specials.cls, *question[: shape.max_question_tokens], specials.sep)
    room = shape.max_tokens - len(asked) - 1
    windows = []
    start = 0
    while True:
        end = min(len(passage), start + room)
        windows.append(Window((*asked, *passage[start:end], specials.sep), len(asked), tuple(offsets[start:end])))
        if end == len(passage):
            return windows
        start = end - shape.stride


def tokens_of(window: Window, start: int, end: int) -> Span | None:
    """The first and the last token (in the window's ids) of the characters [start, end); None if not all are in it."""
    if not window.offsets or start < window.offsets[0][0] or end > window.offsets[-1][1]:
        return None
    found = token_span(window.offsets, start, end)
    return (found[0] + window.first, found[1] - 1 + window.first) if found else None


def arrays(windows: Sequence[Window], pad: int) -> tuple[Ints, Ints, Ints]:
    """input_ids [B, S], lengths [B] and token_types [B, S] (1 from the passage on), as network and graph take them."""
    lengths = np.array([len(window.ids) for window in windows], np.int64)
    ids = np.full((len(windows), int(lengths.max())), pad, np.int64)
    for b, window in enumerate(windows):
        ids[b, : len(window.ids)] = window.ids
    return ids, lengths, token_types([window.first for window in windows], lengths, ids.shape[1])


def candidates(window: Window, start: Floats, end: Floats, longest: int, count: int) -> Iterator[Candidate]:
    """The `count` best spans of at most `longest` tokens, best first, from the logits [>= tokens] of one window."""
    tokens = len(window.offsets)
    if not tokens:
        return
    first = start[window.first : window.first + tokens]
    last = end[window.first : window.first + tokens]
    width = min(longest, tokens)
    sums = np.full((width, tokens), -np.inf, np.float32)
    for more in range(width):
        sums[more, : tokens - more] = first[: tokens - more] + last[more:]
    flat = sums.ravel()
    best = np.argpartition(-flat, min(count, flat.size) - 1)[:count]
    nothing = float(start[0] + end[0])
    for n in sorted(best.tolist(), key=lambda n: (-flat[n], n)):
        more, begin = divmod(n, tokens)
        if np.isfinite(flat[n]):
            margin = float(flat[n]) - nothing
            yield Candidate(window.offsets[begin][0], window.offsets[begin + more][1], margin)


def apart(found: Sequence[Candidate], count: int) -> list[Candidate]:
    """The best `count`, best first, none of which overlaps a better one: of an answer only its best bounds."""
    kept: list[Candidate] = []
    for candidate in sorted(found, key=lambda one: (-one.margin, one.start, one.end)):
        if len(kept) < count and all(candidate.end <= k.start or candidate.start >= k.end for k in kept):
            kept.append(candidate)
    return kept
