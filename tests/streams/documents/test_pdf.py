"""PDFs become paragraphs with their pages; broken, encrypted and scanned ones are refused with a remedy."""

import io
from collections.abc import Callable

import pytest
from pypdf import PdfReader, PdfWriter

from models.errors import InputError
from streams.documents.pdf import paragraphs, read_pdf, repeated_lines
from tests.support.pdf import pdf

LINES = [
    "A parcel that was lost on its way is paid back within ten wor-",
    "king days. Send us a message with the",
    "number.",
]


def locked(raw: bytes, user: str) -> bytes:
    writer, out = PdfWriter(clone_from=PdfReader(io.BytesIO(raw))), io.BytesIO()
    writer.encrypt(user, "owner", algorithm="RC4-128")
    writer.write(out)
    return out.getvalue()


def test_lines_become_paragraphs_and_divided_words_whole() -> None:
    found = read_pdf(pdf([LINES], "Parcels"), "x.pdf")
    assert found.title == "Parcels"
    assert found.text == (
        "A parcel that was lost on its way is paid back within ten working days. Send us a message with the number."
    )
    assert [each.text for each in found.outline] == ["page 1"]


def test_a_sentence_goes_on_over_the_page_and_each_page_has_its_place() -> None:
    found = read_pdf(pdf([["It begins here and"], ["goes on there."], ["New one."]]), "x.pdf")
    assert found.text == "It begins here and goes on there.\n\nNew one."
    assert [(each.text, found.text[each.start :][:4]) for each in found.outline] == [
        ("page 1", "It b"),
        ("page 2", "goes"),
        ("page 3", "New "),
    ]


def test_what_stands_on_most_pages_is_left_out() -> None:
    pages = [["ACME Terms", f"Paragraph about {word}.", f"Page {n} of 5"] for n, word in enumerate("abcde", 1)]
    found = read_pdf(pdf(pages), "x.pdf").text
    assert "ACME" not in found
    assert "Page" not in found
    assert found.count("Paragraph about") == 5
    assert repeated_lines(["same"] * 3) == set()


def test_a_paragraph_ends_where_a_short_line_ends_a_sentence() -> None:
    lines = [
        "This is a line that goes to the margin of it",
        "and ends.",
        "The next paragraph begins with this line here",
    ]
    assert paragraphs(lines) == "\n".join([" ".join(lines[:2]), lines[2]])


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: b"%PDF-1.7\n" + b"nonsense" * 50, "broken PDF"),
        (lambda: b"", "broken PDF"),
        (lambda: b"not a PDF at all", "broken PDF"),
        (lambda: locked(pdf([LINES]), "secret"), "encrypted, and wants a password; save it without one"),
        (lambda: pdf([[], []]), r"2 pages without text, scanned maybe; run text recognition \(OCR\)"),
    ],
    ids=["nonsense", "empty", "no PDF", "encrypted", "scanned"],
)
def test_a_pdf_that_can_not_be_read_is_refused_with_a_remedy(made: Callable[[], bytes], said: str) -> None:
    with pytest.raises(InputError, match=rf"x\.pdf: .*{said}"):
        read_pdf(made(), "x.pdf")


def test_a_pdf_without_a_password_for_readers_is_read() -> None:
    assert "parcel" in read_pdf(locked(pdf([LINES]), ""), "x.pdf").text


def test_a_pdf_damaged_anywhere_is_read_or_refused() -> None:
    whole = pdf([LINES, LINES])
    for place in range(0, len(whole), 7):
        for damaged in (whole[:place], whole[:place] + b"/Kids[2 0 R]<<" + whole[place + 14 :]):
            try:
                assert read_pdf(damaged, "x.pdf").text
            except InputError as refused:
                assert str(refused).startswith("x.pdf: ")
