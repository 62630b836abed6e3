"""Training texts of the text -> instruction model, made of phrasings.toml; a pattern says what is right.

pattern -> wording -> names and times put in -> as people type it -> linked (placeholders) -> a row with a label a head
"""

import random
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from streams.chat.live.instruction import ARGUMENTS
from streams.chat.live.instructions import OPCODES
from streams.chat.live.patterns import Choice, parse, realize
from streams.news.watchlist import EXACT, Entity

PHRASINGS = Path(__file__).with_name("phrasings.toml")
NONE, SAME = "NONE", "SAME"
HEADS: dict[str, tuple[str, ...]] = {
    "operation": (NONE, *OPCODES, SAME),
    "sentiment": ("none", *ARGUMENTS["sentiment"].values),
    "of": ("none", *ARGUMENTS["of"].values),
    "by": ARGUMENTS["by"].values,
    "severity": ("none", *ARGUMENTS["severity"].values),
    "open": ("no", *ARGUMENTS["open"].values),
    "one": ("no", "yes"),
    "follow_up": ("no", "yes"),
    "unread": ("no", "yes"),
}
"""What the model says of a text. SAME: what was asked before, of something else. `one`: a single one is wanted.
`unread`: something was said that no instruction can hold.
"""
TAKEN: dict[str, tuple[str, ...]] = {
    "COUNT": ("sentiment",), "SENTIMENT": (), "TREND": (), "COMPARE": (), "RANK": ("of", "by", "one"),
    "HEADLINES": ("sentiment",), "EXPLAIN": (), "ALERTS": ("of", "severity", "open"), SAME: ("sentiment",),
}  # fmt: skip
"""Operation -> the heads that count for it, beside `follow_up` and `unread`."""
SPLITS = {"test": 0.03, "dev": 0.08}  # by pattern: what is measured are phrasings that were not learned
TYPO_SHARE, LOWER_SHARE, CAPITALS_SHARE = 0.08, 0.45, 0.02
SLOT = re.compile("\x01([^\x02]*)\x02")
SPACES = re.compile(r"\s+")
SPACE_BEFORE = re.compile(r"\s+(?=[,.?!])")
IMPERATIVE = re.compile(
    r"(?:show|list|give|display|pull|get|fetch|bring|find|print|read|send|dig|line|hand|compare|count|tally|add|total|rank"
    r"|order|sort|name|explain|clarify|justify|plot|draw|chart|graph|track|follow|trace|summarize|describe|check|measure"
    r"|put|set|place|stack|contrast|tell|update|brief|catch|fill|break|sum|characterize|gauge|walk)\b"
)


class Made(NamedTuple):
    """A text as somebody may type it. `labels` has the heads that are known of it; `links` the kinds of what was put
    in, to be found by linkers; `pattern` is where it comes from.
    """

    text: str
    labels: Mapping[str, str]
    links: tuple[str, ...]
    pattern: str


class Subjects(NamedTuple):
    """What streams are called; sectors also as their companies, "banks", and one of these, "bank"."""

    entities: Sequence[str]
    topics: Sequence[str]
    sectors: Sequence[str]
    members: Sequence[str]
    member: Sequence[str]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A line of the file, and what it says of every text made of it."""

    line: str
    section: str
    choice: Choice
    labels: Mapping[str, str] = field(default_factory=dict)


class Phrasings:
    """The file: words to put in, and patterns by section."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.words: dict[str, Choice] = {}
        for name, words in raw["words"].items():
            self.words |= {name: parse(f"({words})")} if isinstance(words, str) else {}
        self.openers = {name: words.split("|") for name, words in raw["words"]["openers"].items()}
        self.sentiment = {name: words.split("|") for name, words in raw["sentiment"].items()}
        self.by = {by: {kind: words.split("|") for kind, words in kinds.items()} for by, kinds in raw["by"].items()}
        self.strangers, self.past = (raw["strangers"][name].split("|") for name in ("names", "times"))
        self.times = {name: words.split("|") for name, words in raw["times"].items()}
        self.patterns = [
            pattern
            for section in (*OPCODES, SAME, "FOLLOW", "UNREAD", NONE)
            for kind, lines in raw[section].items()
            for pattern in patterns_of(section, kind, lines)
        ]


def patterns_of(section: str, kind: str, lines: str) -> Iterator[Pattern]:
    for line in lines.strip().splitlines():
        wording, _, said = line.partition(" => ")
        labels = dict(item.split("=") for item in said.split())
        yield Pattern(line, section, parse(wording), {**labels_of(section, kind), **labels})


def labels_of(section: str, kind: str) -> dict[str, str]:
    """What a section says of all its lines; `kind` is what RANK calls its parts."""
    if section == NONE:
        return {"operation": NONE}
    if section == "UNREAD":
        return {"unread": "yes"}
    labels = {"follow_up": "yes" if section in (SAME, "FOLLOW") else "no", "unread": "no"}
    if section != "FOLLOW":
        labels["operation"] = section
    if section == "RANK":
        labels["one"] = "yes" if kind.endswith("one") else "no"
        labels["of"] = next(of for of in HEADS["of"] if of in kind)
    return labels


