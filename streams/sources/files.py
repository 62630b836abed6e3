"""A file's bytes to rows, each with its place: JSON lines, CSV, plain lines; gzip is recognized by its first bytes.

Nothing is held but the row at work, however large the file or its lines.
"""

import codecs
import csv
import gzip
import io
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, NamedTuple, TypeVar

import click
import msgspec

from models.errors import InputError

Format = Literal["jsonl", "csv", "lines"]
FORMATS: tuple[Format, ...] = ("jsonl", "csv", "lines")
EXTENSIONS: dict[str, Format] = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "csv", ".txt": "lines",
}  # fmt: skip
MAX_LINE_CHARS = 1_000_000
Item = TypeVar("Item")


class Row(NamedTuple):
    """Line `line` (the first one, counted from 1) of the file as columns. Plain lines have the one column `text`."""

    line: int
    columns: dict[str, Any]


class Unusable(NamedTuple):
    """Why line `line` is no record. The reason never holds the text."""

    line: int
    reason: str


@dataclass
class Source:
    """An open file: `name` for ids and messages, `size_bytes` for progress (0: a stream, whose end nobody knows)."""

    name: str
    format: Format
    text: io.TextIOWrapper
    raw: IO[bytes]
    size_bytes: int

    def position(self) -> int:
        """Bytes read so far, of the file as it lies on disk."""
        return self.raw.tell() if self.size_bytes else 0

    def rows(self, required: Sequence[str] = ()) -> Iterator[Row | Unusable]:
        """Every row but blank ones, in order.

        Raises InputError when the file can't be read further, or is a CSV without the `required` columns.
        """
        if self.format == "csv":
            yield from self.guarded(csv_rows(self.text, required))
        else:
            yield from self.guarded((json_rows if self.format == "jsonl" else line_rows)(self.text))

    def guarded(self, read: Iterator[Item]) -> Iterator[Item]:
        """What is read of the file, with its errors as InputError."""
        try:
            yield from read
        except HeaderError as error:
            raise InputError(f"{self.name}: {error}") from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"{self.name}: the gzip data ends early or is damaged ({error})") from error
        except UnicodeError as error:  # of UTF-16 and its like, where one bad byte spoils what follows
            raise InputError(f"{self.name}: {error}; name the file's encoding by --encoding") from error
        except OSError as error:
            raise InputError(f"{self.name}: {error.strerror or error}") from error

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.text.close()
        self.raw.close()  # gzip leaves it open


def open_source(path: str, format: Format | None = None, encoding: str | None = None) -> Source:
    """Open a file, or standard input for '-'; the format is guessed from the name, or a stream's first byte.

    Raises InputError when it can't be opened, click.UsageError when the format or encoding is none.
    """
    raw: IO[bytes]
    try:
        raw = sys.stdin.buffer if path == "-" else Path(path).open("rb")  # noqa: SIM115  # Source closes it
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}; give the path of a readable file, or - for standard input"
        ) from error
    try:
        name, size = ("stdin", 0) if path == "-" else (Path(path).name, Path(path).stat().st_size)
        return decode(raw, name, size, format, encoding)
    except BaseException:
        raw.close()
        raise


def decode(raw: Any, name: str, size_bytes: int, format: Format | None, encoding: str | None) -> Source:
    """Unpack and decode an open file; see `open_source`."""
    stream = raw
    if peek(raw).startswith(b"\x1f\x8b"):
        stream = io.BufferedReader(gzip.GzipFile(fileobj=raw))
        name = name.removesuffix(".gz")  # so that packing a file changes no id
    try:
        head = peek(stream)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{name}: can't be read: {error}") from error
    if format is None:
        format = EXTENSIONS.get(Path(name).suffix.lower()) or ("jsonl" if head.lstrip()[:1] == b"{" else None)
    if format is None:
        known = ", ".join(EXTENSIONS)
        raise click.UsageError(f"{name}: got a name that ends in none of {known}; name the format by --format")
    newline = "" if format == "csv" else "\n"  # csv wants the newlines inside quotes as they are
    try:
        text = io.TextIOWrapper(stream, encoding or guess_encoding(head), errors="surrogateescape", newline=newline)
    except LookupError as error:
        raise click.UsageError(f"--encoding: {error}; wanted one that Python knows, say latin-1") from None
    return Source(name, format, text, raw, size_bytes)


