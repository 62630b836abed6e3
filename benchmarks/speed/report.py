"""RESULTS.md out of results: what was aimed at and whether it was reached, the machine, a table a figure, pictures.

`render` is a function of the results; `write` puts it and the pictures into files.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.speed.aims import AIMS, ALONE, DOWNSTREAM, judged
from benchmarks.speed.markers import filled
from benchmarks.speed.results import Figure, Part, Result
from benchmarks.speed.tables import (
    Found,
    better,
    find,
    is_ours,
    middle,
    number,
    ratio,
    spread,
    table,
    times,
    told,
)


class Section(NamedTuple):
    """A part as it is told; `pictures` are of plots.py, by name."""

    part: Part
    title: str
    about: str
    pictures: tuple[str, ...] = ()


SECTIONS = (
    Section("engine", "The engine alone", "Texts in, verdicts out, no Kafka.", ("throughput",)),
    Section("limit", "The machine's limit", "What the int8 products of the model's own shapes could reach here."),
    Section("profile", "Where the time goes", "Of one batch through the engine."),
    Section("reader", "The reader", "A question with a passage each."),
    Section("stream", "End to end", "From the news topic to all that follows in Kafka, acknowledged.", ("throughput",)),
    Section("costs", "What a news costs", "One worker at full speed; docs/scaling.md reckons with these."),
    Section("latency", "Latency by load", "From a record's append to that of its scored record.", ("latency", "load")),
    Section("overload", "Overload", "More records than can be scored, then the way back.", ("memory",)),
    Section("scaling", "More workers", "Each with cores of its own.", ("scaling",)),
    Section("soak", "Soak", "Many records, and what memory does.", ("memory",)),
    Section("start", "Start", "Until the first record is scored."),
    Section("gpu", "On a GPU", "Texts in, verdicts out, all on the same one in bf16; where there is a CUDA device."),
)
OTHERS_MATTER = 0.05  # of the cores' time: above that a figure is not the machine's


def write(results: Sequence[Result], report: Path, images: Path, readme: Path | None = None) -> list[Path]:
    """The files written: the report first, then its pictures; pictures of an earlier run are removed. `readme`'s place
    for the speed is filled."""
    from benchmarks.speed.plots import draw

    found = find(results)
    pictures = draw(found)
    images.mkdir(parents=True, exist_ok=True)
    for old in images.glob("bench-*.png"):
        old.unlink()
    paths = {name: images / f"bench-{name}.png" for name in pictures}
    for name, content in pictures.items():
        paths[name].write_bytes(content)
    report.parent.mkdir(parents=True, exist_ok=True)
    links = {name: os.path.relpath(path, report.parent) for name, path in paths.items()}
    report.write_text(render(found, links), encoding="utf-8")
    if readme is not None:
        readme.write_text(filled(readme.read_text(encoding="utf-8"), {"speed": in_short(found)}), encoding="utf-8")
    return [report, *paths.values(), *([readme] if readme else [])]


def render(found: Found, pictures: Mapping[str, str]) -> str:
    """Markdown; `pictures`: name -> where it lies. A picture stands in the first section that has it."""
    lines = ["# Speed", "", *preface(found), "", "## What was aimed at", "", *aims(found), ""]
    lines += ["## The machine", "", *machine(found)]
    left = dict(pictures)
    for section in SECTIONS:
        figures = found.part(section.part)
        if figures:
            lines += ["", f"## {section.title}", "", section.about, "", *figures_of(figures)]
            shown = [name for name in section.pictures if name in left]
            lines += [line for name in shown for line in ("", f"![{section.title}: {name}]({left.pop(name)})")]
    lines += ["", "## Not measured", "", *not_measured(found)]
    return "\n".join(lines).rstrip() + "\n"


def preface(found: Found) -> list[str]:
    lines = [
        "Written by `make bench`; every figure is of that run. Contenders take turns round by round; a figure is the "
        "median of its rounds, with the least and the most beside it, and *ours is* how many times better ours was in "
        "the same rounds."
    ]
    if any(one.smoke for one in found.ran):
        lines += ["", "**A smoke run: on counts this small no figure means anything.**"]
    commits = {one.commit for one in found.ran}
    if len(commits) > 1:
        lines += ["", f"**Parts are of several commits: {', '.join(sorted(commits))}.**"]
    busy = [f"{one.part} ({one.others:.0%})" for one in found.ran if one.others and one.others > OTHERS_MATTER]
    if busy:
        lines += ["", f"**Others kept the cores busy during {', '.join(busy)} of their time: too low a figure there.**"]
    return lines


def aims(found: Found) -> list[str]:
    rows = [(aim.what, aim.wanted, *judged(aim, found)) for aim in AIMS]
    return table(("what", "aim", "measured", ""), rows)


def in_short(found: Found) -> list[str]:
    """For the README: ours, and those beside it with how many times better ours is."""
    rows = []
    wanted: tuple[tuple[str, Part, str], ...] = (
        ("headlines/s, the engine alone", "engine", "texts/s"),
        ("news/s through Kafka, all that follows from them acknowledged", "stream", "records/s"),
    )
    for what, part, name in wanted:
        ours = found.figure(part, "ours", DOWNSTREAM if part == "stream" else name)
        others = [each for each in found.part(part) if each.figure == name and not is_ours(each.contender)]
        if ours:
            ranked = sorted((each for each in others if each.contender != ALONE), key=middle)
            beside = "; ".join(
                f"{each.contender} {number(middle(each))}, {times(ratio(ours, each))}" for each in ranked
            )
            rows.append((what, number(middle(ours)), beside))
    for beginning in ("latency at half load", "start: `gretchen"):
        (aim,) = (each for each in AIMS if each.what.startswith(beginning))
        measured, said = judged(aim, found)
        rows.append((aim.what, measured, f"aim {aim.wanted}: {said}" if said else ""))
    facts = found.machine.facts if found.machine else {}
    told = ", ".join(facts[each] for each in ("processor", "instructions", "memory") if each in facts)
    machine = f"{facts['cores']} cores ({told})" if "cores" in facts else "an unknown machine"
    return [*table(("what", "Gretchen", "beside it, in the same rounds"), rows), "", f"On {machine}, by `make bench`."]


def machine(found: Found) -> list[str]:
    facts = dict(found.machine.facts) if found.machine else {}
    if found.ran:
        facts["measured"] = f"{min(one.at for one in found.ran)} to {max(one.at for one in found.ran)}"
        facts["took"] = f"{sum(one.seconds for one in found.ran) / 60:.0f} minutes"
    return table(("", ""), facts.items())


def figures_of(figures: Sequence[Figure]) -> list[str]:
    """A table for each figure that several contenders have, and one for all others."""
    lines, alone, named = list[str](), list[Figure](), dict[str, list[Figure]]()
    for each in figures:
        named.setdefault(name_of(each), []).append(each)
    for name, same in named.items():
        if len({each.contender for each in same}) > 1:
            lines += [f"**{name}**", "", *compared(same), ""]
        else:
            alone += same
    lines += by_conditions(alone)
    notes: dict[str, dict[str, None]] = {}
    for each in figures:
        if each.note:
            notes.setdefault(each.note, {})[each.contender] = None
    lines += [f"- {', '.join(of)}: {note}" for note, of in notes.items()]
    return lines if notes else lines[:-1]


def spare(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table without the columns that are empty in every row."""
    known = list(rows)
    full = [n for n in range(len(header)) if n == 0 or any(row[n] for row in known)]
    return table([header[n] for n in full], ([row[n] for n in full] for row in known))


