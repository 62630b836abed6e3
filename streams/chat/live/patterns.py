"""Patterns of text: `(a|b)` one of them, `[a]` or nothing, `{name}` what somebody else puts there. Pure.

text -> parse -> realize, with a source of chance and of what names stand for
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from models.errors import InputError

TOKEN = re.compile(r"[()\[\]|]|\{[a-z_]+\}|[^()\[\]|{}]+")
OPTIONAL_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Choice:
    """One of these sequences; a part is plain text, "{name}" or a choice again."""

    ways: tuple[tuple["str | Choice", ...], ...]
    share: float = 1.0
    """How often there is anything at all."""


def parse(pattern: str) -> Choice:
    """Raises InputError for brackets that don't match."""
    tokens = TOKEN.findall(pattern)
    if "".join(tokens) != pattern:
        raise InputError(f"got the pattern {pattern!r}, wanted (a|b), [a], {{name}} and text")
    choice, rest = _choice(tokens, 0, "")
    if rest != len(tokens):
        raise InputError(f"got the pattern {pattern!r}, wanted as many brackets closed as opened")
    return choice


def _choice(tokens: list[str], at: int, closing: str) -> tuple[Choice, int]:
    """The choice that begins at this token, and where what follows it begins."""
    ways: list[tuple[str | Choice, ...]] = []
    parts: list[str | Choice] = []
    share = OPTIONAL_SHARE if closing == "]" else 1.0
    while at < len(tokens) and tokens[at] not in (")", "]"):
        token = tokens[at]
        at += 1
        if token == "|":
            ways.append(tuple(parts))
            parts = []
        elif token in ("(", "["):
            inner, at = _choice(tokens, at, ")" if token == "(" else "]")
            parts.append(inner)
        else:
            parts.append(token)
    if closing:
        if at == len(tokens) or tokens[at] != closing:
            raise InputError(f"got the pattern {''.join(tokens)!r}, wanted {closing!r} where something else closes")
        at += 1
    return Choice((*ways, tuple(parts)), share), at


def realize(choice: Choice, rng: random.Random, named: Callable[[str], str]) -> str:
    """One text of the pattern; `named` says what stands for "{name}". Spaces are as the pattern has them."""
    if choice.share < 1 and rng.random() >= choice.share:
        return ""
    said = []
    for part in rng.choice(choice.ways):
        if isinstance(part, Choice):
            said.append(realize(part, rng, named))
        else:
            said.append(named(part[1:-1]) if part.startswith("{") else part)
    return "".join(said)
