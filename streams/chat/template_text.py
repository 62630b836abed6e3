"""Templates from their TOML (docs/templates.md): every mistake with its file and intent, all of them at once."""

import difflib
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.errors import SettingsError
from streams.chat.template import ENGLISH, PLACEHOLDER, Slot, Template, Templates, Texts, pick

PHRASES_FILE = "_phrases.toml"
BUILT_IN = Path(__file__).with_name("phrases.toml")
PHRASES: dict[str, frozenset[str]] = {  # key -> what may stand in {} in it
    "welcome": frozenset(),
    "thanks": frozenset(),
    "goodbye": frozenset(),
    "who_are_you": frozenset(),
    "acknowledged": frozenset(),  # after "ok, great"
    "sorry": frozenset(),  # after an insult
    "emoji": frozenset(),  # after a message without words
    "unsure": frozenset(),  # asks for other words
    "unsure_part": frozenset({"question"}),  # of a message of which the rest was answered
    "clarify": frozenset(),  # asks which of the options is meant
    "neither": frozenset(),  # the last option
    "other_language": frozenset({"languages"}),  # nothing is answered in the customer's language
    "slot_again": frozenset({"ask"}),  # the reply to a slot's question did not tell
    "handover": frozenset(),  # not understood: a person takes over
    "wants_person": frozenset(),  # a person takes over because the customer asked
    "with_person": frozenset(),  # said while a person has the conversation
    "closed": frozenset(),  # the person is done
}
KEYS = ("examples", "answer", "slots", "actions", "follow_up")
SLOT_KEYS = ("ask", "default", "choices", "pattern")
LANGUAGE = re.compile(r"[a-z]{2,3}")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
MOST_MISTAKES = 20

Table = Mapping[str, Any]


@dataclass
class Place:
    """Where something stands in the files; what is wrong there is noted with it."""

    file: str
    intent: str
    language: str
    mistakes: list[str] = field(default_factory=list)

    def wrong(self, what: str) -> None:
        self.mistakes.append(f"{self.file}: {self.intent}{': ' if self.intent else ''}{what}")


def read_templates(files: Mapping[str, str], folder: str = "templates") -> Templates:
    """The templates of a folder's files, name -> TOML text. Raises SettingsError that tells all mistakes."""
    mistakes: list[str] = []
    tables = {name: parsed(f"{folder}/{name}", text, mistakes) for name, text in sorted(files.items())}
    built_in = tomllib.loads(BUILT_IN.read_text(encoding="utf-8"))
    own = dict(tables.pop(PHRASES_FILE, {}))
    language = language_of(f"{folder}/{PHRASES_FILE}", own.pop("language", ENGLISH), mistakes)
    phrases = phrases_of(Place(str(BUILT_IN), "", ENGLISH, mistakes), built_in)
    phrases |= phrases_of(Place(f"{folder}/{PHRASES_FILE}", "", language, mistakes), own)
    if strange := sorted(name for name in tables if name.startswith("_")):
        mistakes.append(f"{folder}/{strange[0]}: a file that begins with _ holds no intents; wanted {PHRASES_FILE}")
    written = {f"{folder}/{name}": table for name, table in tables.items() if not name.startswith("_")}
    templates = templates_of(written, phrases, language, mistakes)
    if not templates.answers and not mistakes:
        mistakes.append(f"{folder} holds no answers; wanted .toml files with [intent] tables, see docs/templates.md")
    if mistakes:
        left = len(mistakes) - MOST_MISTAKES
        raise SettingsError("\n".join([*mistakes[:MOST_MISTAKES], *([f"… and {left} more"] if left > 0 else [])]))
    return templates


def parsed(path: str, text: str, mistakes: list[str]) -> Table:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        mistakes.append(f"{path}: {error}")
        return {}


def language_of(path: str, value: object, mistakes: list[str]) -> str:
    if isinstance(value, str) and LANGUAGE.fullmatch(value):
        return value
    mistakes.append(f'{path}: language: got {value!r}, wanted a code as "en" or "de"')
    return ENGLISH


