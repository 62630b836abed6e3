"""Questions that go on from what a conversation is about: told by their looks, and completed. Pure."""

import re

from streams.chat.turns import Part

FOLLOW_UP_WORDS = 6  # more than that and it says itself what it asks
REFERRING_WORDS = 12
AND = re.compile(r"^(?:(?:ok(?:ay)?|so|oh|but|aber)\b[\s,]*)*(?:and|or|und|oder)\b[\s,]*", re.IGNORECASE)
WHAT_ABOUT = re.compile(
    r"^(?:(?:ok(?:ay)?|so|oh|but|and|or|then|aber|und|oder)\b[\s,]*)*"
    r"(?:(?:what|how) (?:about|of|if)|(?:the )?same for|was ist mit|wie ist es mit)\b[\s,]*",
    re.IGNORECASE,
)
REFERS = re.compile(
    r"\b(?:it|its|that|this|these|those|they|them|one|ones|es|das|davon|dafür|damit|darauf)\b", re.IGNORECASE
)
QUESTION = re.compile(
    r"^(?:how|why|when|where|who|which|what|can|could|do|does|did|is|are|will|would|should|i|my|please)\b",
    re.IGNORECASE,
)


def completed(text: str, subject: str | None) -> Part:
    """A question that stands alone. "And abroad?" asks the same again of something else; "does it cost anything?" asks
    more about the subject, perhaps: a short question that refers to something may refer to that."""
    if subject is None:
        return Part(text, text)
    about = subject.rstrip(" ?!.")
    if rest := follow_up_in(text.strip()):
        return Part(replaced(about, rest) or f"{about}, {rest}", text, "again")
    if REFERS.search(text) and len(text.split()) <= REFERRING_WORDS:
        return Part(f"{about}. {text}", text, "more")
    return Part(text, text)


def follow_up_in(text: str) -> str:
    """What stands in the place of something in the question before; empty where that is asked anew."""
    lead = WHAT_ABOUT.match(text) or AND.match(text)
    rest = text[lead.end() :] if lead else ""
    anew = lead is not None and lead.re is AND and QUESTION.match(rest)
    return "" if anew or len(rest.split()) > FOLLOW_UP_WORDS else rest


def replaced(about: str, rest: str) -> str:
    """The subject with `rest` for what it stands for, "the Acorn account" for "the Hazel account": as many words, the
    first one the same; empty where there is no such place."""
    told, words = rest.rstrip(" ?!.").split(), about.split()
    for at in range(len(words) - len(told) + 1 if len(told) > 1 else 0):
        if words[at].lower() == told[0].lower():
            return " ".join([*words[:at], *told, *words[at + len(told) :]])
    return ""
