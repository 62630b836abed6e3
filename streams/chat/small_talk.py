"""What needs no answer looked up: greetings, thanks, the wish for a person. Rules that rather miss one than err.

Only a message that is nothing else is small talk; but the wish for a person counts wherever it stands.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["greeting", "thanks", "goodbye", "acknowledged", "who_are_you", "frustration", "wants_person", "emoji"]

MOST_CHARS = 2_000  # of a message that are looked at
KEYS: dict[Kind, str] = {"greeting": "welcome", "frustration": "sorry"}
SAYS = tomllib.loads(Path(__file__).with_name("small_talk.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class SmallTalk:
    """`rest`: what a wish for a person is about, as far as it was said."""

    kind: Kind
    rest: str = ""

    @property
    def phrase(self) -> str:
        """The key of the sentence that answers it, for Templates.say."""
        return KEYS.get(self.kind, self.kind)


def pattern_of(phrases: str) -> str:
    """Any one of the phrases, of which there is one a line."""
    for name in re.findall(r"<([a-z]+)>", phrases):
        phrases = phrases.replace(f"<{name}>", SAYS["parts"][name])
    if re.search(r"<[a-z]+>", phrases):  # parts are made of parts
        return pattern_of(phrases)
    grouped = re.sub(r"(?<!\\)\((?!\?)", "(?:", phrases)
    spaced = grouped.replace("'", "['’´`]?").replace(" ?", r"\s*").replace(" ", r"\s+")
    return "|".join(f"(?:{line})" for line in spaced.split("\n") if line)


def one_of(*names: str) -> str:
    """What says one of these kinds, as a word of its own."""
    said = "|".join(pattern_of(SAYS[name]) for name in names)
    east = "|".join(pattern_of(SAYS["east"][name]) for name in names if name in SAYS["east"])
    return rf"(?:(?:{said})(?![\w’'-]){f'|{east}' if east else ''})"


IGNORED = r"[^\w\[¿]"  # between phrases: spaces, punctuation, emoji; a [card] is a word
POLITE = re.compile(rf"(?:{pattern_of(SAYS['polite'])})(?!\w)", re.IGNORECASE)
WISH = re.compile(rf"(?<!\w){one_of('person')}", re.IGNORECASE)
NEGATED = re.compile(rf"(?:{pattern_of(SAYS['negated'])})(?:\s+\w+){{0,3}}\s*$", re.IGNORECASE)
ALONE: tuple[tuple[Kind, re.Pattern[str]], ...] = (  # these are all that a message says, politely or not
    ("wants_person", re.compile(one_of("person_alone"), re.IGNORECASE)),
    ("who_are_you", re.compile(one_of("who_are_you"), re.IGNORECASE)),
    ("frustration", re.compile(one_of("frustration"), re.IGNORECASE)),
)
KINDS: tuple[Kind, ...] = ("goodbye", "thanks", "acknowledged", "greeting")  # of several the first is answered
OPENS = re.compile(rf"(?:{one_of('greeting')}|{one_of('thanks')}|{one_of('opener')})", re.IGNORECASE)
"""May be followed by a question at once; all others by a comma at least."""
CLOSES = rf"(?={IGNORED}*(?:$|{OPENS.pattern})|\s*[^\w\s'’-])"
PIECES = [(kind, re.compile(one_of(kind), re.IGNORECASE)) for kind in KINDS]
PIECE = re.compile(rf"{OPENS.pattern}|{one_of('lead_in', *KINDS)}{CLOSES}", re.IGNORECASE)
LINK = re.compile(rf"(?:{pattern_of(SAYS['link'])})(?!\w){IGNORED}*", re.IGNORECASE)
ENDING = re.compile(rf"{IGNORED}+(?:{one_of('thanks', 'goodbye')}){IGNORED}*$", re.IGNORECASE)
ABOUT = re.compile(rf"(?:{pattern_of(SAYS['about'])})(?!\w)", re.IGNORECASE)
LAST_CLAUSE = re.compile(r"(?:^|(?<=[.!?;,]))[^.!?;,]*$")
FIRST = re.compile(r"[\w\[¿]")
FACES: dict[Kind, str] = {"frustration": "😡🤬👎😠😤🖕", "thanks": "🙏", "acknowledged": "👍👌😀😃😄😊🙂😁❤💚🎉✅💯"}


def of(text: str) -> SmallTalk | None:
    """What kind of small talk a message is; None if there is a question, or anything else, in it."""
    said = text.strip()[:MOST_CHARS]
    if not re.search(r"\w", said):
        return faces(said)
    kinds, rest = pieces(said)
    if not rest:
        return SmallTalk(next((kind for kind in KINDS if kind in kinds), "greeting"))
    if kind := next((kind for kind, pattern in ALONE if says_only(rest, pattern)), None):
        return SmallTalk(kind)
    return None if (wish := wish_in(said)) is None else SmallTalk("wants_person", wish)


def without(text: str) -> str:
    """The message without greetings and thanks around what it is about; empty if it is about nothing."""
    head = text.strip()
    _, rest = pieces(head[:MOST_CHARS])
    rest += head[MOST_CHARS:]
    while rest and (ending := ENDING.search(rest[-200:])):
        rest = rest[: len(rest) - len(rest[-200:]) + ending.start()] + mark_after(rest[-200:], ending.start())
    return rest.strip()


def mark_after(text: str, start: int) -> str:
    """The question mark that an ending was set apart with."""
    return text[start] if text[start] in "?.!" else ""


def pieces(text: str) -> tuple[set[Kind], str]:
    """The small talk that a text begins with, and the rest of it."""
    kinds: set[Kind] = set()
    at, began = after_gap(text, 0), False
    while at < len(text) and (piece := PIECE.match(text, at)):
        kinds |= {kind for kind, pattern in PIECES if pattern.fullmatch(piece[0])}
        at, began = after_gap(text, piece.end()), True
        if link := LINK.match(text, at):
            at = link.end()
    return kinds, text[at:] if began else text


def says_only(text: str, pattern: re.Pattern[str]) -> bool:
    """Whether a text is made of such phrases; a phrase at a time, as one pattern of them all could take for ever."""
    at, said = after_gap(text, 0), False
    while at < len(text):
        if phrase := pattern.match(text, at):
            said = True
        elif not (phrase := POLITE.match(text, at)):
            return False
        at = after_gap(text, phrase.end())
    return said


def after_gap(text: str, at: int) -> int:
    """Where the next word begins."""
    first = FIRST.search(text, at)
    return first.start() if first else len(text)


def wish_in(text: str) -> str | None:
    """What somebody wants a person for, "" if they don't tell; None if they want none."""
    for wish in WISH.finditer(text):
        if not NEGATED.search(text[max(0, wish.start() - 60) : wish.start()]):
            before = LAST_CLAUSE.sub("", text[: wish.start()]).strip(" ,;.!")
            after = ABOUT.sub("", text[wish.end() :].lstrip(" ,;.!?"), count=1).strip(" ,;.!?")
            return pieces(" ".join(filter(None, (before, after))))[1]
    return None


def faces(text: str) -> SmallTalk | None:
    """Of a message without a word: what its emoji say; None for punctuation only."""
    for kind, of_kind in FACES.items():
        if any(face in text for face in of_kind):
            return SmallTalk(kind)
    return SmallTalk("emoji") if any(ord(char) > 0x2190 for char in text) else None