@cache
def shipped() -> Phrasings:
    return Phrasings(tomllib.loads(PHRASINGS.read_text(encoding="utf-8")))


def made(subjects: Subjects, seed: int, per_pattern: int, phrasings: Phrasings | None = None) -> Iterator[Made]:
    """So many texts a pattern, those that come twice left out; the same for the same seed."""
    phrasings = phrasings or shipped()
    seen: set[str] = set()
    for pattern in phrasings.patterns:
        rng = random.Random(f"{seed} {pattern.section} {pattern.line}")
        for _ in range(per_pattern):
            one = Wording(phrasings, subjects, rng).of(pattern)
            if one.text and one.text.casefold() not in seen:
                seen.add(one.text.casefold())
                yield one


class Wording:
    """One text being made: words that set a label are of one kind throughout."""

    def __init__(self, phrasings: Phrasings, subjects: Subjects, rng: random.Random) -> None:
        self._words, self._subjects, self._rng = phrasings, subjects, rng
        self._sentiment = rng.choice(("negative", "positive", "neutral"))
        self._by = rng.choice(list(phrasings.by))
        self._said: dict[str, str] = {}
        self._used: set[str] = set()
        self._links: list[str] = []
        self._slots: dict[str, Callable[[], str]] = {
            "stream": self._stream, "entity": self._entity, "topic": lambda: self._new("topic", subjects.topics),
            "sector": lambda: self._new("sector", subjects.sectors),
            "members": lambda: self._new("sector", subjects.members),
            "member": lambda: self._new("sector", subjects.member),
            "entities": lambda: self._several("and"), "or_entities": lambda: self._several("or"),
            "when": lambda: self._new("time", phrasings.times["when"]),
            "days": lambda: self._new("time", phrasings.times["days"]),
            "day": lambda: self._new("time", phrasings.times["day"]), "number": lambda: self._new("n", NUMBERS),
            "stranger": lambda: self._new("", phrasings.strangers), "past": lambda: self._new("", phrasings.past),
        }  # fmt: skip
        self._labelled: dict[str, tuple[str, Callable[[], str]]] = {
            "bad": ("sentiment", self._bad), "worst": ("by", lambda: self._of_by("adjectives")),
            "did_worst": ("by", lambda: self._of_by("verbs")), "gained": ("by", lambda: self._of_by("nouns")),
            "gainer": ("by", lambda: self._of_by("noun")),
            "rank_key": ("by", lambda: self._of_by("keys")),
        }  # fmt: skip

    def of(self, pattern: Pattern) -> Made:
        self._by = pattern.labels.get("by", self._by)
        self._sentiment = pattern.labels.get("sentiment", self._sentiment)
        text = self.dressed(self._real(pattern.choice), pattern.section)
        links = tuple(kind for kind in self._links if kind)
        return Made(text, self._labels(pattern), links, f"{pattern.section} {pattern.line}")

    def _labels(self, pattern: Pattern) -> dict[str, str]:
        """Of the heads that count for the operation; what nobody said is their first label."""
        labels = {**self._said, **pattern.labels}
        if "operation" not in labels:
            return {"unread": labels["unread"]}
        wanted = TAKEN.get(labels["operation"])
        if wanted is None:
            return {"operation": labels["operation"]}
        return {name: labels.get(name, HEADS[name][0]) for name in ("operation", *wanted, "follow_up", "unread")}

    def _real(self, choice: Choice) -> str:
        return realize(choice, self._rng, self._named)

    def _named(self, name: str) -> str:
        if name in self._slots:
            return f"\x01{self._slots[name]()}\x02"
        if name in self._labelled:
            head, words = self._labelled[name]
            self._said[head] = self._sentiment if head == "sentiment" else self._by
            return words()
        return self._real(self._words.words[name])

    def _new(self, kind: str, values: Sequence[str]) -> str:
        """One that the text does not have yet."""
        value = self._rng.choice([each for each in values if each not in self._used] or values)
        self._used.add(value)
        self._links.append(kind)
        return value

    def _entity(self) -> str:
        return self._new("entity", self._subjects.entities)

    def _stream(self) -> str:
        kind = self._rng.random()
        if kind < 0.6:
            return self._entity()
        return self._slots["topic" if kind < 0.8 else "sector"]()

    def _several(self, joint: str) -> str:
        many = [self._entity() for _ in range(3 if self._rng.random() < 0.2 else 2)]
        return f"{', '.join(many[:-1])} {joint} {many[-1]}"

    def _bad(self) -> str:
        words: list[str] = self._words.sentiment[self._sentiment]
        return self._rng.choice(words)

    def _of_by(self, kind: str) -> str:
        words: list[str] = self._words.by[self._by][kind]
        return self._rng.choice(words)

    def dressed(self, wording: str, section: str) -> str:
        """As people write: with an opening, a closing, a slip of the finger, in lower case, without a question mark."""
        rng, openers = self._rng, self._words.openers
        text = SPACE_BEFORE.sub("", SPACES.sub(" ", wording)).strip()
        if rng.random() < (0.15 if section in (NONE, SAME, "FOLLOW") else 0.45):
            text = f"{self._opening(text, openers)} {text}"
        if rng.random() < 0.12:
            text += rng.choice((", ", " ")) + self._real(self._words.words["please"])
        if rng.random() < TYPO_SHARE:
            text = with_typo(text, rng)
        text = SLOT.sub(lambda match: match[1], text)
        return cased(text, rng) + rng.choice(("?", "?", "?", "", "", "", ".", "??", "!", " ?"))

    def _opening(self, text: str, openers: Mapping[str, list[str]]) -> str:
        rng = self._rng
        if rng.random() < 0.15:
            return rng.choice(openers["clause"]) + rng.choice((":", ",", ", so", " -"))
        kind = "imperative" if IMPERATIVE.match(text) else "question"
        opening = rng.choice(openers[kind if rng.random() < 0.6 else "any"])
        if rng.random() < 0.1:
            opening = f"{rng.choice(openers['any'])} {opening}"
        return opening + rng.choice(("", "", ",", ":") if kind == "question" else ("", "", ""))


