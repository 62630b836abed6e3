"""Reports of `models.evaluate`, as a table."""

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table


def print_reports(reports: dict[str, dict[str, Any]]) -> None:
    table = Table("set.head", "n", "accuracy", "macro F1", "calibration error")
    for name, told in reports.items():
        if "labels" in told:
            table.add_row(name, *(str(told[key]) for key in ("n", "accuracy", "macro_f1", "ece")))
    Console().print(table)
    if "abstention" in reports:
        click.echo(json.dumps(reports["abstention"]))
