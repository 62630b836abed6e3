"""Text as names are compared: no case, no accents, one space for many; and where each character came from. Pure."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

SURROGATES = re.compile("[\ud800-\udfff]")
ACCENTS = re.compile("[\u0300-\u036f\ufe00-\ufe0f]")
SIMPLE = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"}
    | dict.fromkeys("’‘ʼ‛`´", "'")
    | dict.fromkeys("‐‑‒–—−", "-")
)
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u3005-\u9fff\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff]"
)


class Folded(NamedTuple):
    """Character i of `text` came from `original[starts[i]:ends[i]]`."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def is_whole(self, start: int, end: int) -> bool:
        """Whether a span of the folded text cuts no character of the original in two ('ß' is two of them, folded)."""
        starts = self.starts
        return (start == 0 or starts[start - 1] != starts[start]) and (
            end == len(starts) or starts[end - 1] != starts[end]
        )


def fold(text: str) -> Folded:
    """Any text folds, lone surrogates too; what the folding drops or lengthens is seen in the offsets."""
    if text.isascii() and text.isprintable() and "  " not in text:  # the short way: nearly all there is
        return Folded(text.lower(), range(len(text)), range(1, len(text) + 1))
    letters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for at, char in enumerate(text):
        letter = fold_char(char)
        if letter == " " and letters and letters[-1] == " ":
            continue
        if not letter and ends and ACCENTS.match(char):
            ends[-1] = at + 1
        for each in letter:
            letters.append(each)
            starts.append(at)
            ends.append(at + 1)
    return Folded("".join(letters), starts, ends)


@lru_cache(maxsize=65_536)
def fold_char(char: str) -> str:
    """Decomposed, so that composed and decomposed texts are alike; empty for accents and invisible characters."""
    if char.isspace():
        return " "
    if SURROGATES.match(char):
        return "\ufffd"  # the automaton takes only what UTF-8 can write
    if unicodedata.category(char) == "Cf":
        return ""
    plain = char.translate(SIMPLE)
    return ACCENTS.sub("", unicodedata.normalize("NFKD", plain).casefold().translate(SIMPLE))


def is_boundary(text: str, at: int) -> bool:
    """Whether a word may end or begin before character `at`; scripts written without spaces have one everywhere."""
    if at in (0, len(text)):
        return True
    return not is_mark(text[at]) and not (joins(text[at - 1]) and joins(text[at]))


@lru_cache(maxsize=65_536)
def joins(char: str) -> bool:
    """Whether a character makes one word with another such beside it."""
    return (char.isalnum() or char == "_" or is_mark(char)) and UNSPACED.match(char) is None


@lru_cache(maxsize=65_536)
def is_mark(char: str) -> bool:
    """A sign that belongs to the letter before it, such as the vowels of Devanagari."""
    return unicodedata.category(char).startswith("M")
