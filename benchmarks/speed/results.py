"""What a part of the benchmark found, as JSON lines that report.py makes RESULTS.md of."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

Part = Literal[
    "machine",
    "engine",
    "limit",
    "profile",
    "reader",
    "stream",
    "latency",
    "overload",
    "scaling",
    "soak",
    "start",
    "costs",
    "gpu",
]
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much to measure. `smoke`: tiny counts, where only that it runs and that outputs are equal counts."""

    rounds: int = 5
    texts: int = 2048  # of a round, for contenders of our speed; slower ones take a share of them
    records: int = 20_000  # of a round of a stream
    seconds: float = 20.0  # of a steady load
    smoke: bool = False
    data: Path = DATA  # sentfin is read there; where it is missing, the sample stands for it


class Figure(msgspec.Struct, frozen=True, kw_only=True, tag="figure"):
    """One figure of one contender, once a round, rounds of all contenders interleaved. `conditions`: settings that
    matter, e.g. {"threads": "2", "batch": "32"}; `note`: one sentence for the reader of the table."""

    part: Part
    contender: str
    figure: str  # what was measured, e.g. "texts/s", "resident memory"
    unit: str
    rounds: list[float]
    conditions: dict[str, str] = {}
    note: str = ""


class Curve(msgspec.Struct, frozen=True, kw_only=True, tag="curve"):
    """A measured series, to be drawn: e.g. percentiles of latency (x: percentile, y: ms) at one load."""

    part: Part
    contender: str
    x: list[float]
    y: list[float]
    x_label: str
    y_label: str
    conditions: dict[str, str] = {}


class Machine(msgspec.Struct, frozen=True, tag="machine"):
    """What figures were measured on, and with: what -> which, in the order to be shown. Once a run."""

    facts: dict[str, str]


class Ran(msgspec.Struct, frozen=True, kw_only=True, tag="ran"):
    """How a part's run ended; written by the command, not by parts.

    `others`: share of the cores' time that other processes, and other guests of the host, had meanwhile. `error` is
    why it failed, `lacks` what is not installed, so that it was left out; "" otherwise.
    """

    part: Part
    seconds: float
    smoke: bool
    commit: str
    at: str
    others: float | None = None
    error: str = ""
    lacks: str = ""


Result = Figure | Curve | Machine | Ran
Write = Callable[[Result], None]
"""Each part is a module with `run(plan: Plan, write: Write) -> None`."""


def append(path: Path, result: Result) -> None:
    with path.open("ab") as file:
        file.write(msgspec.json.encode(result) + b"\n")


def read(path: Path) -> list[Result]:
    """Raises OSError, msgspec.ValidationError."""
    return [msgspec.json.decode(line, type=Result) for line in path.read_bytes().splitlines() if line]