NUMBERS = ("3", "three", "5", "five", "10", "ten", "2", "two", "7", "4", "four", "20", "six", "8", "15", "twenty")


def cased(text: str, rng: random.Random) -> str:
    chance = rng.random()
    if chance < LOWER_SHARE:
        return text.lower()
    if chance < LOWER_SHARE + CAPITALS_SHARE:
        return text.upper()
    return text[:1].upper() + text[1:]


def with_typo(text: str, rng: random.Random) -> str:
    """One slip in a word of four letters or more, never within what was put in."""
    words = text.split(" ")
    inside, places = False, []
    for n, word in enumerate(words):
        inside = inside or "\x01" in word
        if not inside and len(word) >= 4 and word.isalpha():
            places.append(n)
        inside = inside and "\x02" not in word
    if not places:
        return text
    n = rng.choice(places)
    word, at = words[n], rng.randrange(1, len(words[n]) - 1)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    words[n] = rng.choice((word[:at] + word[at + 1 :], swapped, word[:at] + word[at] + word[at:]))
    return " ".join(words)


def split_of(pattern: str) -> str:
    """A pattern's texts are all in one split."""
    share = int.from_bytes(sha256(pattern.encode()).digest()[:6], "big") / 2**48
    for split, upto in (("test", SPLITS["test"]), ("dev", SPLITS["test"] + SPLITS["dev"])):
        if share < upto:
            return split
    return "train"


class Row(NamedTuple):
    """A training text as the model will see it: masked."""

    text: str
    labels: Mapping[str, str]
    split: str


def rows(texts: Iterable[Made], mask: Callable[[str], tuple[str, Counter[str]]]) -> tuple[list[Row], list[Made]]:
    """Each masked text once, and the texts in which linkers missed what was put in: they would teach what is wrong.

    `mask` says the masked text and how many links of each kind there are.
    """
    found: dict[str, Row] = {}
    missed = []
    for one in texts:
        text, links = mask(one.text)
        if Counter(one.links) - links:
            missed.append(one)
        else:
            found.setdefault(text.casefold(), Row(text, one.labels, split_of(one.pattern)))
    return list(found.values()), missed


def subjects_of(entities: Iterable[Entity], aliases: Mapping[str, Mapping[str, Sequence[str]]]) -> Subjects:
    """What streams are called by a watchlist and by linkers' aliases; companies of a sector with the word for them."""
    topics = [name for label, names in aliases["topics"].items() for name in (label, *names) if "|" not in name]
    called = [name for label, names in aliases["sectors"].items() for name in (label, *names)]
    of_one = [name for name in called if f"{name}s" in called]
    adjectives = [
        name for name in (*called, *aliases["before_companies"]) if name != "words" and not name.endswith("s")
    ]
    return Subjects(
        entities=[spelling for entity in entities for spelling in plain(entity)],
        topics=topics,
        sectors=called,
        members=[f"{name}s" for name in of_one] * 3
        + [f"{name} {word}" for name in adjectives for word in ("companies", "stocks", "firms")],
        member=of_one * 3 + [f"{name} {word}" for name in adjectives for word in ("company", "stock", "firm")],
    )


def plain(entity: Entity) -> Iterator[str]:
    """Its name, and a few of the words for it that can't be taken for others."""
    yield entity.name
    yield from (alias for alias in entity.aliases[:3] if not alias.startswith(EXACT))
