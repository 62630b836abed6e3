"""Files and directories -> documents -> passages. A document's id is its file's place below the directory given."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from models.errors import InputError
from streams.chat.passages import Heading, Kind, markdown_headings, passages_of
from streams.documents.decode import decode
from streams.documents.html import read_html
from streams.documents.pdf import read_pdf
from streams.records import Passage

KINDS = {
    ".txt": "txt",
    ".text": "txt",
    ".md": "md",
    ".markdown": "md",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".jsonl": "jsonl",
}
MAX_BYTES = 20_000_000
MAX_ID_CHARS = 480  # leaves room for a passage's number in 512
TITLE_CHARS = 200


class Document(NamedTuple):
    """What passages are made of; `outline` None: its headings are found in the text, as `kind` says."""

    id: str
    title: str
    text: str
    kind: Kind
    outline: list[Heading] | None = None


class Unreadable(NamedTuple):
    """A document that is none, and why."""

    name: str
    reason: str


class Found(NamedTuple):
    """A file, and the id of the document in it."""

    path: Path
    id: str


class Row(msgspec.Struct):
    """A line of a JSONL file of documents."""

    id: str
    text: str
    title: str = ""


class Limits(NamedTuple):
    """`max_bytes`: of a document; `encoding`: of texts, where it should not be told from them."""

    max_bytes: int = MAX_BYTES
    encoding: str | None = None


_row = msgspec.json.Decoder(Row)


def load(path: Path, limits: Limits = Limits(), added_at: datetime | None = None) -> list[Passage]:  # noqa: B008
    """The passages of one file's documents. Raises InputError for the first that can't be read."""
    found = list(documents_in(Found(path, path.name), limits))
    for each in found:
        if isinstance(each, Unreadable):
            raise InputError(f"{each.name}: {each.reason}")
    return [passage for each in found if isinstance(each, Document) for passage in cut(each, added_at)]


def load_all(
    paths: Sequence[Path],
    limits: Limits = Limits(),  # noqa: B008
    unreadable: Callable[[Unreadable], None] | None = None,
    added_at: datetime | None = None,
) -> Iterator[Passage]:
    """The passages of all files and directories, one document at a time.

    What can't be read goes to `unreadable`, or, without one, raises InputError. So does an id that comes twice.
    """
    for each in documents(files_of(paths), limits):
        if isinstance(each, Document):
            yield from cut(each, added_at)
        elif unreadable is None:
            raise InputError(f"{each.name}: {each.reason}")
        else:
            unreadable(each)


def cut(document: Document, added_at: datetime | None = None) -> list[Passage]:
    """A document's passages; `added_at` now, if not given."""
    at = added_at or datetime.now(UTC)
    return passages_of(document.id, document.title, document.text, document.kind, at, document.outline)


def documents(files: Iterable[Found], limits: Limits) -> Iterator[Document | Unreadable]:
    """All documents of these files; one with the id of another is refused."""
    seen: dict[str, str] = {}
    for found in files:
        for each in documents_in(found, limits):
            if isinstance(each, Document) and each.id in seen:
                yield Unreadable(str(found.path), f"its id {each.id!r} is that of {seen[each.id]} too; rename one")
                continue
            if isinstance(each, Document):
                seen[each.id] = str(found.path)
            yield each


def files_of(paths: Iterable[Path]) -> list[Found]:
    """The files to read, in order; in directories those of the kinds we know, hidden ones left out.

    Raises InputError for a path that is not there, and for a directory without a document.
    """
    found: list[Found] = []
    for path in paths:
        if path.is_dir():
            below = [Found(each, each.relative_to(path).as_posix()) for each in sorted(walk(path))]
            if not below:
                raise InputError(
                    f"{path}: no document in it; wanted files called {', '.join(f'*{kind}' for kind in KINDS)}"
                )
            found += below
        elif path.is_file():
            found.append(Found(path, path.name))
        else:
            raise InputError(f"{path}: no such file or directory")
    return found


def walk(directory: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(directory):
        folders[:] = [folder for folder in folders if not folder.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in KINDS:
                yield Path(root) / name


def documents_in(found: Found, limits: Limits) -> Iterator[Document | Unreadable]:
    """A file's documents: one, but of a JSONL file one a line."""
    kind = KINDS.get(found.path.suffix.lower())
    try:
        if kind is None:
            raise InputError(f"{found.path}: not one of {', '.join(KINDS)}; convert it, or rename it if it is a text")
        if kind == "jsonl":
            yield from rows_of(found.path, limits)
        else:
            yield checked(read(found, kind, limits))
    except InputError as error:
        yield Unreadable(str(found.path), str(error).removeprefix(f"{found.path}: "))


def read(found: Found, kind: str, limits: Limits) -> Document:
    """Raises InputError for what can't be read."""
    name, stem = str(found.path), found.path.stem
    raw = read_bytes(found.path, limits)
    if kind == "pdf":
        pages = read_pdf(raw, name)
        return Document(found.id, pages.title or stem, pages.text, "txt", pages.outline)
    if raw.startswith(b"%PDF-"):
        raise InputError(f"{name}: a PDF by another name; call it {stem}.pdf")
    text = decode(raw, name, limits.encoding, says_so=kind == "html")
    if kind == "html":
        page = read_html(text)
        return Document(found.id, page.title or stem, page.text, "txt", page.outline)
    if kind == "md":
        outline = markdown_headings(text)
        top = next((heading.text for heading in outline if heading.level == 1 and heading.text), stem)
        return Document(found.id, top, text, "md", outline)
    return Document(found.id, stem, text, "txt")


def read_bytes(path: Path, limits: Limits) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(limits.max_bytes + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    if len(raw) > limits.max_bytes:
        raise InputError(too_large(str(path), limits))
    return raw


def too_large(name: str, limits: Limits) -> str:
    return f"{name}: larger than {limits.max_bytes:,} bytes; split it, or set GRETCHEN_MAX_DOCUMENT_BYTES"


def checked(document: Document) -> Document:
    """Raises InputError for a document that has nothing to read, or no id a passage's can be made of."""
    if not document.text.strip():
        raise InputError("empty: it has no text")
    if not 0 < len(document.id) <= MAX_ID_CHARS:
        raise InputError(f"its id has {len(document.id)} characters, wanted 1 to {MAX_ID_CHARS}; rename it")
    return document._replace(title=document.title[:TITLE_CHARS])


def rows_of(path: Path, limits: Limits) -> Iterator[Document | Unreadable]:
    """A line each, blank ones left out; the file may be of any length."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(limits.max_bytes + 1), b""), 1):
                name = f"{path}:{number}"
                if len(line) > limits.max_bytes:
                    raise InputError(too_large(name, limits))
                if line.strip():
                    yield row_of(line, name)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


def row_of(line: bytes, name: str) -> Document | Unreadable:
    try:
        row = _row.decode(line.removeprefix(b"\xef\xbb\xbf"))
        return checked(Document(row.id, row.title or row.id, row.text, "txt"))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Unreadable(name, f'{error}; wanted {{"id": …, "text": …, "title": …}}')
    except InputError as error:
        return Unreadable(name, str(error))
