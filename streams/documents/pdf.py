"""PDF -> its text and where each page begins. Lines become paragraphs again; what stands on most pages is left out."""

import io
import logging
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pypdf import PdfReader
from pypdf.errors import DependencyError

from models.errors import InputError
from streams.chat.passages import Heading, one_line

REPEATED_PAGES = 4  # fewer don't show what repeats
FULL_LINE = 0.75  # of a page's longest line: a shorter one that ends a sentence ends its paragraph


class Pages(NamedTuple):
    title: str
    text: str
    outline: list[Heading]


def read_pdf(raw: bytes, name: str) -> Pages:
    """The title is "" without one. Raises InputError for what is broken, encrypted, or pictures of text only."""
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it warns of each flaw that it mends
    try:
        title, found = title_and_pages(raw, name)
    except InputError:
        raise
    except DependencyError:
        raise InputError(f"{name}: encrypted; save it unprotected, or 'pip install cryptography' to read it") from None
    except Exception as error:  # noqa: BLE001 - pypdf trips in any way there is over a file that lies about itself
        raise InputError(f"{name}: a broken PDF ({type(error).__name__}: {error}); print it to a new PDF") from None
    if not any(text.strip() for text in found):
        raise InputError(
            f"{name}: {len(found)} pages without text, scanned maybe; run text recognition (OCR) on it first"
        )
    return laid_out(title, [text.replace("\0", "") for text in found])


def title_and_pages(raw: bytes, name: str) -> tuple[str, list[str]]:
    reader = PdfReader(io.BytesIO(raw))
    if reader.is_encrypted and not reader.decrypt(""):
        raise InputError(f"{name}: encrypted, and wants a password; save it without one")
    title = reader.metadata.title if reader.metadata else None
    return one_line(str(title or "")), [page.extract_text() for page in reader.pages]


def laid_out(title: str, pages: Sequence[str]) -> Pages:
    """Pages apart by blank lines, each begun by an empty heading, so that a sentence may go on over the page."""
    repeated = repeated_lines(pages)
    text, outline = "", list[Heading]()
    for number, page in enumerate(pages, 1):
        shown = paragraphs(line for line in page.splitlines() if without_digits(line) not in repeated)
        if shown:
            goes_on = text and text[-1] not in '.!?…:。！？"”)' and shown[0].islower()
            text += "" if not text else " " if goes_on else "\n\n"
            outline.append(Heading(len(text), len(text), 1, f"page {number}"))
            text += shown
    return Pages(title, text, outline)


def repeated_lines(pages: Sequence[str]) -> set[str]:
    """First and last lines, page numbers aside, that more than half of the pages have."""
    if len(pages) < REPEATED_PAGES:
        return set()
    seen: Counter[str] = Counter()
    for page in pages:
        lines = [line for line in page.splitlines() if line.strip()]
        seen.update({without_digits(line) for line in (*lines[:2], *lines[-2:])})
    return {line for line, count in seen.items() if count > len(pages) / 2}


def without_digits(line: str) -> str:
    return re.sub(r"\d+", "0", " ".join(line.split()))


def paragraphs(lines: Iterable[str]) -> str:
    """Lines joined to paragraphs, words put together again that a line's end divided."""
    kept = [" ".join(line.split()) for line in lines]
    longest = max(map(len, kept), default=0)
    text = ""
    for before, line in zip(["", *kept], kept, strict=False):
        if not line:
            text = text.rstrip() + "\n\n" if text else ""
        elif text.endswith("-") and line[0].islower() and len(before) > 2 and before[-2].isalpha():
            text = text[:-1] + line
        else:
            ended = len(before) < FULL_LINE * longest and before[-1:] in ".!?…:。！？"
            apart = "\n" if ended or (before and len(before) < longest / 2) else " "
            text += line if not text or text.endswith("\n") else apart + line
    return text.strip()
