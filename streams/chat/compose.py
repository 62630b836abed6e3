"""An answer's words out of what was found: the sentence that holds a span, as it stands in its document. Pure."""

import re
from collections.abc import Sequence

from streams.records import Passage

QUOTE_CHARS = 400
NO_ENDS = re.compile(
    r"(?<!\w)(?:[a-z]|dr|mrs?|ms|prof|sr|jr|st|no|vs|etc|approx|dept|inc|ltd|co|corp|e\.g|i\.e|p\.m|a\.m|u\.s|fig|sec)$",
    re.IGNORECASE,
)
END = re.compile(r"[.!?…][\"'”’)\]]*(?=\s)|[。！？]|\n\s*\n|\n(?=\s*[-*•\d])")


def sentence_of(text: str, start: int, end: int, most: int = QUOTE_CHARS) -> tuple[int, int]:
    """Characters [start, end) of the sentence around a span; of a longer one what surrounds the span, by words."""
    ends = [match.end() for match in END.finditer(text) if ends_a_sentence(text, match.start(), match.end())]
    first = max((at for at in ends if at <= start), default=0)
    last = min((at for at in ends if at >= end), default=len(text))
    first, last = stripped(text, first, last)
    return (first, last) if last - first <= most else around(text, start, end, first, last, most)


def ends_a_sentence(text: str, dot: int, after: int) -> bool:
    """Whether a match of END is one: not after "Dr." or an initial, and only before what may begin a sentence."""
    if text[dot] != ".":
        return True
    return NO_ENDS.search(text[max(0, dot - 12) : dot]) is None and not text[after : after + 3].strip()[:1].islower()


def around(text: str, start: int, end: int, first: int, last: int, most: int) -> tuple[int, int]:
    """`most` characters of [first, last) with the span in their middle, cut between words; never less than the span."""
    room = max(0, most - (end - start)) // 2
    low, high = max(first, start - room), min(last, end + room)
    if low > first:
        low = min(start, max(text.find(" ", low, start), low - 1) + 1)
    if high < last:
        cut = text.rfind(" ", end, high)
        high = cut if cut > 0 else end
    return stripped(text, low, high)


def stripped(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end].rstrip()
    return start + len(part) - len(part.lstrip()), start + len(part)


def quoted(passage: Passage, start: int, end: int) -> str:
    """The sentence that holds the passage's characters [start, end), and where it stands."""
    first, last = sentence_of(passage.text, start, end)
    quote = " ".join(passage.text[first:last].split())
    return f"“{quote}” ({' › '.join(place(passage))})"


def place(passage: Passage) -> list[str]:
    """Title and headings; a heading that only repeats the title is left out."""
    return [passage.title, *(heading for heading in passage.heading if heading != passage.title)]


def listed(texts: Sequence[str]) -> str:
    """Several answers as a numbered list; one as it is."""
    return texts[0] if len(texts) == 1 else "\n".join(f"{n}. {text}" for n, text in enumerate(texts, 1))
