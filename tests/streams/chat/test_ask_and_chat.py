"""`gretchen ask` and `gretchen chat` with the shipped intents model: what goes in, what comes out."""

import fcntl
import json
import os
import pty
import select
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from models.errors import ArtifactError, InputError
from streams.cli import group
from streams.settings import ZOO


def run(*arguments: str, said: str = "") -> Result:
    return CliRunner().invoke(group, arguments, input=said, catch_exceptions=True)


def test_a_question_is_answered_by_its_template_and_explained() -> None:
    told = run("ask", "my card has not arrived yet", "--explain")
    assert told.exit_code == 0 and "Open Cards in the app" in told.stdout
    assert "source       template card_arrival" in told.stdout and "considered   template" in told.stdout


def test_what_is_no_question_of_the_banks_is_not_guessed_at() -> None:
    told = json.loads(run("ask", "what does a giraffe eat in the wild", "--json").stdout)
    assert told["abstained"] and told["source"] is None and told["way"] == "unsure"
    assert told["confidence"] < 0.5 and len(told["alternatives"]) == 3


def test_a_file_of_questions_keeps_its_order(tmp_path: Path) -> None:
    rows = [{"id": n, "question": text} for n, text in enumerate(["hello", "I lost my card", "", "change my pin"])]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = run("ask", "--questions", str(tmp_path / "q.jsonl"))
    assert isinstance(result.exception, InputError)
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["id"] for one in told] == [0, 1, 2, 3]
    assert [one.get("way") for one in told] == ["small-talk", "template", None, "template"]
    assert told[1]["source"] == {"kind": "template", "intent": "lost_or_stolen_card"}


@pytest.mark.parametrize("arguments", [[], ["hello", "--questions", "x"]])
def test_one_question_or_a_file_is_wanted(arguments: list[str]) -> None:
    result = run("ask", *arguments)
    assert result.exit_code == 2 and "give one QUESTION" in result.output


def test_documents_without_a_reader_are_an_error_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fees.md").write_text("# Fees\n\nCards cost nothing.\n")
    monkeypatch.setenv("GRETCHEN_READER_MODEL", str(tmp_path / "absent"))
    result = run("ask", "what does a card cost", "--documents", str(tmp_path))
    assert isinstance(result.exception, ArtifactError)
    if not (ZOO / "reader").exists():
        monkeypatch.delenv("GRETCHEN_READER_MODEL")
        result = run("ask", "what does a card cost", "--documents", str(tmp_path))
        assert isinstance(result.exception, ArtifactError) and "GRETCHEN_READER_MODEL" in str(result.exception)


def test_a_conversation_goes_on_line_by_line() -> None:
    said = "hi\nmy card was swallowed by the machine\n\nit was declined\nthe first one\ntalk to a human\nhello?\n"
    result = run("chat", said=said)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Hello!") and any("freeze the card right away" in line for line in lines)
    assert any("Which of these do you mean" in line for line in lines)
    assert sum("colleague" in line for line in lines) == 2


def test_a_message_that_cannot_be_taken_does_not_end_the_conversation() -> None:
    result = run("chat", said=f"{'x' * 20_001}\nhi\n")
    assert result.exit_code == 0 and "Hello!" in result.stdout and "20001 characters" in result.output


@pytest.mark.parametrize(("key", "code"), [(b"\x04", 0), (b"\x03", 130)])
def test_a_conversation_in_a_terminal_ends_by_ctrl_d_and_ctrl_c(key: bytes, code: int) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from streams.cli import main; main()", "chat"]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                               preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0))  # fmt: skip
    os.close(theirs)
    shown = until(ours, b"you> ")
    os.write(ours, b"hi\r")
    shown += until(ours, b"you> ")
    ended: int | None = None
    for _ in range(10):  # a key may come between the prompt and Python's wait for input, which then goes on waiting
        os.write(ours, key)
        with suppress(subprocess.TimeoutExpired):
            ended = process.wait(3)
            break
    assert ended == code
    os.close(ours)
    assert b"Hello!" in shown and b"Traceback" not in shown


def until(terminal: int, wanted: bytes, patience_s: float = 120) -> bytes:
    shown, deadline = b"", time.monotonic() + patience_s
    while wanted not in shown and time.monotonic() < deadline:
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 4096)
    assert wanted in shown, shown
    return shown
