"""A full report as markdown: the figures first, then each set by label, where it errs, and its pictures."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MOST_MIXED = 8


def page(told: Mapping[str, Any], pictures: Mapping[str, Sequence[str]]) -> str:
    """`told` is report.json; `pictures` maps "SET.head" to file names beside the page."""
    level, resamples = f"{told['bootstrap']['level']:.0%}", told["bootstrap"]["resamples"]
    parts = [
        f"# {told['artifact']}, measured on {told['data']}",
        f"As it is served: its own tokenizer, graph and batches. In brackets {level} intervals of {resamples} bootstrap"
        " resamples of the examples.",
        table(HEADER, summary(told)),
        *(f"Head `{head}`: {abstention_sentence(of)}" for head, of in told["abstention"].items()),
        speed_sentence(told),
    ]
    for name, of in told["sets"].items():
        parts += [
            f"## {name}",
            *section(of),
            *(f"![{name}: {kind_of(file)}]({file})" for file in pictures.get(name, ())),
        ]
    return "\n\n".join([*parts, *notes(told)]) + "\n"


HEADER = (
    "set.head",
    "n",
    "accuracy",
    "macro F1",
    "calibration error",
    "temperature served / would fit",
    "area under risk",
)


def summary(told: Mapping[str, Any]) -> list[list[str]]:
    """A row a set and head, in the order of HEADER."""
    rows = []
    for name, of in told["sets"].items():
        fit = of["temperature"]["fits"]
        rows.append([name, str(of["n"]), *(with_interval(of, key) for key in ("accuracy", "macro_f1")),
                     f"{of['ece']:.3f}",
                     f"{of['temperature']['served']:.2f} / {'no dev' if fit is None else f'{fit:.2f}'}",
                     f"{of['risk_coverage']['area']:.3f}"])  # fmt: skip
    return rows


def with_interval(of: Mapping[str, Any], key: str) -> str:
    low, high = of["intervals"][key]
    return f"{of[key]:.3f} [{low:.3f}, {high:.3f}]"


def abstention_sentence(of: Mapping[str, Any]) -> str:
    if of["threshold"] is None:
        return f"AUROC of known against unknown {of['auroc']:.3f}; the artifact has no threshold to abstain below."
    if "out_of_scope_recall" not in of:
        return f"{of['out_of_scope']} out-of-scope texts and none in scope: nothing to weigh."
    return (
        f"abstaining below {of['threshold']:.2f} it turns away {with_interval(of, 'out_of_scope_recall')} of"
        f" {of['out_of_scope']} out-of-scope texts and answers {with_interval(of, 'in_scope_accuracy')} of"
        f" {of['in_scope']} known ones right ({of['accuracy_without_abstaining']:.3f} without abstaining);"
        f" AUROC {of['auroc']:.3f}."
    )


def speed_sentence(told: Mapping[str, Any]) -> str:
    speed = told["speed"]
    return (
        f"{speed['texts_per_s']:,.0f} texts/s in chunks of {speed['chunk']}, {speed['one_at_a_time_texts_per_s']:,.0f}"
        f" one at a time ({speed['texts']} texts of {speed['mean_tokens']} tokens on average; measured on this machine:"
        f" {speed['machine']}). {told['bytes'] / 1e6:.1f} MB on disk."
    )


def notes(told: Mapping[str, Any]) -> list[str]:
    """What was skipped or noticed in the data, and the heads that the artifact has not."""
    lines = [f"- {line}" for line in told["data_notes"]]
    if told["left_out"]:
        lines.append(f"- Not measured, as the artifact has no such head: {', '.join(told['left_out'])}.")
    return ["## The data", "\n".join(lines)] if lines else []


def section(of: Mapping[str, Any]) -> list[str]:
    averages = [[name, *(f"{v:.3f}" for v in three.values()), ""] for name, three in of["averages"].items()]
    labels = [
        [name, *(f"{s[k]:.3f}" for k in ("precision", "recall", "f1")), s["support"]]
        for name, s in of["labels"].items()
    ]
    risk = "; ".join(
        f"the surest {share:.0%}: {1 - at:.1%}" for share, at in risk_at(of["risk_coverage"], (0.5, 0.8, 0.9))
    )
    mixed = [[true, said, n, f"{n / of['labels'][true]['support']:.1%}"] for true, said, n in most_mixed(of)]
    return [
        table(("label", "precision", "recall", "F1", "support"), [*labels, *averages]),
        *(["Mixed up the most:", table(("is", "taken for", "texts", "of its own"), mixed)] if mixed else []),
        f"Right, if only some are answered: {risk}.",
    ]


def risk_at(curve: Mapping[str, Sequence[float]], shares: Iterable[float]) -> list[tuple[float, float]]:
    """The risk at the least coverage on the curve that reaches each share."""
    pairs = list(zip(curve["coverage"], curve["risk"], strict=True))
    return [
        (share, next(risk for coverage, risk in pairs if coverage >= share or coverage == pairs[-1][0]))
        for share in shares
    ]


def most_mixed(of: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """True label, label said, texts: off the diagonal, the most first."""
    names = list(of["labels"])
    cells = [
        (names[i], names[j], n) for i, row in enumerate(of["confusion"]) for j, n in enumerate(row) if i != j and n
    ]
    return sorted(cells, key=lambda cell: -cell[2])[:MOST_MIXED]


def table(header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name)


def kind_of(file: str) -> str:
    return file.rpartition(".")[0].rpartition("-")[2]