def by_conditions(figures: Sequence[Figure]) -> list[str]:
    """Of one contender each: those measured under several conditions side by side, the others below each other."""
    found: dict[str, list[Figure]] = {}
    for each in figures:
        found.setdefault(name_of(each), []).append(each)
    several = {name: same for name, same in found.items() if len(same) > 1}
    lines = list[str]()
    if several:
        rows: dict[str, dict[str, str]] = {}
        for name, same in several.items():
            for each in same:
                rows.setdefault(told(each.conditions), {})[name] = value(each)
        cells = [(conditions, *(row.get(name, "") for name in several)) for conditions, row in rows.items()]
        lines += [*table(("with", *several), cells), ""]
    if len(several) < len(found):
        one = [same[0] for name, same in found.items() if name not in several]
        cells = [(name_of(each), number(middle(each)), spread(each), told(each.conditions)) for each in one]
        lines += [*spare(("figure", "median", "least–most", "with"), cells), ""]
    return lines


def value(figure: Figure) -> str:
    return f"{number(middle(figure))} ({spread(figure)})" if len(figure.rounds) > 1 else number(middle(figure))


def compared(figures: Sequence[Figure]) -> list[str]:
    """Contenders by median, the best first, where more or less is better; ours is the best of ours."""
    direction = better(figures[0].unit)
    ranked = sorted(figures, key=middle, reverse=direction == 1) if direction else list(figures)
    ours = next((each for each in ranked if is_ours(each.contender)), None)
    rows = []
    for each in ranked:
        ours_is = times(ratio(ours, each)) if ours and not is_ours(each.contender) else ""
        name = f"**{each.contender}**" if is_ours(each.contender) else each.contender
        rows.append((name, number(middle(each)), spread(each), ours_is, told(each.conditions)))
    return spare(("contender" if ours else "of", "median", "least–most", "ours is", "with"), rows)


def name_of(figure: Figure) -> str:
    words = re.split(r"[\s,:]+", figure.figure)
    said = not figure.unit or figure.unit in words or (figure.unit == "/s" and words[0].endswith("/s"))
    return figure.figure if said else f"{figure.figure}, {figure.unit}"


def not_measured(found: Found) -> list[str]:
    """Parts without a figure, and those that failed half-way, each with why."""
    ended = {one.part: one for one in found.ran}
    lines = []
    for section in SECTIONS:
        ran = ended.get(section.part)
        if ran and ran.lacks:
            lines.append(f"- {section.title}: left out, {ran.lacks} not installed.")
        elif ran and ran.error:
            lines.append(f"- {section.title}: failed after {ran.seconds:.0f} s, {ran.error}")
        elif not found.part(section.part):
            why = (
                f"nothing to be measured here, {section.part}.log says why"
                if ran
                else f"not run; `python -m benchmarks.speed --only {section.part}`"
            )
            lines.append(f"- {section.title}: {why}.")
    return lines or ["Nothing is missing."]
