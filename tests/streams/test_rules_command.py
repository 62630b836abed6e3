"""`gretchen rules`: what a file means is shown, what is wrong with it is one line."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from models.errors import SettingsError
from streams.commands.rules import command
from streams.rules_file import EXAMPLE

WATCHLIST = "name,sector\nAcme,industrials\nBolt,industrials\n[Brackets],services\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "watchlist.csv").write_text(WATCHLIST)
    monkeypatch.setenv("GRETCHEN_WATCHLIST", str(tmp_path / "watchlist.csv"))
    monkeypatch.delenv("GRETCHEN_RULES", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_check_shows_whom_each_rule_watches_and_what_it_promises(here: Path) -> None:
    (here / "rules.yaml").write_text("""
lateness: 90m
storm: {entities: 3, within: 10m}
rules:
  - {name: makers, watch: entity, sectors: [industrials], kind: negatives, false_alarms: 0.5}
  - {name: others, watch: entity, kind: negatives, budget: 4}
  - {name: mood, watch: all, kind: turn, false_alarms: 0.1}
""")
    done = run("check")
    assert done.exit_code == 0, done.output
    makers, others, mood = (
        [cell.strip() for cell in line.split("│")[1:-1]] for line in done.output.splitlines() if line.startswith("│")
    )
    assert makers == ["makers", "entity", "negatives", "2: Acme, Bolt", "0.5", "1"]
    assert others == ["others", "entity", "negatives", "1: [Brackets]", "4", "4"]
    assert mood == ["mood", "all", "turn", "1", "0.1", "0.1"]
    assert "all streams are busy: 5.1" in done.output
    assert "late: up to 1h30m; a storm: 3 entities within 10m" in done.output


def test_check_without_a_file_shows_the_defaults(here: Path) -> None:
    done = run("check")
    assert done.exit_code == 0
    assert "No rules.yaml: the defaults" in done.output
    assert "3: Acme, Bolt, [Brackets]" in done.output


def test_check_warns_of_names_that_nothing_has(here: Path) -> None:
    (here / "mine.yaml").write_text("rules: [{name: r, watch: entity, keys: [Acmee], kind: share}]")
    done = run("check", "mine.yaml")
    assert done.exit_code == 0
    assert "! rule 1 ('r'): keys: 'Acmee' is no entity of the watchlist; did you mean 'Acme'?" in done.output


def test_check_warns_of_routes_to_sinks_that_are_not_there(here: Path) -> None:
    (here / "sinks.toml").write_text('[[sink]]\nkind = "log"\nname = "stdout"\n')
    (here / "rules.yaml").write_text(
        "storm: {routes: [gone]}\nrules: [{name: r, watch: all, kind: share, routes: [stdout, desk]}]"
    )
    said = [line for line in run("check").output.splitlines() if line.startswith("!")]
    assert said == [
        "! rule 'r': routes: 'desk' is no sink of sinks.toml, which has stdout",
        "! rule 'storm': routes: 'gone' is no sink of sinks.toml, which has stdout",
    ]


def test_a_broken_file_is_an_error_of_settings(here: Path) -> None:
    (here / "rules.yaml").write_text("rules: [{name: r, watch: entity, kind: negatives, windows: [7m]}]")
    done = run("check")
    assert isinstance(done.exception, SettingsError) and done.exception.exit_code == 3
    assert str(done.exception).startswith("rules.yaml: rule 1 ('r'): windows: got 7m, wanted a multiple of 5m")


def test_a_file_that_is_not_there_is_an_error(here: Path) -> None:
    assert isinstance(run("check", "gone.yaml").exception, SettingsError)


def test_the_example_is_printed_as_it_is_shipped() -> None:
    assert run("example").output == EXAMPLE.read_text("utf-8")
