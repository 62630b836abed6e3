"""`gretchen documents`: what is added is found by an index, what is removed is not, what is the same is not sent."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from models.errors import GretchenError, InputError
from streams.chat.index import PassageIndex
from streams.commands.documents import command
from streams.mirror import DocumentsMirror
from streams.settings import Settings


def run(*arguments: str | Path, settings: Settings | None = None) -> Result:
    environ = {"GRETCHEN_ENCODER_MODEL": ""}
    if settings:
        environ |= {
            "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
            "GRETCHEN_TOPIC_PREFIX": settings.topic_prefix,
            "GRETCHEN_APP_ID": settings.app_id,
        }
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], env=environ)
    if result.exception and not isinstance(result.exception, SystemExit | GretchenError):
        raise result.exception
    return result


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    (folder / "cards").mkdir(parents=True)
    (folder / "fees.md").write_text(
        "# Fees\n\n## Cards\n\nA card is free.\n\n## Transfers\n\nA transfer costs one euro.\n"
    )
    (folder / "cards" / "lost.txt").write_text("Block a lost card at once, by phone or here.")
    return folder


def test_words_find_passages_of_files_without_kafka(desk: Path) -> None:
    found = run("search", "what does a transfer cost?", "--documents", desk, "--json").stdout.splitlines()
    best = json.loads(found[0])["passage"]
    assert (best["document"], best["heading"]) == ("fees.md", ["Fees", "Transfers"])
    shown = run("search", "lost", "--documents", desk).stdout
    assert "cards/lost.txt [0:44]" in shown
    assert "Block a lost card" in shown
    nothing = run("search", "zebra", "--documents", desk)
    assert "none of 3 passages" in nothing.stderr


def test_files_that_can_not_be_read_end_a_search_with_what_is_wrong(desk: Path) -> None:
    (desk / "broken.pdf").write_bytes(b"%PDF-1.7 nonsense")
    failed = run("search", "x", "--documents", desk)
    assert isinstance(failed.exception, InputError)
    assert "broken.pdf: a broken PDF" in str(failed.exception)


@pytest.mark.kafka
def test_documents_are_added_changed_listed_and_removed(kafka_settings: Settings, desk: Path) -> None:
    index = PassageIndex()
    with DocumentsMirror(kafka_settings, index) as mirror:

        def added(*paths: Path) -> str:
            result = run("add", *paths, settings=kafka_settings)
            assert result.exit_code == 0, result.output
            return result.stdout

        assert "2 documents new, 0 changed, 0 as they were, 0 unreadable; 3 passages sent, 0 removed" in added(desk)
        assert "0 documents new, 0 changed, 2 as they were, 0 unreadable; 0 passages sent" in added(desk)
        (desk / "fees.md").write_text("# Fees\n\n## Cards\n\nA card costs five euros.\n")
        assert "0 documents new, 1 changed, 1 as they were, 0 unreadable; 1 passages sent, 1 removed" in added(desk)

        rows = [json.loads(row) for row in run("list", "--json", settings=kafka_settings).stdout.splitlines()]
        assert {row["id"]: (row["title"], row["passages"]) for row in rows} == {
            "cards/lost.txt": ("lost", 1),
            "fees.md": ("Fees", 1),
        }
        assert "2 documents, 2 passages" in run("list", settings=kafka_settings).stdout
        assert "five euros" in run("search", "card fees", settings=kafka_settings).stdout

        (desk / "empty.txt").write_text("")
        failed = run("add", desk, settings=kafka_settings)
        assert isinstance(failed.exception, InputError)
        assert "empty.txt: empty" in failed.stderr
        assert "2 as they were, 1 unreadable" in failed.stdout

        unknown = run("remove", "fee.md", settings=kafka_settings)
        assert isinstance(unknown.exception, InputError)
        assert "did you mean 'fees.md'?" in str(unknown.exception)
        assert "removed 1 documents, 1 passages" in run("remove", "fees.md", settings=kafka_settings).stdout
        assert mirror.wait(20)
    assert run("list", "--json", settings=kafka_settings).stdout.count("\n") == 1
    with DocumentsMirror(kafka_settings, index) as mirror:  # once more from the beginning: the same again
        assert mirror.wait(20)
        assert len(index) == 1
        assert [hit.passage.id for hit in index.search(["lost card"], 5)[0]] == ["cards/lost.txt#0"]