def phrases_of(place: Place, table: Table) -> dict[str, Texts]:
    phrases: dict[str, Texts] = {}
    for key, value in table.items():
        if key not in PHRASES:
            place.wrong(f"unknown phrase {key!r}; wanted one of {', '.join(PHRASES)}")
        elif texts := texts_of(place, key, value):
            for text in texts.values():
                holes(place, key, text, PHRASES[key], "known in this phrase")
            phrases[key] = texts
    return phrases


def templates_of(
    files: Mapping[str, Table], phrases: Mapping[str, Texts], language: str, mistakes: list[str]
) -> Templates:
    first: dict[str, str] = {}  # intent -> its file
    asked: dict[str, str] = {}  # example, folded -> its intent
    answers: dict[str, Mapping[str, Template]] = {}
    examples: dict[str, tuple[str, ...]] = {}
    intents = {intent for table in files.values() for intent in table}
    for file, table in files.items():
        for intent, value in table.items():
            place = Place(file, f"[{intent}]", language, mistakes)
            if intent in first:
                place.wrong(f"speaks twice: it has an answer in {first[intent]}; keep one of the two")
                continue
            first[intent] = file
            if not isinstance(value, dict):
                place.wrong('wanted a table with answer = "…"')
                continue
            questions = examples_of(place, value.get("examples", []))
            examples[intent] = tuple(each for group in questions.values() for each in group)
            for example in examples[intent]:
                if (other := asked.setdefault(" ".join(example.casefold().split()), intent)) != intent:
                    place.wrong(f"the example {example!r} is one of [{other}] too; keep it in one of the two")
            answers[intent] = by_language(place, intent, value, questions, intents)
    return Templates(answers, phrases, examples, language)


def by_language(
    place: Place, intent: str, table: Table, questions: Mapping[str, Sequence[str]], intents: Collection[str]
) -> dict[str, Template]:
    """An answer's languages; what is not written in one of them is taken from another."""
    unknown_keys(place, table, KEYS)
    if "answer" not in table:
        place.wrong('has no answer; wanted answer = "…"')
        return {}
    texts = texts_of(place, "answer", table["answer"])
    slots = slots_of(place, table.get("slots", {}), texts)
    for language, text in texts.items():
        holes(place, "answer", text, [slot.name for slot in slots[language]], "a slot of this intent")
    actions = names_of(place, "actions", table.get("actions", []))
    leads, closing = follow_up_of(place, table.get("follow_up", []), intents)
    titles = {language: group[0] for language, group in questions.items() if group}
    words = intent.replace("_", " ").rstrip("?").capitalize()
    return {
        language: Template(
            intent=intent,
            language=language,
            text=text,
            title=near(titles, language, place.language) or words,
            slots=slots[language],
            actions=actions,
            follow_up=leads,
            closing=near(closing, language, place.language),
        )
        for language, text in texts.items()
    }


def near(texts: Texts, language: str, default: str) -> str:
    return texts.get(pick(texts, language, default), "")


def texts_of(place: Place, key: str, value: object) -> dict[str, str]:
    """A text, or a table of one for each language."""
    texts = value if isinstance(value, dict) else {place.language: value}
    if not texts:
        place.wrong(f"{key} is empty; wanted a text, or one for each language")
    for language, text in texts.items():
        if not LANGUAGE.fullmatch(language):
            place.wrong(f'{key}: got the language {language!r}, wanted a code as "en" or "de"')
        elif not isinstance(text, str) or not text.strip():
            place.wrong(f'{key}{f".{language}" if isinstance(value, dict) else ""} is no text, or empty; wanted "…"')
    return {language: text.strip() for language, text in texts.items() if isinstance(text, str) and text.strip()}


def examples_of(place: Place, value: object) -> dict[str, list[str]]:
    """A list of questions, or a table of one for each language."""
    groups: dict[str, Any] = value if isinstance(value, dict) else {place.language: value}
    for language, group in groups.items():
        if not LANGUAGE.fullmatch(language):
            place.wrong(f'examples: got the language {language!r}, wanted a code as "en" or "de"')
        if not isinstance(group, list) or not all(isinstance(each, str) and each.strip() for each in group):
            place.wrong('examples: wanted a list of questions, ["…", "…"]')
            return {}
    return {language: [each.strip() for each in group] for language, group in groups.items()}


