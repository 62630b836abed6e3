"""The rules file of a running worker: a new one holds, a broken one does not, and neither is missed."""

import logging
import os
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from models.errors import SettingsError
from streams.doctor import local
from streams.metrics import rules_gauges
from streams.news.doubts import doubts
from streams.news.rule_text import KINDS, SCOPES
from streams.news.rules import RuleBook
from streams.rules_file import EXAMPLE, MOST_BYTES, RulesFile, load_rules, rules_of
from streams.settings import Settings
from streams.watched import LOOK_S

SECTORS = {"Nokia": "technology", "UBS": "financials"}
ONE = "rules: [{name: one, watch: entity, kind: negatives}]\n"
OTHER = "rules: [{name: other, watch: entity, kind: share}]\n"


class Watched:
    """A rules file, and the clock by which it is looked at."""

    def __init__(self, path: Path, text: str | None = ONE) -> None:
        self.path, self.now_s, self.stamp = path, 0.0, 1_000
        if text is not None:
            self.write(text)
        self.rules = RulesFile(path, SECTORS, clock=lambda: self.now_s)

    def write(self, text: str) -> None:
        self.path.write_text(text)
        self.stamp += 1  # a file system's own clock may stand still between two writes of a test
        os.utime(self.path, (self.stamp, self.stamp))

    def wait(self, looks: int = 1) -> RuleBook:
        for _ in range(looks):
            self.now_s += LOOK_S
            book = self.rules()
        return book


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "rules.yaml")


def names(book: RuleBook) -> list[str]:
    return [rule.surge.name for rule in book.rules]


def test_a_new_file_holds_without_a_restart(watched: Watched) -> None:
    first = watched.rules()
    assert names(first) == ["one"]
    watched.write(OTHER)
    assert names(watched.wait(2)) == ["other"]
    assert names(first) == ["one"]


def test_the_file_is_not_even_looked_at_more_often_than_every_two_seconds(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    monkeypatch.setattr("streams.rules_file.mark_of", lambda path: looks.append(path))
    for _ in range(1000):
        watched.now_s += LOOK_S / 100
        watched.rules()
    assert 9 <= len(looks) <= 10


def test_a_file_that_is_still_being_written_is_not_read(watched: Watched) -> None:
    for text in ("rules: []\n", "rules: [{name: half, watch: all, kind: share}]\n", OTHER):
        watched.write(text)
        assert names(watched.wait()) == ["one"]
    assert names(watched.wait()) == ["other"]


def test_a_broken_file_keeps_the_old_rules_and_says_so_once(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    watched.write("rules: [{name: one, watch: entity, kind: negativs}]")
    with caplog.at_level(logging.INFO):
        assert names(watched.wait(20)) == ["one"]
    [told] = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert "the rules stay as they were" in told.message and "did you mean 'negatives'?" in told.message
    assert watched.rules.failed() and "negativs" in watched.rules.failure


@pytest.mark.parametrize("mended", [ONE, OTHER])
def test_a_mended_file_holds_again_also_if_it_is_the_old_one(watched: Watched, mended: str) -> None:
    watched.write("rules: [")
    watched.wait(2)
    assert watched.rules.failed()
    watched.write(mended)
    assert names(watched.wait(2)) == (["one"] if mended == ONE else ["other"])
    assert not watched.rules.failed()


def test_a_file_that_is_touched_is_the_same(watched: Watched) -> None:
    before, at = watched.rules(), watched.rules.loaded_at
    watched.write(ONE)
    assert watched.wait(3) is before
    assert watched.rules.loaded_at == at


def test_a_file_that_goes_keeps_its_rules_and_says_so(watched: Watched) -> None:
    watched.path.unlink()
    assert names(watched.wait(2)) == ["one"]
    assert watched.rules.failed()
    watched.write(ONE)
    watched.wait(2)
    assert not watched.rules.failed()


def test_a_file_replaced_by_a_link_as_kubernetes_does_is_a_new_file(tmp_path: Path) -> None:
    for name, text in (("first", ONE), ("second", OTHER)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rules.yaml").write_text(text)
    (tmp_path / "data").symlink_to("first")
    watched = Watched(tmp_path / "data" / "rules.yaml", None)
    assert names(watched.rules()) == ["one"]
    (tmp_path / "next").symlink_to("second")
    (tmp_path / "next").replace(tmp_path / "data")
    assert names(watched.wait(2)) == ["other"]


def test_a_file_that_comes_later_takes_the_defaults_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    watched = Watched(Settings().rules, None)
    assert names(watched.rules()) == ["negatives"] and not watched.rules.failed()
    watched.write(OTHER)
    assert names(watched.wait(2)) == ["other"]


def test_metrics_tell_of_a_broken_file_though_no_record_comes(watched: Watched) -> None:
    registry = CollectorRegistry()
    rules_gauges(registry, watched.rules.failed, lambda: watched.rules.loaded_at)

    def scraped(name: str) -> float | None:
        watched.now_s += LOOK_S
        return registry.get_sample_value(f"gretchen_rules_{name}")

    assert scraped("reload_failed") == 0.0
    assert scraped("loaded_timestamp_seconds") == watched.rules.loaded_at
    watched.write("rules: [")
    scraped("reload_failed")
    assert scraped("reload_failed") == 1.0


def test_doubts_about_new_rules_are_logged(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    watched.write("rules: [{name: one, watch: entity, keys: [Nokai], kind: share}]")
    watched.wait(2)
    assert any("did you mean 'Nokia'?" in each.message for each in caplog.records)


# from the beginning


def test_a_file_that_is_broken_from_the_beginning_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules: 1")
    with pytest.raises(SettingsError, match=r"rules\.yaml: rules: got 1, wanted a list"):
        RulesFile(tmp_path / "rules.yaml", SECTORS)


def test_no_file_is_the_default_but_not_where_somebody_named_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert names(load_rules(Settings().rules, SECTORS)) == ["negatives"]
    for path in (tmp_path / "mine.yaml", tmp_path):
        with pytest.raises(SettingsError, match="can't read the rules"):
            load_rules(path, SECTORS)
    with pytest.raises(SettingsError, match="can't read the rules"):
        load_rules(Settings().rules, SECTORS, must_exist=True)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"lateness: 1h\nrules: \xff", ":2: got the byte 0xff, wanted UTF-8"),
        (b"#" * (MOST_BYTES + 1), "got more than 4 MiB of rules"),
    ],
)
def test_what_is_no_text_or_endless_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "rules.yaml").write_bytes(content)
    with pytest.raises(SettingsError) as error:
        load_rules(tmp_path / "rules.yaml", SECTORS)
    assert says in str(error.value)


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_bytes(b"\xef\xbb\xbf" + ONE.encode())
    assert names(load_rules(tmp_path / "rules.yaml", SECTORS)) == ["one"]


