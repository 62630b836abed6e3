"""Files of every format to rows, each with its line, and what is wrong with a file."""

import csv
import gzip
import io
import json
import string
from collections.abc import Sequence
from pathlib import Path

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import InputError
from streams.sources.files import MAX_LINE_CHARS, Format, Row, Unusable, open_source

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def rows(
    path: Path, content: bytes, format: Format | None = None, encoding: str | None = None, required: Sequence[str] = ()
) -> list[Row | Unusable]:
    path.write_bytes(content)
    with open_source(str(path), format, encoding) as source:
        return list(source.rows(required))


def test_jsonl_rows_have_their_lines_and_blank_ones_are_no_rows(tmp_path: Path) -> None:
    got = rows(tmp_path / "a.jsonl", b'{"text": "one"}\n\n  \n{"text": "two"}')
    assert got == [Row(1, {"text": "one"}), Row(4, {"text": "two"})]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "truncated"),
        (b"not json", "malformed"),
        (b'{"a": NaN}', "malformed"),
        (b"[1]", "JSON list"),
        (b'"text"', "JSON str"),
        (b"null", "NoneType"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": "\\ud800 x"}', "truncated"),  # as msgspec puts it
        (b"[" * 100_000, "nested"),
        (b'{"a": "' + b"x" * MAX_LINE_CHARS + b'"}', "more than 1,000,000 characters"),
    ],
)
def test_bad_json_line_is_unusable_and_the_next_is_read(tmp_path: Path, line: bytes, reason: str) -> None:
    bad, good = rows(tmp_path / "a.jsonl", line + b'\n{"text": "two"}\n')
    assert isinstance(bad, Unusable) and bad.line == 1
    assert reason in bad.reason and "x" * 50 not in bad.reason
    assert good == Row(2, {"text": "two"})


def test_lines_are_texts(tmp_path: Path) -> None:
    got = rows(tmp_path / "a.txt", "Oil slips\r\n\r\n  Gold rises  \nZw\u00f6lf\u2028eins".encode())
    assert got == [
        Row(1, {"text": "Oil slips"}),
        Row(3, {"text": "Gold rises"}),
        Row(4, {"text": "Zw\u00f6lf\u2028eins"}),
    ]


def test_line_too_long_is_unusable(tmp_path: Path) -> None:
    bad, good = rows(tmp_path / "a.txt", b"x" * (3 * MAX_LINE_CHARS) + b"\nOil slips\n")
    assert isinstance(bad, Unusable) and bad.line == 1
    assert good == Row(2, {"text": "Oil slips"})


def test_csv_keeps_quoted_commas_newlines_and_odd_apostrophes(tmp_path: Path) -> None:
    content = b"""id,Title\n1,"Kelmar's, and Orrin's"\n2,'Buy' says "Orrin\n3,"two\nlines ""quoted\"""\n4,it's\n"""
    got = rows(tmp_path / "a.csv", content)
    assert got == [
        Row(2, {"id": "1", "Title": "Kelmar's, and Orrin's"}),
        Row(3, {"id": "2", "Title": "'Buy' says \"Orrin"}),
        Row(4, {"id": "3", "Title": 'two\nlines "quoted"'}),
        Row(6, {"id": "4", "Title": "it's"}),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    content = f"id{delimiter}text{delimiter}at\n1{delimiter}Oil, slips; now{delimiter}x\n".replace(
        "Oil, slips; now", '"Oil, slips; now"'
    )
    (row,) = rows(tmp_path / "a.csv", content.encode())
    assert row == Row(2, {"id": "1", "text": "Oil, slips; now", "at": "x"})


def test_csv_of_one_column_needs_no_delimiter(tmp_path: Path) -> None:
    assert rows(tmp_path / "a.csv", b"text\nOil slips\n\nGold\n") == [
        Row(2, {"text": "Oil slips"}),
        Row(4, {"text": "Gold"}),
    ]


def test_csv_row_with_other_columns_is_unusable(tmp_path: Path) -> None:
    few, many, good = rows(tmp_path / "a.csv", b"id,text\n1\n2,Oil, slips\n3,Gold\n")
    assert few == Unusable(2, "got 1 columns, the header has 2")
    assert many == Unusable(3, "got 3 columns, the header has 2")
    assert good == Row(4, {"id": "3", "text": "Gold"})


def test_csv_quote_left_open_is_told_with_the_lines_it_took(tmp_path: Path) -> None:
    (bad,) = rows(tmp_path / "a.csv", b'id,text\n1,"never closed\n2,Oil\n')
    assert bad == Unusable(2, 'a quote (") that is never closed (to line 3)')


def test_csv_quote_left_open_takes_no_more_than_the_field_limit(tmp_path: Path) -> None:
    content = b'id,text\n1,"never closed\n' + b"2,Oil slips\n" * 30_000
    bad, *rest = rows(tmp_path / "a.csv", content)
    assert isinstance(bad, Unusable) and bad.line == 2 and "never closed (to line" in bad.reason
    assert len(rest) > 15_000 and all(isinstance(row, Row) for row in rest)


def test_csv_without_the_column_names_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.csv: no column 'Titel' in the header; it has id, Title;"):
        rows(tmp_path / "a.csv", b"id,Title\n1,Oil\n", required=["Titel"])


@pytest.mark.parametrize("content", [b"", b"\n\n", b"id,text\n"])
def test_csv_without_rows_has_none(tmp_path: Path, content: bytes) -> None:
    assert rows(tmp_path / "a.csv", content) == []


def test_csv_header_with_a_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="twice"):
        rows(tmp_path / "a.csv", b"text,text\n1,2\n")


