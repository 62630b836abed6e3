"""`list` and `show`: what artifacts say of themselves."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from models.errors import ArtifactError
from streams.commands.models import command as models_command
from streams.commands.models.show import ZOO, figures_of

NEWS = ZOO / "news"


def run(*arguments: str | Path) -> str:
    return CliRunner().invoke(models_command, list(map(str, arguments)), catch_exceptions=False).stdout


def test_show_tells_heads_licenses_figures_files_and_recipe() -> None:
    told = run("show", NEWS)
    manifest = json.loads((NEWS / "manifest.json").read_text())
    assert "verified" in told and "entity_sentiment" in told and "and 12 more" in told
    for data in manifest["data"]:
        assert data["name"] in told and data["license"] in told
    for name, figures in manifest["metrics"]["test"].items():
        assert name in told and f"accuracy {figures['accuracy']:.4f}" in told
    assert all(f"$ {command}" in told for command in manifest["recipe"]["commands"])
    assert manifest["files"]["model.onnx.gz"]["sha256"][:12] in told


def test_show_prints_the_card_or_everything_as_json() -> None:
    assert run("show", NEWS, "--card") == (NEWS / "README.md").read_text()
    told = json.loads(run("show", NEWS, "--json"))
    assert told["config"]["task"] == "news" and told["manifest"]["name"] == "news"


def test_show_refuses_what_was_touched(tmp_path: Path) -> None:
    copy = shutil.copytree(NEWS, tmp_path / "copy")
    (copy / "README.md").write_text("the best model of all")
    with pytest.raises(ArtifactError, match=r"README\.md has sha256"):
        run("show", copy)


def test_list_names_every_shipped_artifact_with_its_figures() -> None:
    rows = [json.loads(line) for line in run("list", "--json").splitlines()]
    assert {"news/4", "intents/3"} <= {row["artifact"] for row in rows}
    told = run("list")
    for row in rows:
        assert row["artifact"] in told and row["bytes"] > 1_000_000
        assert all(name in told for name in row["figures"])


def test_list_tells_the_good_ones_before_it_names_a_broken_manifest(tmp_path: Path) -> None:
    for name, content in {"good": manifest("good"), "odd": "[]", "spoiled": "{"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(content)
        (tmp_path / name / "config.json").write_text("{}")
    done = CliRunner().invoke(models_command, ["list", "--zoo", str(tmp_path)])
    assert "good/1" in done.stdout and "not measured" in done.stdout
    assert isinstance(done.exception, ArtifactError)
    assert "odd/manifest.json" in str(done.exception) and "(and 1 more)" in str(done.exception)


def manifest(name: str) -> str:
    return json.dumps({"name": name, "version": "1", "files": {"model.onnx": {"sha256": "0", "bytes": 7}}})


def test_an_empty_zoo_says_how_to_fill_it(tmp_path: Path) -> None:
    done = CliRunner().invoke(models_command, ["list", "--zoo", str(tmp_path)])
    assert done.exit_code == 0 and "no artifact" in done.stderr


@pytest.mark.parametrize(
    ("of", "shown"),
    [
        ({"n": 5, "accuracy": 0.5, "macro_f1": 0.4, "ece": 0.1, "labels": {}}, ["accuracy", "macro_f1"]),
        ({"n": 5, "em": 0.5, "f1": 0.6, "texts": 3}, ["em", "f1"]),
    ],
)
def test_the_figures_of_any_kind_of_model_are_shown_first_things_first(of: dict[str, Any], shown: list[str]) -> None:
    assert list(figures_of(of)) == shown
