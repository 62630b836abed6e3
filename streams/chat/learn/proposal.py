"""Proposed intents: made of groups of pairs, written for a person to edit and approve, read back as answers.

The file is a template file (docs/templates.md) with `approved` in each table; taken are those where it is true.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.errors import SettingsError
from streams.chat.learn.pairs import Pair

APPROVED = "approved"
MOST_EXAMPLES = 40
MOST_OTHERS = 3  # replies shown beside the best
NAME_WORDS = 3
MASKED = re.compile(r"\[(?:card|iban|e-mail|phone|name)\]")
DETAIL = re.compile(
    MASKED.pattern + r"|\b\d{1,2}(?:st|nd|rd|th)\b|\b(?:today|tomorrow|yesterday|this (?:morning|"
    r"week))\b|\b(?:Mr|Ms|Mrs|Herr|Frau)\.? [A-Z]|\b(?:January|February|March|April|May|June|July|August|September|"
    r"October|November|December) \d|\b20\d\d\b",
)  # fmt: skip
WORD = re.compile(r"[^\W\d_]{3,}")
STOP = frozenset(
    """about again all already also and any anything are back been but can cannot could did didn does doesn done don for
    from get gets give going got had hand has have haven hello her here him his how into isn its just know let like
    make many may more much must need never new not nothing now off one only our out over own please see send she
    should since some something still sure take tell than thank that the their them then there these they thing this
    those too use very want was way well were what when where which while who why will with would you your ago after
    before week weeks day days today because
    der die das und ist mein meine ich wie was wo kann habe nicht ein eine auf mit von zu""".split()  # noqa: SIM905
)
HEAD = """\
# Proposed out of {source}. Read each answer and correct it: a customer will get just these
# words. Personal data was masked as far as rules find it: look for names. Then set approved = true for what is right,
# delete or leave the rest, and train:
#
#     gretchen chat train {folder} --out BOT
#
# Rename an intent by its [name]; join two by moving the examples of one into the other. More examples are better:
# other words for the same wish, as customers write them.
"""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An intent. `support`: conversations' questions behind it; `others`: replies beside the best one; `notes` are for
    the person who approves."""

    name: str
    answer: str
    examples: tuple[str, ...]
    support: int
    others: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    approved: bool = False


@dataclass(slots=True)
class Names:
    """Gives every intent a name of its own."""

    taken: set[str] = field(default_factory=set)

    def give(self, wanted: str) -> str:
        name = re.sub(r"[^a-z0-9_]+", "_", wanted.lower()).strip("_")[:60]
        name = name if name[:1].isalpha() else f"intent_{name}".rstrip("_")
        n, free = 2, name
        while free in self.taken:
            free, n = f"{name}_{n}", n + 1
        self.taken.add(free)
        return free


def name_of(texts: Sequence[str], everywhere: Counter[str]) -> str:
    """The words that these texts have and others have not, the most telling first; `everywhere`: word -> texts."""
    here = words_in(texts)
    scored = {word: n * n / everywhere[word] for word, n in here.items() if n > 1 or len(texts) < 3}
    best = set(sorted(scored, key=lambda word: (-scored[word], word))[:NAME_WORDS])
    spoken = [word.lower() for text in texts for word in WORD.findall(unmasked(text))]
    return "_".join(word for word in dict.fromkeys(spoken) if word in best) or "intent"


def words_in(texts: Sequence[str]) -> Counter[str]:
    """Word -> how many of the texts have it."""
    return Counter(
        word for text in texts for word in {each.lower() for each in WORD.findall(unmasked(text))} if word not in STOP
    )


def unmasked(text: str) -> str:
    """Without what was masked."""
    return MASKED.sub(" ", text)


def plain(text: str) -> str:
    """Without braces, which would be a slot's; a person writes those."""
    return text.replace("{", "(").replace("}", ")")


def handicap(reply: str) -> float:
    """How little a reply suits as a template: it speaks of one customer's day, or is very short."""
    return 0.4 * min(2, len(DETAIL.findall(reply))) + (0.2 if len(reply) < 40 else 0.0)


def proposal_of(
    members: Sequence[Pair], best: Pair, name: str, shipped: Sequence[str] = (), near: Sequence[str] = ()
) -> Proposal:
    """Of a group. `shipped`: intents that the model which answers now takes most of its questions for; `near`: other
    proposals that its questions are like."""
    examples = tuple(dict.fromkeys(pair.question for pair in members))[:MOST_EXAMPLES]
    others = tuple(dict.fromkeys(pair.reply for pair in members if pair.reply != best.reply))[:MOST_OTHERS]
    notes = []
    if found := sorted({match[0] for match in DETAIL.finditer(best.reply)}):
        notes.append(f"the answer speaks of one customer's case: {', '.join(found)}")
    if shipped:
        notes.append(f"answered today as {', '.join(shipped)}")
    if near:
        notes.append(f"near to {', '.join(near)}: join them if they mean the same")
    return Proposal(name, plain(best.reply), examples, len(members), others, tuple(notes))


def written(proposals: Sequence[Proposal], source: str, folder: str) -> str:
    """The file."""
    return HEAD.format(source=source, folder=folder) + "".join(map(table_of, proposals))


def table_of(one: Proposal) -> str:
    lines = ["", f"# {one.support} question{'s' if one.support != 1 else ''}"]
    lines += [f"# {note}" for note in one.notes]
    lines += [f"[{one.name}]", f"{APPROVED} = {'true' if one.approved else 'false'}", f"answer = {quoted(one.answer)}"]
    lines += [f"# or: {' '.join(other.split())}" for other in one.others]
    lines += ["examples = [", *(f"  {quoted(example)}," for example in one.examples), "]", ""]
    return "\n".join(lines)


def quoted(text: str) -> str:
    """A TOML string on one line."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\u{ord(match[0]):04x}", plain) + '"'


def approved_in(text: str, where: str) -> dict[str, Mapping[str, Any]]:
    """The tables that were approved, without that key. Raises SettingsError."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{where}: not a TOML file: {error}; is a quote not closed, or an [intent] there twice?"
        ) from None
    taken: dict[str, Mapping[str, Any]] = {}
    for name, table in tables.items():
        if not isinstance(table, dict) or not isinstance(table.get(APPROVED, False), bool):
            raise SettingsError(f"{where}: [{name}]: wanted a table with approved = true or false")
        if table.get(APPROVED, False):
            taken[name] = {key: value for key, value in table.items() if key != APPROVED}
    if not taken:
        raise SettingsError(
            f"{where}: none of {len(tables)} proposed intents is approved; set approved = true for those that are right"
        )
    return taken


def as_toml(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Template tables as a file: what belongs to an intent itself first, then its own tables."""
    lines: list[str] = []

    def tell(path: str, table: Mapping[str, Any]) -> None:
        lines.append(f"[{path}]")
        lines.extend(
            f"{key_of(key)} = {value_of(value)}" for key, value in table.items() if not isinstance(value, dict)
        )
        lines.append("")
        for key, value in table.items():
            if isinstance(value, dict):
                tell(f"{path}.{key_of(key)}", value)

    for name, table in tables.items():
        tell(key_of(name), table)
    return "\n".join(lines)


def key_of(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else quoted(key)


def value_of(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(value_of, value)) + "]"
    return quoted(value) if isinstance(value, str) else str(value).lower()
