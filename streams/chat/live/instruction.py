"""An instruction and the arguments there are. A new argument is one field and one declaration here."""

from dataclasses import dataclass, fields
from typing import NamedTuple

STREAMS = ("entity", "topic", "sector")
"""Arguments that name a stream; each may hold several."""
DEFAULT_WINDOW, DEFAULT_N, MOST_N = "24h", 5, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One operation and what was said of it, in the order of the assembly; what was not said is empty.

    `entity`, `topic` and `sector` are streams' keys without their prefix; without any all news is meant.
    """

    op: str
    of: str = ""
    entity: tuple[str, ...] = ()
    topic: tuple[str, ...] = ()
    sector: tuple[str, ...] = ()
    sentiment: str = ""
    by: str = ""
    severity: str = ""
    open: str = ""
    n: int = 0
    window: str = ""
    against: str = ""

    def given(self) -> dict[str, str | int | tuple[str, ...]]:
        """What was said, by argument."""
        return {name: value for name in ARGUMENTS if (value := getattr(self, name))}


class Argument(NamedTuple):
    """`values`: the only ones that are legal; empty where `doc` says what is."""

    name: str
    doc: str
    values: tuple[str, ...] = ()


ARGUMENTS: dict[str, Argument] = {
    each.name: each
    for each in (
        Argument("of", "What is ranked, or raised alerts.", STREAMS),
        Argument("entity", "Entities by the watchlist's names, separated by commas."),
        Argument("topic", "Topics by the news model's labels, separated by commas."),
        Argument("sector", "Sectors of the watchlist, separated by commas."),
        Argument("sentiment", "Only headlines that are so.", ("negative", "neutral", "positive")),
        Argument("by", "What decides the order.", ("worst", "best", "busiest", "improved", "declined")),
        Argument("severity", "Only alerts that are so severe.", ("warning", "critical")),
        Argument("open", "Only alerts that are not over.", ("yes",)),
        Argument("n", f"How many are wanted, 1 to {MOST_N}; {DEFAULT_N} unless said."),
        Argument("window", f"From when to when, see Windows; {DEFAULT_WINDOW} unless said."),
        Argument("against", "The window that the other one is compared with."),
    )
}
"""In the order in which they are written."""

assert ("op", *ARGUMENTS) == tuple(field.name for field in fields(Instruction))
