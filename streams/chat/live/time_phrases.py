"""Finds what a question says of time, and the canonical window it means (times.py). Pure.

question -> folded -> every rule's matches -> those that overlap no longer one -> windows
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from streams.chat.live.days import DAY_WORDS, SURE_MONTH
from streams.news.folding import fold

OTHERWISE = re.compile(r"\b(?:before|after|by|until|till|next|every|each|except) $")
"""What right before a phrase makes another time of it, or none."""
TIMELY = re.compile(
    rf"\b(?:{DAY_WORDS}|{SURE_MONTH}|since|until|till|ago|tomorrow|weekends?|(?<!the )minutes?|hours?|weeks?|months?"
    r"|(?<!these )days|quarters?|years?|decades?|\d ?[ap]m|\d\d:\d\d|\d+/\d+|half|mid|early"
    r"|(?:end|start|beginning) of(?! the tunnel)"
    r"|(?:19|20)\d\d|q[1-4](?! (?:earnings|results?|reports?|numbers|figures|profits?)))\b"
)
"""Words that are hardly ever said without a time being meant."""


class TimePhrase(NamedTuple):
    """Characters [start, end) of the question, and the window they mean."""

    start: int
    end: int
    window: str


def find(question: str, now: datetime, zone: tzinfo) -> list[TimePhrase]:
    """Every phrase, in the order of the text; of those that overlap the longest."""
    folded, local = fold(question), now.astimezone(zone).replace(tzinfo=None)
    found: list[tuple[int, int, str]] = []
    for faint in (False, True):
        matches = sorted(matched(folded.text, local, faint), key=lambda each: (each[0] - each[1], each[0]))
        for start, end, window in matches if not (faint and found) else ():
            if all(end <= other[0] or start >= other[1] for other in found):
                found.append((start, end, window))
    return [TimePhrase(folded.starts[start], folded.ends[end - 1], window) for start, end, window in sorted(found)]


def matched(text: str, now: datetime, faint: bool) -> Iterator[tuple[int, int, str]]:
    from streams.chat.live.time_rules import RULES  # they take a while to compile: no worker's start waits for them

    for rule in RULES:
        if rule.faint == faint:
            for match in rule.pattern.finditer(text):
                start, end = match.span("phrase" if "phrase" in rule.pattern.groupindex else 0)
                if not OTHERWISE.search(text, max(0, start - 8), start) and (window := rule.made(match, now)):
                    yield start, end, window


def unread(question: str, found: Sequence[TimePhrase]) -> bool:
    """Whether something more is said of time than was found: who answers all the same answers another question."""
    folded = fold(question)
    for match in TIMELY.finditer(folded.text):
        start, end = folded.starts[match.start()], folded.ends[match.end() - 1]
        if all(end <= phrase.start or start >= phrase.end for phrase in found):
            return True
    return False
