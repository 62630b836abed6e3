"""Which of some options a customer means: by its words, its place, or what only it has. Pure."""

import re
from collections.abc import Sequence

CHOICE_WORDS = 8  # an answer to "which of these?" is short
NEITHER = re.compile(r"^(?:no(?:pe)?|none|neither|nein|something else|not (?:those|these|that)|weder)\b", re.IGNORECASE)
ORDINALS = (
    r"(?:1|one|first|former|erste[rs]?)",
    r"(?:2|two|second|latter|zweite[rs]?)",
    r"(?:3|three|third|dritte[rs]?)",
)
ORDINAL = [
    re.compile(rf"^(?:the |number |no\.? ?|option |das |die |der )*{each}(?: one|st|nd|rd)?\W*(?:please)?\W*$", re.I)
    for each in ORDINALS
]
LAST = re.compile(r"^(?:the )?last(?: one)?\W*$", re.IGNORECASE)
WORD = re.compile(r"\w+")
STOP = {
    "a", "an", "and", "do", "for", "how", "i", "in", "is", "it", "my", "of", "on", "one", "or", "please", "the", "to",
    "want", "what", "with",
}  # fmt: skip


def choice(text: str, titles: Sequence[str]) -> int | None:
    """Which option is meant, None if something else is said. There are two or more; the last one is "none of them"."""
    said = text.strip()
    for n, title in enumerate(titles):
        if said.casefold() == title.casefold():
            return n
    if len(said.split()) > CHOICE_WORDS:
        return None
    if NEITHER.match(said):
        return len(titles) - 1
    for n, ordinal in enumerate(ORDINAL[: len(titles) - 1]):
        if ordinal.match(said):
            return n
    if LAST.match(said):
        return len(titles) - 2
    return likest(words(said), [words(title) for title in titles[:-1]])


def likest(told: set[str], options: Sequence[set[str]]) -> int | None:
    """The option that shares most words with what was told, counting those that no other option has: most of them, or
    something else is told."""
    shared = [
        len(told & own.difference(*(other for m, other in enumerate(options) if m != n)))
        for n, own in enumerate(options)
    ]
    most = max(shared, default=0)
    return shared.index(most) if 2 * most > len(told) and shared.count(most) == 1 else None


def words(text: str) -> set[str]:
    return {word.lower() for word in WORD.findall(text)} - STOP
