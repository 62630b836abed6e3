"""`gretchen notify --check` says which sinks there are, what they ask for, and which routes lead nowhere."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.commands.notify import command

SINKS = """
[[sink]]
kind = "slack"
name = "desk"
url = "https://hooks.example/SECRET"
kinds = ["negatives", "storm"]
scopes = ["entity", "all"]
entities = ["Nokia", "Ericsson"]
storms = false

[[sink]]
kind = "log"
name = "all"
minimum_severity = "warning"
"""
RULES = """
rules:
  - {name: bad-news, watch: entity, kind: negatives, routes: [desk, nihgt]}
  - {name: tone, watch: all, kind: turn, routes: [all]}
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with both files, which the settings name."""
    for name, text in (("sinks.toml", SINKS), ("rules.yaml", RULES)):
        (tmp_path / name).write_text(text)
        monkeypatch.setenv(f"GRETCHEN_{name.partition('.')[0].upper()}", str(tmp_path / name))
    return tmp_path


def test_each_sink_is_one_line_without_its_secrets(files: Path) -> None:
    done = CliRunner().invoke(command, ["--check"], catch_exceptions=False)
    assert done.stdout.splitlines() == [
        "desk: slack, info and above, opened, grew, resolved, negatives, storm, entity, all, 2 entities, "
        "storms entity by entity",
        "all: log, warning and above, opened, grew, resolved",
    ]
    assert "SECRET" not in done.output


def test_a_route_to_no_sink_is_a_warning(files: Path) -> None:
    done = CliRunner().invoke(command, ["--check"], catch_exceptions=False)
    (warning,) = done.stderr.splitlines()
    assert warning.startswith("warning: rule 'bad-news': routes: 'nihgt' is no sink of ")
    assert warning.endswith("which has all, desk")


def test_broken_rules_are_said_and_stop_no_delivery(files: Path) -> None:
    (files / "rules.yaml").write_text("rules: [")
    done = CliRunner().invoke(command, ["--check"], catch_exceptions=False)
    assert done.exit_code == 0
    assert done.stderr.startswith("warning: routes are not checked: ") and len(done.stderr.splitlines()) == 1
