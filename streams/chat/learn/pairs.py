"""Questions with the replies that solved them. Rules that rather lose a pair than make a wrong one.

question ─> (the agent asks back ─> more is told)* ─> reply ─> thanks, or something else: solved
                                                           └─> "still nothing": the next reply solves it instead
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from streams.chat import small_talk
from streams.chat.learn.conversations import Line
from streams.chat.privacy import mask

FEWEST_WORDS = 3  # of a question
FEWEST_REPLY_WORDS = 5
STALLING_WORDS = 14
ASKING_WORDS = 25  # a longer reply that ends in a question has answered, too
STALLING = re.compile(
    r"\b(?:moment|let me (?:look|check|see)|one second|please (?:wait|hold)|bear with me|just a minute|"
    r"i(?:'ll| will) (?:look|check)|einen augenblick|ich schaue)\b",
    re.IGNORECASE,
)
UNSOLVED = re.compile(
    r"\b(?:still (?:no|not|nothing|the same|doesn|can)\w*|nothing (?:happens|helps)|already did|did (?:all )?"
    r"that|doesn['’]?t (?:work|help|show)|not (?:working|there|possible)|same (?:error|problem)|"
    r"didn['’]?t (?:work|help)|immer noch|geht nicht)\b",
    re.IGNORECASE,
)
NAMED = r"(?:\[name\]|[A-ZÀ-Þ][\w'’-]+)(?: (?:\[name\]|[A-ZÀ-Þ][\w'’-]+)){0,2}"
ASIDE = re.compile(r"^(?:(?:lol|haha|sorry|my bad|no problem|how awful|oh no|oh dear)\b[\s,.!]*)+", re.IGNORECASE)
INTRODUCTION = re.compile(rf"^(?:(?:[Tt]his is|I am|I['’]m|[Mm]y name is|[Mm]y name['’]s|[Hh]ier ist|[Mm]ein Name ist)"
                          rf" {NAMED}(?: (?:speaking|here))?(?:\s*[.,;!]|$| and ))\s*")  # fmt: skip
ADDRESS = re.compile(rf"^(?:(?:[Dd]ear )?(?:Mr|Ms|Mrs|Miss|Dr|Mx|Herr|Frau)\.? {NAMED}|\[name\])\s*[.,;!:–-]*\s*")
SIGNATURE = re.compile(rf",? (?:you(?:'re| are) (?:talking|speaking) (?:to|with)|my name is) {NAMED}[.!]?")
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Pair:
    """Both masked, without greetings."""

    conversation: str
    question: str
    reply: str


def pairs_of(conversations: Iterable[tuple[str, Sequence[Line]]], dropped: Counter[str]) -> list[Pair]:
    """All pairs; turns that are in none are counted in `dropped` by the reason."""
    found: list[Pair] = []
    for name, lines in conversations:
        pairs = list(pairs_in(name, lines, dropped))
        if not pairs:
            dropped["of a conversation without a question and its reply"] += len(lines)
        found += pairs
    return found


def pairs_in(name: str, lines: Sequence[Line], dropped: Counter[str]) -> Iterator[Pair]:
    """Of one conversation, in its order."""
    question = reply = ""
    for line in lines:
        said = substance(line.text)
        words = len(WORD.findall(said))
        if line.role == "agent":
            if not question or is_talk(line.text, said, FEWEST_REPLY_WORDS) or asks_back(said):
                dropped["an agent's greeting, question or stalling"] += 1
            else:
                reply = said
        elif reply and UNSOLVED.search(said):
            reply = ""  # what comes next solves it, or nothing does
        elif is_talk(line.text, said, FEWEST_WORDS):
            dropped["a customer's greeting, thanks or noise"] += 1
            if reply:
                yield Pair(name, question, reply)
                question = reply = ""
        elif reply:
            yield Pair(name, question, reply)
            question, reply = (said, "") if is_question(said) else ("", "")
            dropped["said after the reply"] += not question
        elif not question or (words > 2 * len(WORD.findall(question)) and is_question(said)):
            question = said  # the first one, unless it was a mere beginning
        else:
            dropped["told when the agent asked back"] += 1
    if question and reply:
        yield Pair(name, question, reply)
    elif question:
        dropped["a question that nobody solved"] += 1


def substance(text: str) -> str:
    """Masked, without greetings, introductions and forms of address around it."""
    said = small_talk.without(mask(text))
    for pattern in (ASIDE, INTRODUCTION, ADDRESS):
        said = small_talk.without(pattern.sub("", said))
    return SIGNATURE.sub("", said).strip()


def is_talk(text: str, said: str, fewest: int) -> bool:
    """Whether a turn is a greeting, thanks, a face, or too short to be about something."""
    return small_talk.of(text) is not None or len(WORD.findall(said)) < fewest


def asks_back(said: str) -> bool:
    """An agent's "may I have your address?", or "one moment, please"."""
    words = len(WORD.findall(said))
    return (said.endswith("?") and words < ASKING_WORDS) or (
        words < STALLING_WORDS and STALLING.search(said) is not None
    )


def is_question(said: str) -> bool:
    return "?" in said or len(WORD.findall(said)) >= 8
