"""Files become documents with their titles, headings and exact offsets; what is none is refused with a remedy."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.errors import InputError
from streams.documents.loading import Document, Limits, Unreadable, documents, files_of, load, load_all
from tests.support.pdf import pdf

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_directory_is_read_in_order_by_kind_and_hidden_and_other_files_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "b.md", "# Fees\n\nThree euros.\n")
    write(tmp_path / "a" / "x.txt", "We are open.")
    write(tmp_path / "c.HTML", "<title>Shops</title><p>Everywhere.")
    write(tmp_path / "d.pdf", pdf([["We pay back."]], "Refunds"))
    write(tmp_path / "rows.jsonl", '{"id":"r1","title":"Row","text":"A row."}\n\n{"id":"r2","text":"Another."}\n')
    for left_out in (".git/x.md", ".hidden.txt", "picture.png", "code.py"):
        write(tmp_path / left_out, "no document")
    found = list(load_all([tmp_path], added_at=NOON))
    assert [(each.document, each.title, each.text) for each in found] == [
        ("a/x.txt", "x", "We are open."),
        ("b.md", "Fees", "Three euros."),
        ("c.HTML", "Shops", "Everywhere."),
        ("d.pdf", "Refunds", "We pay back."),
        ("r1", "Row", "A row."),
        ("r2", "r2", "Another."),
    ]
    assert {each.added_at for each in found} == {NOON}


def test_offsets_are_those_of_the_text_as_python_reads_it(tmp_path: Path) -> None:
    path = write(tmp_path / "crlf.md", "\ufeff# Ünïcode\r\n\r\nFirst.\r\n\r\n## Two\r\nSecond.\r\n")
    text = path.read_text(encoding="utf-8-sig")
    assert [(each.text, text[each.start : each.end]) for each in load(path)] == [("First.",) * 2, ("Second.",) * 2]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "empty: it has no text"),
        (b" \n\t\n", "empty: it has no text"),
        (b"GIF89a\0\0\1\0", "zero bytes"),
        (b"%PDF-1.4 ...", "call it x.pdf"),
        (b"x" * 2001, "larger than 2,000 bytes; split it, or set GRETCHEN_MAX_DOCUMENT_BYTES"),
    ],
    ids=["empty", "blank", "binary", "PDF", "large"],
)
def test_a_text_file_that_is_none_is_refused_with_a_remedy(tmp_path: Path, raw: bytes, said: str) -> None:
    path = write(tmp_path / "x.txt", raw)
    with pytest.raises(InputError, match=said) as refused:
        load(path, Limits(2000))
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


def test_one_bad_file_or_line_does_not_hold_up_the_others(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "")
    write(tmp_path / "b.txt", "Fine.")
    write(
        tmp_path / "c.jsonl",
        '{"id":"r","text":"Fine, too."}\nbroken\n{"id":"","text":"x"}\n{"id":"s","text":" "}\n[1]\n',
    )
    write(tmp_path / "d.pdf", b"%PDF-1.7 nonsense")
    refused: list[Unreadable] = []
    assert [each.text for each in load_all([tmp_path], unreadable=refused.append)] == ["Fine.", "Fine, too."]
    assert [Path(each.name).name for each in refused] == ["a.txt", *(f"c.jsonl:{n}" for n in (2, 3, 4, 5)), "d.pdf"]
    with pytest.raises(InputError, match=r"a\.txt: empty"):
        list(load_all([tmp_path]))


def test_a_jsonl_file_of_any_length_is_read_but_no_line_of_any_length(tmp_path: Path) -> None:
    lines = "".join(f'{{"id":"{n}","text":"Text number {n}."}}\n' for n in range(100))
    path = write(tmp_path / "rows.jsonl", lines + '{"id":"long","text":"' + "x" * 3000 + '"}\n')
    found = list(documents(files_of([path]), Limits(2000)))
    assert sum(isinstance(each, Document) for each in found) == 100
    assert isinstance(found[-1], Unreadable)
    assert found[-1].reason.startswith("larger than") or "larger than 2,000 bytes" in found[-1].reason


def test_two_documents_of_one_id_are_not_taken_for_one(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write(tmp_path / folder / "faq.txt", f"Of {folder}.")
    refused: list[Unreadable] = []
    found = list(load_all([tmp_path / "one", tmp_path / "two"], unreadable=refused.append))
    assert [each.text for each in found] == ["Of one."]
    assert "is that of" in refused[0].reason


@pytest.mark.parametrize("missing", ["nothing", "empty-folder", "photo.png"])
def test_a_path_without_a_document_is_refused(tmp_path: Path, missing: str) -> None:
    (tmp_path / "empty-folder").mkdir()
    write(tmp_path / "photo.png", "x")
    with pytest.raises(InputError, match=missing):
        list(load_all([tmp_path / missing]))