def test_the_example_fits_what_is_shipped_and_uses_every_kind_and_scope() -> None:
    book = rules_of(Settings(), EXAMPLE)
    assert doubts(book) == []
    assert {rule.surge.kind for rule in book.rules} == set(KINDS)
    assert {rule.scope for rule in book.rules} == set(SCOPES)


def test_the_documents_rules_are_rules_and_every_key_has_its_row(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "rules.md").read_text("utf-8")
    [shown] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "rules.yaml").write_text(shown)
    assert doubts(rules_of(Settings(), tmp_path / "rules.yaml")) == []
    rule = "rules: [{name: r, watch: all, kind: share, %s: {qqq: 1}}]"
    places = ("qqq: 1", "storm: {qqq: 1}", "rules: [{qqq: 1}]", rule % "severity", rule % "quiet_hours")
    for place in places:
        (tmp_path / "rules.yaml").write_text(place)
        with pytest.raises(SettingsError) as error:
            load_rules(tmp_path / "rules.yaml", SECTORS)
        known = str(error.value).partition("known: ")[2].split(", ")
        assert len(known) >= 3 and [key for key in known if f"`{key}`" not in text] == []


# the doctor


def test_the_doctor_finds_what_is_wrong_with_the_file(tmp_path: Path) -> None:
    settings = Settings(rules=tmp_path / "rules.yaml")
    settings.rules.write_text(ONE)
    assert [each.level for each in local.check_rules(settings)] == ["ok"]
    settings.rules.write_text("rules: [{name: one, watch: entity, keys: [Nokai], kind: negatives}]")
    found = list(local.check_rules(settings))
    assert [each.level for each in found] == ["warning", "warning", "ok"]
    assert "Nokai" in found[0].got
    settings.rules.write_text("rules: 1")
    with pytest.raises(SettingsError):
        list(local.check_rules(settings))


def test_the_doctor_says_that_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [found] = local.check_rules(Settings())
    assert found.level == "ok" and "the defaults, for there is no rules.yaml" in found.got