def names_of(place: Place, key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(each, str) and NAME.fullmatch(each) for each in value):
        return tuple(value)
    place.wrong(f'{key}: wanted a list of names in small letters, as ["freeze-card"]')
    return ()


def follow_up_of(place: Place, value: object, intents: Collection[str]) -> tuple[tuple[str, ...], Texts]:
    """A list of intents, or a text that is said after the answer."""
    if not isinstance(value, list):
        return (), texts_of(place, "follow_up", value)
    for each in value:
        if not isinstance(each, str) or each not in intents:
            place.wrong(f"follow_up: no answer is written for {each!r}; wanted intents of this folder, or a text")
    return tuple(each for each in value if isinstance(each, str)), {}


def slots_of(place: Place, value: object, languages: Iterable[str]) -> dict[str, tuple[Slot, ...]]:
    """Language -> the slots."""
    slots: dict[str, tuple[Slot, ...]] = dict.fromkeys(languages, ())
    if not isinstance(value, dict):
        place.wrong("slots: wanted a table [intent.slots.name] for each")
        return slots
    for name, table in value.items():
        if not NAME.fullmatch(name) or not isinstance(table, dict):
            place.wrong(f"slots: got {name!r}, wanted a table under a name in small letters, as card_type")
            continue
        slot = slot_of(place, name, table)
        for language in slots:
            slots[language] += (slot(language),)
    return slots


def slot_of(place: Place, name: str, table: Table) -> Callable[[str], Slot]:
    where = f"slots.{name}"
    unknown_keys(place, table, SLOT_KEYS, where)
    ask, default = (texts_of(place, f"{where}.{key}", table[key]) if key in table else {} for key in ("ask", "default"))
    if not ask and not default:
        place.wrong(f"{where} has neither ask nor default; wanted a question to ask, or words for when it isn't known")
    choices, pattern = choices_of(place, where, table.get("choices", [])), table.get("pattern", "")
    if choices and pattern:
        place.wrong(f"{where} has choices and a pattern; keep one of the two")
    try:
        re.compile(pattern)
    except (re.error, TypeError, OverflowError, RecursionError) as error:
        place.wrong(f"{where}.pattern: {error}; wanted a regular expression")
        pattern = ""
    return lambda language: Slot(
        name, near(ask, language, place.language), near(default, language, place.language), choices, pattern
    )


def choices_of(place: Place, where: str, value: object) -> dict[str, tuple[str, ...]]:
    """Values, or a table of each with other ways of saying it."""
    table: object = value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        table = {each: [] for each in value}
    if isinstance(table, dict) and all(
        choice.strip() and isinstance(words, list) and all(isinstance(word, str) and word.strip() for word in words)
        for choice, words in table.items()
    ):
        return {choice: tuple(words) for choice, words in table.items()}
    place.wrong(f'{where}.choices: wanted ["debit", "credit"], or a table of other words for each: debit = ["EC card"]')
    return {}


def unknown_keys(place: Place, table: Table, known: Sequence[str], where: str = "") -> None:
    for key in table.keys() - set(known):
        near_by = difflib.get_close_matches(key, known, 1)
        hint = f"did you mean {near_by[0]}?" if near_by else f"wanted {', '.join(known)}"
        place.wrong(f"{where}{': ' if where else ''}unknown key {key!r}; {hint}")


def holes(place: Place, key: str, text: str, known: Collection[str], kind: str) -> None:
    """{placeholders} have to be known; known ones need not be there."""
    for hole in PLACEHOLDER.findall(text):
        if hole not in known:
            wanted = ", ".join(f"{{{each}}}" for each in sorted(known)) or "none here"
            place.wrong(f"{key}: {{{hole}}} is not {kind}; wanted {wanted}")