def peek(stream: Any) -> bytes:
    """The first bytes, unread."""
    head: bytes = stream.peek(4096)
    return head


def guess_encoding(head: bytes) -> str:
    """By the byte order mark; UTF-8 without one."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


class Lines:
    """Lines with a bound on their length and their number in `number`; goes on after an error."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.number = 0

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        """The next line. Raises LineTooLong, having skipped the rest of the line."""
        line = self._text.readline(MAX_LINE_CHARS)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == MAX_LINE_CHARS and line[-1] not in "\r\n":
            while (rest := self._text.readline(MAX_LINE_CHARS)) and rest[-1] not in "\r\n":
                pass
            raise LineTooLong(f"a line of more than {MAX_LINE_CHARS:,} characters")
        return line


class LineTooLong(Exception):
    pass


class HeaderError(Exception):
    pass


def json_rows(text: io.TextIOWrapper) -> Iterator[Row | Unusable]:
    lines = Lines(text)
    while True:
        try:
            line = next(lines)
            if line.isspace():
                continue
            columns = msgspec.json.decode(line)
        except StopIteration:
            return
        except (LineTooLong, msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
            yield Unusable(lines.number, reason(error))
            continue
        if isinstance(columns, dict):
            yield Row(lines.number, columns)
        else:
            yield Unusable(lines.number, f"got a JSON {type(columns).__name__}, wanted an object on each line")


def line_rows(text: io.TextIOWrapper) -> Iterator[Row | Unusable]:
    lines = Lines(text)
    while True:
        try:
            line = next(lines)
        except StopIteration:
            return
        except LineTooLong as error:
            yield Unusable(lines.number, reason(error))
            continue
        if not line.isspace():
            yield Row(lines.number, {"text": line.strip()})


def csv_rows(text: io.TextIOWrapper, required: Sequence[str] = ()) -> Iterator[Row | Unusable]:
    """Rows under the header's names. A row with more or fewer columns than the header is unusable.

    The delimiter is the one of , ; tab | that the header holds most often, and only " quotes: csv.Sniffer takes the
    apostrophes of headlines for quotes.
    """
    lines = Lines(text)
    try:
        header_line = next((line for line in lines if not line.isspace()), "")
        delimiter = max(",;\t|", key=header_line.count)
        header = next(csv.reader([header_line], delimiter=delimiter, strict=True), [])
    except (LineTooLong, csv.Error) as error:
        raise HeaderError(f"the CSV header can't be read: {reason(error)}") from error
    if len(set(header)) != len(header):
        raise HeaderError(f"the CSV header names a column twice: {', '.join(header)}")
    if missing := [name for name in required if name not in header]:
        raise HeaderError(
            f"no column {missing[0]!r} in the header; it has {', '.join(header)}; name yours by --text, --id or --at"
        )
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        first = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (LineTooLong, csv.Error) as error:
            upto = f" (to line {lines.number})" if lines.number > first else ""
            yield Unusable(first, reason(error) + upto)
            continue
        if len(cells) == len(header):
            yield Row(first, dict(zip(header, cells, strict=True)))
        elif cells and (len(cells) > 1 or cells[0].strip()):
            yield Unusable(first, f"got {len(cells)} columns, the header has {len(header)}")


def reason(error: Exception) -> str:
    """An error of a parser in words that hold nothing of the text."""
    if isinstance(error, UnicodeEncodeError):
        return "not UTF-8; name the file's encoding by --encoding"
    if isinstance(error, RecursionError):
        return "JSON nested too deep"
    if isinstance(error, csv.Error) and ("unexpected end" in str(error) or "field limit" in str(error)):
        return 'a quote (") that is never closed'
    return str(error)
