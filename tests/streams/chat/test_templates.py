"""The templates folder of a running worker: new answers hold, broken ones do not, and neither is missed."""

import logging
import os
from pathlib import Path

import pytest

from models.errors import SettingsError
from streams.chat import templates as module
from streams.chat.templates import SHIPPED, Templates, TemplatesFolder, check_templates, load_templates
from streams.watched import LOOK_S

ONE = 'x.answer = "one"'
OTHER = 'x.answer = "other"'


class Watched:
    """A folder, and the clock by which it is looked at."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now_s, self.stamp = folder, 0.0, 1_000
        self.write("a.toml", ONE)
        self.current = TemplatesFolder(folder, ["x"], clock=lambda: self.now_s, now=lambda: self.now_s)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        self.stamp += 1  # a file system's own clock may stand still between two writes of a test
        os.utime(path, (self.stamp, self.stamp))

    def wait(self, looks: int = 2) -> Templates:
        for _ in range(looks):
            self.now_s += LOOK_S
            templates = self.current()
        return templates

    def says(self) -> str:
        return self.wait().answer("x").text


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_new_answers_hold_without_a_restart(watched: Watched) -> None:
    before = watched.current()
    watched.write("a.toml", OTHER)
    assert watched.says() == "other"
    assert before.answer("x").text == "one"
    assert watched.current.loaded_at == watched.now_s and not watched.current.failed()


def test_a_change_is_read_only_once_it_rests(watched: Watched) -> None:
    watched.write("a.toml", OTHER)
    assert watched.wait(1).answer("x").text == "one"
    watched.write("a.toml", ONE + "\ny.answer = 'more'")
    assert "y" not in watched.wait(1).answers
    assert "y" in watched.wait(1).answers


def test_a_file_that_comes_or_goes_is_noticed(watched: Watched) -> None:
    watched.write("b.toml", 'y.answer = "more"')
    assert set(watched.wait().answers) == {"x", "y"}
    (watched.folder / "b.toml").unlink()
    assert set(watched.wait().answers) == {"x"}


def test_broken_answers_leave_the_old_ones_and_say_why(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    watched.write("a.toml", "x.anwser = 'typo'")
    assert watched.says() == "one"
    assert watched.current.failed()
    assert "a.toml: [x]: unknown key 'anwser'; did you mean answer?" in watched.current.failure
    assert [record.levelno for record in caplog.records if "stay as they were" in record.message] == [logging.ERROR]
    watched.write("a.toml", OTHER)
    assert watched.says() == "other"
    assert not watched.current.failed()


def test_answers_that_are_again_what_they_were_are_no_failure(watched: Watched) -> None:
    watched.write("a.toml", "x = [")
    watched.wait()
    assert watched.current.failed()
    watched.write("a.toml", ONE)
    watched.wait()
    assert not watched.current.failed()


def test_an_answer_that_the_model_needs_cannot_be_taken_away(watched: Watched) -> None:
    watched.write("a.toml", 'y.answer = "x is gone"')
    assert watched.says() == "one"
    assert "no answer is written for 1 of the model's intents (x)" in watched.current.failure


def test_a_folder_that_is_gone_leaves_the_old_answers(watched: Watched) -> None:
    (watched.folder / "a.toml").unlink()
    watched.folder.rmdir()
    assert watched.says() == "one"
    assert "got no such folder" in watched.current.failure


def test_a_folder_that_is_broken_from_the_beginning_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no answers"):
        TemplatesFolder(tmp_path)
    with pytest.raises(SettingsError, match="got no such folder"):
        TemplatesFolder(tmp_path / "nowhere")


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b'x.answer = "\xff"')
    with pytest.raises(SettingsError, match=r"a\.toml: .*save the file as UTF-8"):
        load_templates(tmp_path)


def test_too_much_text_is_told_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1 << 20)
    (tmp_path / "a.toml").write_text("#" * (1 << 20))
    (tmp_path / "b.toml").write_text(ONE)
    with pytest.raises(SettingsError, match="got more than 1 MiB of answers"):
        load_templates(tmp_path)


def test_a_check_tells_every_mistake_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('[x]\n[y]\nanswer = ""')
    assert len(check_templates(tmp_path)) == 2
    assert check_templates(SHIPPED) == []
