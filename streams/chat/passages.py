"""A document's text -> passages a reader can take in: cut between sentences, never across a heading, offsets exact.

text + outline -> sections (the headings over them) -> sentences -> passages of about 100 to 180 English words
"""

import hashlib
import itertools
import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from markdown_it import MarkdownIt

from streams.records import Passage

Kind = Literal["txt", "md"]
"""How headings are told from text: by their looks, or as Markdown says."""

CUT = "1"  # raise it when documents are cut otherwise: their digests change, so that they are sent again
MOST_TOKENS = 230  # of a passage, about: beside it a question fits the reader's window of 384
LEAST_TOKENS = 40  # a shorter rest goes with what is before it
HEADING_CHARS, HEADING_WORDS = 70, 10  # a longer line of a plain text is no heading
HEADINGS = 6  # kept of those over each other
HEADING_KEPT_CHARS = 200

PIECES = re.compile(r"[぀-ヿ㐀-鿿가-힯]|[^\W぀-ヿ㐀-鿿가-힯]{1,7}|[^\w\s]|\s{8}")
"""About what a tokenizer of subwords makes of a text: an ideograph, up to seven letters, a sign. Blanks in a row count
too, as this is what bounds a passage's length."""

BLANK_LINES = re.compile(r"\n[ \t\f\v]*(?:\n[ \t\f\v]*)+")
SENTENCE_ENDS = re.compile(
    r"(?<!\b[A-Za-z])(?<!\b(?:Mr|Ms|Dr|St|vs|No|cf))(?<!\b(?:Mrs|e\.g|i\.e|etc|z\.B|bzw))[.!?…][\"'”’»)\]]*\s+(?=[^\sa-z])"
    r"|[。！？]\s*"
    r"|\n[ \t]*(?=(?:[-*+•|]|\d{1,3}[.)])[ \t])"
)
UNDERLINED = re.compile(r"^(?P<text>[^\n]+)\n(?P<line>={3,}|-{3,})[ \t]*$", re.MULTILINE)
FRONT_MATTER = re.compile(r"\A---\n.*?^(?:---|\.\.\.)[ \t]*\n", re.DOTALL | re.MULTILINE)

_markdown = MarkdownIt("commonmark").disable("inline")


class Heading(NamedTuple):
    """Characters [start, end) of a text that name what follows. An empty one (a page's) names, but does not part."""

    start: int
    end: int
    level: int
    text: str


class Section(NamedTuple):
    """Text under one heading; `heading` is the way down to it, outermost first."""

    heading: tuple[str, ...]
    start: int
    end: int


class Piece(NamedTuple):
    """A sentence, or what is no longer one; `ends` its paragraph."""

    start: int
    end: int
    tokens: int
    ends: bool


def passages_of(
    document: str, title: str, text: str, kind: Kind, added_at: datetime, outline: Sequence[Heading] | None = None
) -> list[Passage]:
    """All passages of a document in their order, the same for the same text; none of a text that is blank.

    `outline`: its headings, for who knows them; else they are looked for as `kind` says.
    """
    headings = list(outline) if outline is not None else headings_of(text, kind)
    places = places_of(text, sections_of(text, headings))
    if not places:  # nothing but headings: better those than nothing
        places = places_of(text, [Section((), 0, len(text))])
    digest = digest_of(title, text)
    return [
        Passage(
            id=f"{document}#{n}",
            document=document,
            title=title,
            n=n,
            passages=len(places),
            heading=list(heading_at(headings, start) or heading),
            text=text[start:end],
            start=start,
            end=end,
            digest=digest,
            added_at=added_at,
        )
        for n, (heading, start, end) in enumerate(places)
    ]


def digest_of(title: str, text: str) -> str:
    """Equal for equal documents, cut the same way."""
    said = "\0".join((CUT, title, text)).encode("utf-8", "surrogatepass")
    return hashlib.sha256(said).hexdigest()[:32]


def headings_of(text: str, kind: Kind) -> list[Heading]:
    """The headings of a text, in their order."""
    return markdown_headings(text) if kind == "md" else plain_headings(text)


def markdown_headings(text: str) -> list[Heading]:
    """As CommonMark has them, those of quotes and lists left out; front matter is one without a name."""
    front = FRONT_MATTER.match(text)
    skipped = front.end() if front else 0
    found = [Heading(0, skipped, 1, "")] if front else []
    body = text[skipped:]
    starts = [0, *(match.end() for match in re.finditer("\n", body)), len(body)]
    tokens = _markdown.parse(body)
    for opening, inline in itertools.pairwise(tokens):
        if opening.type == "heading_open" and opening.level == 0 and opening.map:
            first, after = opening.map
            end = min(starts[min(after, len(starts) - 1)], len(body))
            name = re.sub(r"[*_`]|\[([^\]]*)\]\([^)]*\)", r"\1", inline.content)
            found.append(Heading(skipped + starts[first], skipped + end, int(opening.tag[1:]), one_line(name)))
    return found


