"""HTML -> the text a reader sees, with its headings. Nothing is run or fetched; scripts and styles are left out.

Each block is put between marks of our own before the text is taken, so that blocks and only blocks end lines.
"""

import re
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser

from streams.chat.passages import Heading, one_line

UNREAD = (
    "script, style, noscript, template, svg, math, iframe, object, embed, canvas, audio, video, nav, select, [hidden]"
)
PARAGRAPHS = (
    "p, div, section, article, main, header, footer, aside, ul, ol, dl, table, blockquote, pre, figure, form, details,"
    " address, hr"
)
LINES = "li, tr, dt, dd, caption, figcaption, summary, legend, label, option"
BREAK, LINE, HEADING = "\ue000", "\ue001", "\ue002"  # of Unicode's private use: no page means them
MARKS = re.compile("[\ue000-\ue002]")


class Page(NamedTuple):
    title: str
    text: str
    outline: list[Heading]


def read_html(source: str) -> Page:
    """The title is "" without one."""
    tree = LexborHTMLParser(MARKS.sub(" ", source))
    named = tree.css_first("title")
    title = one_line(named.text()) if named else ""
    body = tree.body
    if body is None:
        return Page(title, "", [])
    for node in body.css(UNREAD):
        node.decompose()
    for wanted, mark in ((PARAGRAPHS, BREAK), (LINES, LINE)):
        for node in body.css(wanted):
            node.insert_before(mark)
            node.insert_after(mark)
    for node in body.css("br"):
        node.insert_before(LINE)
    for node in body.css("td + td, th + td, td + th, th + th"):
        node.insert_before(" | ")
    for level in range(1, 7):
        for node in body.css(f"h{level}"):
            node.insert_before(f"{BREAK}{HEADING}{level}")
            node.insert_after(BREAK)
    return laid_out(title, body.text())


def laid_out(title: str, marked: str) -> Page:
    """Blocks apart by blank lines, blanks as a browser shows them."""
    text, outline, length = [], list[Heading](), 0
    for block in marked.split(BREAK):
        level = int(block[1]) if block.startswith(HEADING) else 0
        lines = (" ".join(line.split()) for line in block[2 if level else 0 :].replace(HEADING, "").split(LINE))
        shown = (" " if level else "\n").join(line for line in lines if line)
        if not shown:
            continue
        if level:
            outline.append(Heading(length, length + len(shown), level, one_line(shown)))
        text.append(shown)
        length += len(shown) + 2
    return Page(title or next((heading.text for heading in outline), ""), "\n\n".join(text), outline)
