"""`gretchen chat train --method full`: all of a base, through the same steps as any task. Needs the [train] extra."""

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("transformers", reason="training wants the [train] extra")

from models.artifact import load_artifact
from models.errors import InputError
from streams.commands.chat import command

TELLING = {"rising": ["rise", "wins", "profit"], "falling": ["fall", "loss", "warns"]}
FILLERS = ["acme", "globex", "shares", "today", "deal", "and", "flat"]


def write_answers(folder: Path) -> None:
    """Two intents of 120 examples, told by one word each."""
    rng, seen = random.Random(3), set[str]()
    tables = []
    for intent, words in TELLING.items():
        examples: list[str] = []
        while len(examples) < 120:
            text = " ".join(rng.sample([rng.choice(words), *rng.sample(FILLERS, 4)], 5))
            if text not in seen:
                seen.add(text)
                examples.append(text)
        tables.append(f"[{intent}]\nanswer = {json.dumps(intent)}\nexamples = {json.dumps(examples)}\n")
    folder.mkdir()
    (folder / "answers.toml").write_text("\n".join(tables))


def train(*arguments: str | Path) -> str:
    result = CliRunner().invoke(command, ["train", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_many_examples_train_all_of_a_base_and_a_second_call_goes_on(tmp_path: Path, tiny_base: Path) -> None:
    answers, bot = tmp_path / "answers", tmp_path / "bot"
    write_answers(answers)
    options = ("--out", bot, "--base", tiny_base, "--epochs", "12", "--force")
    assert "method: full" in train(answers, *options)
    artifact = load_artifact(bot / "intents")
    assert artifact.config.heads["intent"].labels == ("rising", "falling") and artifact.config.abstain is not None
    assert artifact.raw["metrics"]["test"]["approved.intent"]["accuracy"] > 0.8
    assert "All of" in (bot / "report.md").read_text()

    weights = bot / "run" / "best" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    train(answers, *options)
    assert weights.stat().st_mtime_ns == before, "what was trained is not trained again"

    (answers / "answers.toml").write_text((answers / "answers.toml").read_text().replace('"acme', '"zebra'))
    with pytest.raises(InputError, match="of a run on other examples or options"):
        train(answers, *options)


def test_all_of_a_network_wants_a_base(tmp_path: Path) -> None:
    write_answers(tmp_path / "answers")
    result = CliRunner().invoke(
        command, ["train", str(tmp_path / "answers"), "--out", str(tmp_path / "b"), "--method", "full"]
    )
    assert result.exit_code == 2 and "wants --base" in result.output