def plain_headings(text: str) -> list[Heading]:
    """Lines that are underlined, or short, alone and without a full stop, with more text below them."""
    found = [
        Heading(match.start(), match.end(), 1 if match["line"][0] == "=" else 2, one_line(match["text"]))
        for match in UNDERLINED.finditer(text)
    ]
    taken = {heading.start for heading in found}
    blocks = list(paragraphs(text, 0, len(text)))
    for (start, end), (below, below_end) in itertools.pairwise(blocks):
        line = text[start:end]
        if start not in taken and below_end - below > end - start and looks_like_heading(line):
            found.append(Heading(start, end, 3, one_line(line)))
    return sorted(found)


def looks_like_heading(line: str) -> bool:
    return (
        len(line) <= HEADING_CHARS
        and "\n" not in line
        and len(line.split()) <= HEADING_WORDS
        and (line[0].isupper() or line[0].isdigit())
        and line[-1] not in ".,;:!?…。！？|"
    )


def one_line(text: str) -> str:
    return " ".join(text.split())[:HEADING_KEPT_CHARS]


def sections_of(text: str, headings: Sequence[Heading]) -> Iterator[Section]:
    """The stretches between headings that part."""
    way: list[Heading] = []
    start = 0
    for heading in headings:
        if heading.end > heading.start:
            yield Section(names(way), start, heading.start)
            way = [above for above in way if above.level < heading.level]
            if heading.text:
                way.append(heading)
            start = heading.end
    yield Section(names(way), start, len(text))


def names(way: Iterable[Heading]) -> tuple[str, ...]:
    return tuple(heading.text for heading in way)[:HEADINGS]


def heading_at(headings: Sequence[Heading], place: int) -> tuple[str, ...] | None:
    """The last heading at or before a place, if it is one that does not part."""
    n = bisect_right(headings, place, key=lambda heading: heading.start)
    return (headings[n - 1].text,) if n and headings[n - 1].start == headings[n - 1].end else None


def places_of(text: str, sections: Iterable[Section]) -> list[tuple[tuple[str, ...], int, int]]:
    """Heading, start and end of each passage."""
    return [
        (section.heading, packed[0].start, packed[-1].end)
        for section in sections
        for packed in pack(list(pieces(text, section.start, section.end)))
    ]


def pack(found: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Neighbors together, about as many to each passage, ends of paragraphs preferred."""
    total = sum(piece.tokens for piece in found)
    share = total / max(1, math.ceil(total / MOST_TOKENS))
    packed: list[Piece] = []
    held, left = 0, total
    for piece in found:
        if packed and held + piece.tokens > MOST_TOKENS:
            yield packed
            packed, held = [], 0
        packed.append(piece)
        held += piece.tokens
        left -= piece.tokens
        if left >= LEAST_TOKENS and held >= share * (0.8 if piece.ends else 1.0):
            yield packed
            packed, held = [], 0
    if packed:
        yield packed


def pieces(text: str, start: int, end: int) -> Iterator[Piece]:
    """The sentences of [start, end), without the blanks around them, none longer than a passage may be."""
    for first, last in paragraphs(text, start, end):
        cuts = [first, *(match.end() for match in SENTENCE_ENDS.finditer(text, first, last)), last]
        places = [stripped(text, a, b) for a, b in itertools.pairwise(cuts)]
        whole = [place for a, b in places if a < b for place in short_enough(text, a, b)]
        for a, b in whole:
            yield Piece(a, b, tokens_in(text[a:b]), b == whole[-1][1])


def paragraphs(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """What stands between blank lines."""
    cuts = [start, *itertools.chain.from_iterable(m.span() for m in BLANK_LINES.finditer(text, start, end)), end]
    for a, b in zip(cuts[::2], cuts[1::2], strict=True):
        a, b = stripped(text, a, b)
        if a < b:
            yield a, b


def stripped(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip())


def short_enough(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A sentence as it is, or what it takes of equal parts: cut before words where there are any."""
    marks = [match.start() for match in PIECES.finditer(text, start, end)]
    size = math.ceil(len(marks) / math.ceil(len(marks) / MOST_TOKENS)) if marks else 0
    a, n = start, size
    while n < len(marks):
        mark = marks[n]
        blank = max(text.rfind(" ", a, mark), text.rfind("\n", a, mark))
        b = blank if blank > a + (mark - a) // 2 else mark
        yield stripped(text, a, b)
        a, n = b, bisect_left(marks, b) + size
    yield stripped(text, a, end)


def tokens_in(text: str) -> int:
    """About how many tokens a model reads of a text; rather too many than too few."""
    return sum(1 for _ in PIECES.finditer(text))
