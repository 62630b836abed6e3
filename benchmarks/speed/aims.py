"""What the speed work aims at, and by which figures each aim is judged. Pure."""

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.speed.results import Part
from benchmarks.speed.tables import Found, middle, number, ratio, times


class Verdict(NamedTuple):
    """What was measured, and whether that reaches the aim; None where the figures leave it open."""

    measured: str
    reached: bool | None


Judge = Callable[[Found], Verdict | None]


class Aim(NamedTuple):
    """`judge` tells nothing where a figure that it needs was not measured."""

    what: str
    wanted: str
    judge: Judge


def judged(aim: Aim, found: Found) -> tuple[str, str]:
    verdict = aim.judge(found)
    if verdict is None:
        return "not measured", ""
    return verdict.measured, {True: "reached", False: "missed", None: "see below"}[verdict.reached]


def times_of(part: Part, figure: str, contender: str, least: float) -> Judge:
    """Ours is at least so many times better than the best of a contender."""

    def judge(found: Found) -> Verdict | None:
        ours, other = found.figure(part, "ours", figure), found.figure(part, contender, figure)
        factor = ratio(ours, other) if ours and other else None
        return None if factor is None else Verdict(times(factor), factor >= least)

    return judge


def share_of(of: tuple[Part, str, str], whole: tuple[Part, str, str], least: float) -> Judge:
    """One figure over another, each named by part, contender and figure."""

    def judge(found: Found) -> Verdict | None:
        one, other = found.figure(*of), found.figure(*whole)
        if one is None or other is None or middle(other) <= 0:
            return None
        share = middle(one) / middle(other)
        return Verdict(f"{share:.0%}", share >= least)

    return judge


def least(part: Part, contender: str, figure: str, wanted: float) -> Judge:
    return bound(part, contender, figure, lambda value: value >= wanted)


def most(part: Part, contender: str, figure: str, wanted: float) -> Judge:
    return bound(part, contender, figure, lambda value: value <= wanted)


def bound(part: Part, contender: str, figure: str, holds: Callable[[float], bool]) -> Judge:
    """The median of one figure."""

    def judge(found: Found) -> Verdict | None:
        one = found.figure(part, contender, figure)
        return None if one is None else Verdict(f"{number(middle(one))} {one.unit}".strip(), holds(middle(one)))

    return judge


AIMS = (
    Aim("engine against a BERT-base pipeline", "≥ 100×", times_of("engine", "texts/s", "bert-base", 100)),
    Aim("engine against a MiniLM pipeline", "≥ 15×", times_of("engine", "texts/s", "minilm pipeline", 15)),
    Aim("engine against OpenVINO int8, the same weights", "≥ 2×", times_of("engine", "texts/s", "openvino", 2)),
)
