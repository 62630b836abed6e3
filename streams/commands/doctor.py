"""`gretchen doctor`: say what is wrong with this installation, and what to do."""

import os
import sys
from collections.abc import Iterator

import click
import msgspec

from streams.doctor import cluster, local
from streams.doctor.finding import Check, Finding, Level, examine

SIGNS: dict[Level, str] = {"ok": "✓", "warning": "!", "error": "✗"}
COLORS: dict[Level, str] = {"ok": "green", "warning": "yellow", "error": "red"}
TIMEOUT_S = 30.0


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON line per finding.")
def command(as_json: bool) -> None:
    """Look at everything Gretchen needs: one line each, with a remedy for what is wrong.

    ✓ is fine, ! works but deserves a look, ✗ is broken. The exit code is 0 without a ✗, else what a verb that meets the
    first of them would end with.
    """
    worst = 0
    for finding in findings():
        click.echo(msgspec.json.encode(finding) if as_json else line_of(finding))
        worst = worst or finding.exit_code
    sys.exit(worst)


def findings() -> Iterator[Finding]:
    """One by one as they come; nothing is asked of a broker that was not reached."""
    yield from examine("Python", local.check_python, TIMEOUT_S)
    yield from examine("packages", local.check_packages, TIMEOUT_S)
    settings, found = local.read_settings(os.environ)
    yield from found
    checks: list[tuple[str, Check]] = [
        ("data dir", lambda: local.check_data_dir(settings)),
        ("models", lambda: local.check_models(settings)),
        ("device", lambda: local.check_device(settings)),
        ("watchlist", lambda: local.check_watchlist(settings)),
        ("rules", lambda: local.check_rules(settings)),
        ("ports", lambda: local.check_ports(settings)),
        ("Java for the demo", lambda: local.check_java(os.environ)),
    ]
    for name, check in checks:
        yield from examine(name, check, TIMEOUT_S)
    reached = examine("broker", lambda: cluster.check_broker(settings, os.environ), TIMEOUT_S)
    yield from reached
    if all(finding.level == "ok" for finding in reached):
        yield from examine("topics", lambda: cluster.check_topics(settings), TIMEOUT_S)
        yield from examine("workers", lambda: cluster.check_lag(settings), TIMEOUT_S)


def line_of(finding: Finding) -> str:
    sign = click.style(SIGNS[finding.level], fg=COLORS[finding.level], bold=True)
    wanted = f"; wanted {finding.wanted}" if finding.wanted else ""
    remedy = f" → {finding.remedy}" if finding.remedy else ""
    return f"{sign} {finding.check}: {finding.got}{wanted}{remedy}".replace("\n", " ")
