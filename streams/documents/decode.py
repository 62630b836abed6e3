"""Bytes of a text file -> text: by its mark, by what it says of itself, as UTF-8, or else as they look most like."""

import codecs
import re

from charset_normalizer import from_bytes

from models.errors import InputError

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16's, which begins alike
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SAID = re.compile(
    rb"<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE
)
SAID_WITHIN, LOOKED_AT = 4096, 65_536  # bytes
REMEDY = "say which by --encoding"


def decode(raw: bytes, name: str, encoding: str | None = None, says_so: bool = False) -> str:
    """The text, every line ended by a newline alone. `says_so`: a file that may name its encoding itself, as HTML does.

    Raises InputError for what is no text, or not in `encoding`.
    """
    text = text_of(raw, name, encoding, says_so)
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def text_of(raw: bytes, name: str, encoding: str | None, says_so: bool) -> str:
    if encoding:
        return strictly(raw, name, encoding)
    for mark, marked in MARKS:
        if raw.startswith(mark):
            return strictly(raw, name, marked)
    if b"\0" in raw[:LOOKED_AT]:
        raise InputError(f"{name}: not a text: it has zero bytes; if it is one in UTF-16 or UTF-32, {REMEDY}")
    said = SAID.search(raw[:SAID_WITHIN]) if says_so else None
    for tried in (known(said[1].decode()) if said else None, "utf-8"):
        if tried:
            try:
                return raw.decode(tried)
            except UnicodeDecodeError:
                continue
    looks = from_bytes(raw[:LOOKED_AT]).best()
    if looks is None:
        raise InputError(f"{name}: neither UTF-8 nor in an encoding that can be told; save it as UTF-8, or {REMEDY}")
    return raw.decode(looks.encoding, "replace")


def strictly(raw: bytes, name: str, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except LookupError:
        raise InputError(f"{name}: no encoding is called {encoding!r}; utf-8, cp1252, utf-16 are some") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: not {encoding}: {error.reason} at byte {error.start:,}; {REMEDY}") from None


def known(encoding: str) -> str | None:
    """An encoding's name in Python; None for one it does not have, and for one whose name could not be read in it."""
    try:
        return codecs.lookup(encoding).name if b"<".decode(encoding) == "<" else None
    except (LookupError, UnicodeDecodeError):
        return None
