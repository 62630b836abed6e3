"""The newcomer's path: past conversations, or a list of questions and answers, to a bot that answers."""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from models.errors import InputError, SettingsError
from streams.commands.chat import command

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "streams" / "sample"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith("GRETCHEN_") and name != "GRETCHEN_FORBID_SKIPS":
            monkeypatch.delenv(name)
    yield


def run(*arguments: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(command, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def learning() -> None:
    pytest.importorskip("onnx", reason="learning wants the [learn] extra")
    pytest.importorskip("sklearn", reason="learning wants the [learn] extra")


def test_conversations_become_a_bot_that_answers_in_other_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learning()
    found, bot = tmp_path / "found", tmp_path / "bot"
    run("learn", SAMPLE / "conversations.jsonl", "--out", found)
    report = (found / "report.md").read_text()
    assert "| tax" in report and "Asked too seldom" in report
    proposal = (found / "proposal.toml").read_text()
    for personal in ("4029388172645093", "DE93299900110002900517", "petra.wendisch", "Wendisch", "0176 04069021"):
        assert personal not in proposal and personal not in report
    with pytest.raises(SettingsError, match="is approved"):
        run("train", found, "--out", bot)
    (found / "proposal.toml").write_text(proposal.replace("approved = false", "approved = true"))
    run("train", found, "--out", bot)
    assert "macro F1" in (bot / "report.md").read_text()

    monkeypatch.setenv("GRETCHEN_TEMPLATES", str(bot / "templates"))
    monkeypatch.setenv("GRETCHEN_INTENTS_MODEL", str(bot / "intents"))
    run("templates", "check")
    rehearsal = tmp_path / "rehearsal.jsonl"
    turns = [
        {"customer": "hello", "expect": {"way": "small-talk"}},
        {
            "customer": "where is the interest certificate for my tax return?",
            "expect": {"contains": ["Documents > Taxes"]},
        },
        {"customer": "and what is the rent of a safe deposit box?", "expect": {"contains": ["84"], "abstained": False}},
    ]
    rehearsal.write_text(json.dumps({"id": "own", "turns": turns}) + "\n")
    told = json.loads(run("test", rehearsal, "--json", "--at-least", "1").output.splitlines()[-1])
    assert (told["right"], told["failing"]) == (3, [])


def test_a_list_of_questions_and_answers_needs_no_approval(tmp_path: Path) -> None:
    learning()
    run("learn", "--faq", SAMPLE / "faq.csv", "--out", tmp_path / "faq")
    run("train", tmp_path / "faq", "--out", tmp_path / "bot")
    report = (tmp_path / "bot" / "report.md").read_text()
    assert "Too few examples" in report and (tmp_path / "bot" / "intents" / "model.onnx").exists()


def test_a_proposal_that_may_have_been_edited_is_not_overwritten(tmp_path: Path) -> None:
    run("learn", "--faq", SAMPLE / "faq.csv", "--out", tmp_path)
    (tmp_path / "proposal.toml").write_text("# mine\n")
    with pytest.raises(InputError, match="somebody may have edited it"):
        run("learn", "--faq", SAMPLE / "faq.csv", "--out", tmp_path)
    assert (tmp_path / "proposal.toml").read_text() == "# mine\n"
    run("learn", "--faq", SAMPLE / "faq.csv", "--out", tmp_path, "--overwrite")


def test_columns_may_have_other_names_and_an_encoding(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    rows = [["Frage", "Antwort"], ["Wo öffnet ihr?", "In Münster."], ["Wann öffnet ihr?", "Um neun."]]
    with file.open("w", encoding="latin-1", newline="") as into:
        csv.writer(into).writerows(rows)
    run(
        "learn", "--faq", file, "--question", "Frage", "--answer", "Antwort", "--encoding", "latin-1", "--out", tmp_path
    )
    assert "In Münster." in (tmp_path / "proposal.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no turn of a customer or an agent: no row"),
        ('{"conversation": 1, "role": "narrator", "text": "x"}\n', "unknown role.*'narrator'"),
        ('{"conversation": 1, "role": "agent", "text": "We open at nine every day."}\n', "no question with a reply"),
        ("nonsense\n", "no turn of a customer or an agent"),
    ],
)
def test_a_file_to_learn_nothing_from_says_why(tmp_path: Path, text: str, said: str) -> None:
    learning()
    file = tmp_path / "talks.jsonl"
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        run("learn", file, "--out", tmp_path / "out")
    assert not (tmp_path / "out" / "proposal.toml").exists()


def test_intents_without_examples_are_named(tmp_path: Path) -> None:
    (tmp_path / "answers.toml").write_text('[one]\nanswer = "1"\nexamples = ["is it one?"]\n\n[two]\nanswer = "2"\n')
    with pytest.raises(InputError, match=r"1 intents have no examples \(two\)"):
        run("train", tmp_path, "--out", tmp_path / "bot")


def test_a_bot_below_the_mark_fails_the_command_and_shows_why(tmp_path: Path) -> None:
    file = tmp_path / "d.jsonl"
    file.write_text(json.dumps({"id": "d", "turns": [{"customer": "hello", "expect": {"way": "template"}}]}) + "\n")
    output = run("test", file, "--at-least", "0.5", code=1).output
    assert "way: wanted template, got small-talk" in output and "turns right           0 of 1 (0.0%)" in output
    run("test", file)


def test_a_dialogue_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "d.jsonl"
    file.write_text('{"id": "d"}\n')
    with pytest.raises(InputError, match=r"d\.jsonl:1: .*turns"):
        run("test", file)
    file.write_text("")
    with pytest.raises(InputError, match="no dialogue"):
        run("test", file)


def test_mistakes_in_answers_are_shown_and_intents_that_nobody_answers(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[one]\nansver = 'x'\n")
    with pytest.raises(SettingsError, match="did you mean answer"):
        run("templates", "check", tmp_path)
    (tmp_path / "a.toml").write_text("[one]\nanswer = 'x'\n")
    with pytest.raises(SettingsError, match="no answer is written for 77"):
        run("templates", "check", tmp_path)
    assert "1 answers in en, no mistake" in run("templates", "check", tmp_path, "--no-model").output