@same_folder
@given(st.lists(st.tuples(TEXT, TEXT), max_size=8), st.sampled_from(",;\t|"))
def test_csv_that_was_written_is_read_back(tmp_path: Path, written: list[tuple[str, str]], delimiter: str) -> None:
    content = io.StringIO(newline="")
    writer = csv.writer(content, delimiter=delimiter)
    writer.writerows([("id", "text"), *written])
    got = rows(tmp_path / "a.csv", content.getvalue().encode())
    assert got == [Row(got[i].line, {"id": a, "text": b}) for i, (a, b) in enumerate(written)]
    assert sorted({row.line for row in got}) == [row.line for row in got]


@same_folder
@given(
    st.lists(
        st.dictionaries(
            st.text(string.ascii_letters, min_size=1), TEXT | st.integers(-(2**53), 2**53) | st.none(), max_size=4
        )
    )
)
def test_jsonl_that_was_written_is_read_back(tmp_path: Path, written: list[dict[str, object]]) -> None:
    content = "".join(json.dumps(row, ensure_ascii=bool(i % 2)) + "\n" for i, row in enumerate(written))
    assert rows(tmp_path / "a.jsonl", content.encode()) == [Row(i + 1, row) for i, row in enumerate(written)]


@same_folder
@given(content=st.binary(max_size=400), format=st.sampled_from(["jsonl", "csv", "lines"]))
def test_any_bytes_are_rows_or_unusable_or_one_line(tmp_path: Path, content: bytes, format: Format) -> None:
    try:
        got = rows(tmp_path / "a", content, format)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert all(isinstance(row, Row | Unusable) for row in got)


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv"])
def test_gzip_is_recognized_by_its_bytes_and_changes_no_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"id,text\n1,Oil\n"))
    with open_source(str(path)) as source:
        assert (source.name, list(source.rows())) == ("a.csv", [Row(2, {"id": "1", "text": "Oil"})])
        assert source.position() == source.size_bytes == path.stat().st_size


def test_gzip_cut_short_gives_what_is_there_then_one_line(tmp_path: Path) -> None:
    lines = b"".join(b'{"text": "Oil slips %d"}\n' % (i * 7919) for i in range(5000))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines)[:-2000])
    got = []
    with pytest.raises(InputError, match="ends early"), open_source(str(tmp_path / "a.jsonl.gz")) as source:
        for row in source.rows():
            got.append(row)
    assert len(got) > 100


@pytest.mark.parametrize(
    ("encoding", "given"), [("utf-8-sig", None), ("utf-16", None), ("latin-1", "latin-1"), ("cp1252", "cp1252")]
)
def test_encodings(tmp_path: Path, encoding: str, given: str | None) -> None:
    (row,) = rows(tmp_path / "a.csv", "id,text\n1,Zw\u00f6lf\n".encode(encoding), encoding=given)
    assert row == Row(2, {"id": "1", "text": "Zw\u00f6lf"})


def test_encoding_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="latin-1"):
        rows(tmp_path / "a.csv", b"text\n", encoding="klingon")


def test_format_is_guessed_from_the_name_or_the_first_byte(tmp_path: Path) -> None:
    assert rows(tmp_path / "a.TSV", b"id\ttext\n1\tOil\n") == [Row(2, {"id": "1", "text": "Oil"})]
    assert rows(tmp_path / "nameless", b'{"text": "Oil"}') == [Row(1, {"text": "Oil"})]
    with pytest.raises(click.UsageError, match="--format"):
        rows(tmp_path / "nameless", b"Oil slips")


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_file_that_cannot_be_opened_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="give the path of a readable file"):
        open_source(str(tmp_path / name))
