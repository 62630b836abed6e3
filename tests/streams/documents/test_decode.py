"""A text is read in the encoding it is in: by its mark, its own word, as UTF-8, or as it looks."""

import pytest

from models.errors import InputError
from streams.documents.decode import decode

GERMAN = "Für die Überweisung fällt keine Gebühr an. Grüße aus Köln und München, schöne Straße.\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_a_text_is_told_without_being_told(encoding: str) -> None:
    assert decode((GERMAN * 5).encode(encoding), "x") == GERMAN * 5


def test_html_may_say_it_itself_but_a_word_that_is_wrong_or_unknown_is_not_believed() -> None:
    page = "<meta charset='{}'><p>Łódź, Kraków</p>"
    assert "Łódź" in decode(page.format("iso-8859-2").encode("iso-8859-2"), "x", says_so=True)
    for wrong in ("ascii", "nonsense", "base64", "utf-16"):
        assert "Łódź" in decode(page.format(wrong).encode(), "x", says_so=True)


def test_an_encoding_that_was_given_is_strict() -> None:
    assert decode("é".encode("cp1252"), "x", "cp1252") == "é"
    with pytest.raises(InputError, match=r"x: not utf-8: .* at byte 0"):
        decode(b"\xff\xfe\xfa", "x", "utf-8")
    with pytest.raises(InputError, match="no encoding is called 'utf-9'"):
        decode(b"x", "x", "utf-9")


def test_line_ends_are_newlines() -> None:
    assert decode(b"a\r\nb\rc\n", "x") == "a\nb\nc\n"
