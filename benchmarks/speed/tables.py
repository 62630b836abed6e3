"""Figures put together: rounds merged, median and spread, how many times better ours is. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.speed.results import Curve, Figure, Machine, Part, Ran, Result

OURS = ("ours", "gretchen")
HIGHER = ("/s", "/s a core")  # units of which more is better
LOWER = ("ms", "s", "us", "µs", "MB", "MiB", "GB", "bytes")
"""Units of which less is better; of any other no ratio is told."""


def is_ours(contender: str) -> bool:
    return contender.lower().startswith(OURS)


@dataclass(frozen=True)
class Found:
    """All that was measured. `figures`: rounds of the same figure under the same conditions are one."""

    figures: Sequence[Figure]
    curves: Sequence[Curve]
    machine: Machine | None
    ran: Sequence[Ran]

    def part(self, part: Part) -> list[Figure]:
        return [each for each in self.figures if each.part == part]

    def figure(self, part: Part, contender: str, figure: str, **conditions: str) -> Figure | None:
        """The one so named (a contender by how its name begins), with the best median if there are several."""
        fits = [
            each
            for each in self.figures
            if each.part == part
            and each.figure == figure
            and (is_ours(each.contender) if contender == "ours" else contender.lower() in each.contender.lower())
            and conditions.items() <= each.conditions.items()
        ]
        best = min if fits and better(fits[0].unit) == -1 else max
        return best(fits, key=middle, default=None)


def find(results: Iterable[Result]) -> Found:
    """Of several machines the first, to which others' figures were added; of several endings of a part the last."""
    merged: dict[tuple[str, str, str, str, str], Figure] = {}
    curves, machine, ran = list[Curve](), None, dict[str, Ran]()
    for one in results:
        if isinstance(one, Figure):
            key = (one.part, one.contender, one.figure, one.unit, told(one.conditions))
            merged[key] = with_rounds(merged[key], one) if key in merged else one
        elif isinstance(one, Curve):
            curves.append(one)
        elif isinstance(one, Machine):
            machine = machine or one
        else:
            ran[one.part] = one
    return Found([each for each in merged.values() if each.rounds], curves, machine, list(ran.values()))


def with_rounds(first: Figure, second: Figure) -> Figure:
    return Figure(
        part=first.part,
        contender=first.contender,
        figure=first.figure,
        unit=first.unit,
        rounds=[*first.rounds, *second.rounds],
        conditions=first.conditions,
        note=first.note or second.note,
    )


def middle(figure: Figure) -> float:
    return median(figure.rounds)


def told(conditions: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in conditions.items())


def better(unit: str) -> int:
    """1: more is better, -1: less is, 0: neither can be said."""
    return 1 if unit.endswith(HIGHER) else -1 if unit in LOWER else 0


def ratio(ours: Figure, other: Figure) -> float | None:
    """How many times better ours is. Of equally many rounds the median of their ratios: they were interleaved, so what
    slows the machine down for a while is in both."""
    direction = better(ours.unit)
    if direction == 0 or ours.unit != other.unit:
        return None
    if len(ours.rounds) == len(other.rounds):
        pairs = zip(ours.rounds, other.rounds, strict=True)
    else:
        pairs = zip([middle(ours)], [middle(other)], strict=True)
    above = [(a, b) if direction == 1 else (b, a) for a, b in pairs]
    return median(a / b for a, b in above) if all(b > 0 for _, b in above) else None


def number(value: float) -> str:
    """Three significant digits, or all before the point."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.3g}"


def times(value: float | None) -> str:
    return "" if value is None else f"{number(value)}×"


def spread(figure: Figure) -> str:
    """Least and most, where there are several rounds."""
    low, high = min(figure.rounds), max(figure.rounds)
    return f"{number(low)}–{number(high)}" if len(figure.rounds) > 1 else ""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [line(header), "|" + "---|" * len(header), *(line(row) for row in rows)]


def line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
