"""What the speed work aims at, and by which figures each aim is judged. Pure."""

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.speed.results import Part
from benchmarks.speed.tables import Found, middle, number, ratio, times
from streams.settings import Settings

ALONE = "engine alone"  # a contender of the part stream
FIRST_SCORED = "process to first scored record"


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


def below(part: Part, figure: str, most: float) -> Judge:
    """The median of one figure of ours."""

    def judge(found: Found) -> Verdict | None:
        one = found.figure(part, "ours", figure)
        return None if one is None else Verdict(f"{number(middle(one))} {one.unit}".strip(), middle(one) < most)

    return judge


def above(part: Part, figure: str, least: float) -> Judge:
    """Likewise."""

    def judge(found: Found) -> Verdict | None:
        one = found.figure(part, "ours", figure)
        return None if one is None else Verdict(f"{number(middle(one))} {one.unit}".strip(), middle(one) >= least)

    return judge


def in_batches(found: Found) -> Verdict | None:
    """At half load, records at random: percentiles in times of a batch."""
    measured = [waited(found, name, "50%") for name in ("p50", "p99", "time of a batch")]
    if None in measured:
        return None
    p50, p99, batch = (each or 0.0 for each in measured)
    if batch <= 0:
        return None
    told = f"{number(p50 / batch)} and {number(p99 / batch)} of {number(batch)} ms; {number(p50)} and {number(p99)} ms"
    return Verdict(told, p50 < 2 * batch and p99 < 5 * batch)


def at_low_load(found: Found) -> Verdict | None:
    p99 = waited(found, "p99", "10%")
    return None if p99 is None else Verdict(f"{number(p99)} ms", p99 < LOW_LOAD_MS + Settings().linger_ms)


def waited(found: Found, figure: str, load: str) -> float | None:
    one = found.figure("latency", "ours", figure, load=load, pace="poisson")
    return None if one is None else middle(one)


def through_overload(found: Found) -> Verdict | None:
    """Memory from when all buffers are full, and the rate beside the capacity before; the part fails on wrong order."""
    names = (
        "resident memory when buffers are full", "resident memory at most", "capacity before", "rate under overload"
    )  # fmt: skip
    figures = [found.figure("overload", "ours", name) for name in names]
    if None in figures:
        return None
    full, most, before, under = (middle(each) for each in figures if each is not None)
    after = found.figure("overload", "ours", "rate after it")
    kept, drained = under / before, middle(after) / before if after else None
    rates = f"rate {kept:.0%} of capacity under it" + ("" if drained is None else f", {drained:.0%} after")
    flat = most <= FLAT * full and kept >= FULL_RATE and (drained is None or drained >= FULL_RATE)
    return Verdict(f"memory at most {most / full:.2f} of that with full buffers; {rates}; order kept", flat)


def two_workers(found: Found) -> Verdict | None:
    one, two = (found.figure("scaling", "ours", "records/s", workers=count) for count in ("1", "2"))
    factor = ratio(two, one) if one and two else None
    return None if factor is None else Verdict(times(factor), factor >= 1.9)


def through_soak(found: Found) -> Verdict | None:
    early = next((each for each in found.part("soak") if each.figure.startswith("resident memory after")), None)
    last = found.figure("soak", "ours", "resident memory at the end")
    if early is None or last is None:
        return None
    grown = middle(last) / middle(early)
    records = int(last.conditions.get("records", "0"))
    return Verdict(f"{grown:.3f}× after {records:,} records", grown <= FLAT if records >= SOAKED else None)


FLAT, FULL_RATE, LOW_LOAD_MS, SOAKED = 1.05, 0.95, 25.0, 1_000_000
DOWNSTREAM = "records/s, tables, summaries and alerts too"
AIMS = (
    Aim("engine against a BERT-base pipeline", "≥ 100×", times_of("engine", "texts/s", "BERT-base pipeline", 100)),
    Aim("engine against a MiniLM pipeline", "≥ 15×", times_of("engine", "texts/s", "MiniLM pipeline", 15)),
    Aim("engine against OpenVINO int8, the same weights", "≥ 2×", times_of("engine", "texts/s", "OpenVINO int8", 2)),
    Aim("engine against the int8 products of its own shapes", "≥ 55%", above("limit", "share of the limit", 55)),
    Aim(
        "end to end, tables and alerts too, against the engine alone on the same cores", "≥ 90%",
        share_of(("stream", "ours", DOWNSTREAM), ("stream", ALONE, "records/s"), 0.9),
    ),
    Aim("latency at half load, p50 and p99, in times of a batch", "< 2, < 5", in_batches),
    Aim("latency at a tenth of the load, p99", f"< {LOW_LOAD_MS:g} ms and the linger", at_low_load),
    Aim("overload, three times the capacity for a minute", "memory flat, full rate, order kept", through_overload),
    Aim("two workers against one, a core each", "≥ 1.9×", two_workers),
    Aim("soak, 1,000,000 records: memory at the end over that after 50,000", "≤ 1.05×", through_soak),
    Aim("start: `gretchen worker` to the first scored record", "< 5 s", below("start", FIRST_SCORED, 5)),
    Aim("start: imports of the serving code", "< 0.7 s", below("start", "imports of the serving code", 0.7)),
    Aim("reader against stock int8", "≥ 3×", times_of("reader", "questions/s", "dynamic int8", 3)),
    Aim("GPU: against transformers in bf16 on the same one", "≥ 3×", times_of("gpu", "texts/s", "MiniLM pipeline", 3)),
)  # fmt: skip
