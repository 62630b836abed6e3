"""Reports and comparisons, as tables: as wide as they need to be where no terminal bounds them."""

import json
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table


def print_reports(reports: dict[str, dict[str, Any]]) -> None:
    table = Table("set.head", "n", "accuracy", "macro F1", "calibration error")
    for name, told in reports.items():
        if "labels" in told:
            table.add_row(name, *(str(told[key]) for key in ("n", "accuracy", "macro_f1", "ece")))
    Console().print(table)
    if "abstention" in reports:
        click.echo(json.dumps(reports["abstention"]))


MOST_LABELS = 20


def wide() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=200)


def print_report(told: Mapping[str, Any]) -> None:
    """A full report: the figures, then each set by label, the worst ones where there are many."""
    from models.evaluation.report_page import HEADER, abstention_sentence, speed_sentence, summary

    console = wide()
    console.print(table_of(HEADER, summary(told)))
    for name, of in told["sets"].items():
        console.print(by_label(name, of))
    for head, of in told["abstention"].items():
        click.echo(f"{head}: {abstention_sentence(of)}")
    if told["left_out"]:
        click.echo(f"not measured, as the artifact has no such head: {', '.join(told['left_out'])}")
    click.echo(f"{level(told)}. {speed_sentence(told)}")


def by_label(name: str, of: Mapping[str, Any]) -> Table:
    labels = (
        sorted(of["labels"].items(), key=lambda each: each[1]["f1"])
        if len(of["labels"]) > MOST_LABELS
        else list(of["labels"].items())
    )
    shown = labels[:MOST_LABELS]
    title = name if len(shown) == len(labels) else f"{name}: the {len(shown)} of {len(labels)} labels with the least F1"
    table = table_of(("label", "precision", "recall", "F1", "support"), [])
    table.title, table.title_justify = title, "left"
    for label, scores in shown:
        table.add_row(
            escape(label), *(f"{scores[key]:.3f}" for key in ("precision", "recall", "f1")), str(scores["support"])
        )
    table.add_section()
    for average, scores in of["averages"].items():
        table.add_row(average, *(f"{value:.3f}" for value in scores.values()), str(of["n"]))
    return table


def print_comparison(told: Mapping[str, Any]) -> None:
    """A comparison (models/evaluation/compare.py): a row an artifact and set, then the verdicts in words."""
    from models.evaluation.report_page import abstention_sentence, with_interval

    rows = [
        [name, artifact, str(of["n"]), *(with_interval(of, key) for key in ("accuracy", "macro_f1")),
         f"{of['ece']:.3f}", *(against(of, key) for key in ("accuracy", "macro_f1"))]
        for name, by_artifact in told["sets"].items() for artifact, of in by_artifact.items()
    ]  # fmt: skip
    header = (
        "set.head",
        "artifact",
        "n",
        "accuracy",
        "macro F1",
        "calibration error",
        "accuracy against the first",
        "macro F1 against the first",
    )
    console = wide()
    console.print(table_of(header, rows))
    costs = [
        [
            name,
            f"{of['bytes'] / 1e6:.1f} MB",
            f"{of['speed']['texts_per_s']:,.0f}",
            f"{of['speed']['one_at_a_time_texts_per_s']:,.0f}",
        ]
        for name, of in told["artifacts"].items()
    ]
    console.print(table_of(("artifact", "size", "texts/s on this machine", "one at a time"), costs))
    for name, by_head in told["abstention"].items():
        for head, of in by_head.items():
            click.echo(f"{name}, {head}: {abstention_sentence(of)}")
    for name, by_artifact in told["sets"].items():
        for of in by_artifact.values():
            for found in of.get("against_first", {}).values():
                click.echo(f"{name}: {found['words']} (p {found['p']:.3f})")


def against(of: Mapping[str, Any], key: str) -> str:
    if "against_first" not in of:
        return ""
    found = of["against_first"][key]
    return f"{found['difference']:+.4f} [{found['low']:+.4f}, {found['high']:+.4f}]"


def level(told: Mapping[str, Any]) -> str:
    of = told["bootstrap"]
    return f"In brackets {of['level']:.0%} intervals of {of['resamples']} bootstrap resamples"


def table_of(header: tuple[str, ...], rows: list[list[str]]) -> Table:
    table = Table(*header)
    for row in rows:
        table.add_row(*map(escape, row))  # a label in brackets is no markup
    return table
