"""What a team has written for an intent, in the language that it is answered in, and the sentences that are always
the same. Values; streams/chat/template_text.py reads them, streams/chat/templates.py keeps them up to date."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from models.errors import SettingsError

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
MOST_CHARS = 1_000  # of a text that a slot's pattern is tried on, and
MOST_VALUE_CHARS = 100  # of what a customer may put into an answer
ENGLISH = "en"

Texts = Mapping[str, str]
"""Language -> text, the language that the file names first in front."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A detail of the question. `choices`: value -> ways of saying it; without choices and `pattern` it's free text.

    With `ask` it is asked for in a conversation if the question does not tell; `default` stands in for it where nobody
    can be asked or no answer came. One of the two is there.
    """

    name: str
    ask: str = ""
    default: str = ""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pattern: str = ""

    def find(self, text: str) -> str | None:
        """The value that a question tells by the way; None if it tells none, or two. Free text is never found."""
        if self.choices:
            told = [value for value, words in self.choices.items() if any(says(text, word) for word in (value, *words))]
            return told[0] if len(told) == 1 else None
        if self.pattern and (match := re.search(self.pattern, text[:MOST_CHARS], re.IGNORECASE)):
            return next((group for group in match.groups() if group), match[0])[:MOST_VALUE_CHARS] or None
        return None

    def accept(self, text: str) -> str | None:
        """The value in a reply to `ask`: free text is taken as it is."""
        if self.choices or self.pattern:
            return self.find(text)
        return " ".join(text[:MOST_CHARS].split())[:MOST_VALUE_CHARS] or None


def says(text: str, word: str) -> bool:
    """Whether a word or a phrase stands in a text by itself, in small letters or capital."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text[:MOST_CHARS], re.IGNORECASE) is not None


@dataclass(frozen=True, slots=True)
class Template:
    """An intent's answer in one language. `title` is the intent as a customer would ask it, to choose from.

    `actions` are names for a team's own systems; `follow_up` are the intents that "and the other one?" leads to;
    `closing` is said after the answer.
    """

    intent: str
    language: str
    text: str
    title: str
    slots: tuple[Slot, ...] = ()
    actions: tuple[str, ...] = ()
    follow_up: tuple[str, ...] = ()
    closing: str = ""

    def missing(self, values: Mapping[str, str]) -> Slot | None:
        """The first slot that has to be asked for."""
        return next((slot for slot in self.slots if slot.ask and slot.name not in values), None)

    def filled(self, values: Mapping[str, str]) -> str:
        """The text with all slots in their places."""
        return fill(self.text, {slot.name: slot.default for slot in self.slots if slot.default} | dict(values))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Each {name} by its value, which is not looked into again; a name without a value is said in words."""
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[1].replace("_", " ")), text)


def pick(texts: Mapping[str, object], language: str, default: str) -> str:
    """The language to speak: the one asked for ("de" for "de-AT"), else the team's, else English, else any."""
    wanted = (language, language.split("-")[0], default, ENGLISH)
    return next((each for each in wanted if each in texts), next(iter(texts), default))


@dataclass(frozen=True)
class Templates:
    """`answers`: intent -> language -> template; `phrases`: key -> language -> sentence; `examples`: an intent's
    questions, in all languages; `language` is that of the texts for which the files name none."""

    answers: Mapping[str, Mapping[str, Template]]
    phrases: Mapping[str, Texts]
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    language: str = ENGLISH

    def answer(self, intent: str, language: str = "") -> Template:
        """In that language, or the nearest there is. Raises KeyError for an intent that nobody wrote an answer to."""
        written = self.answers[intent]
        return written[pick(written, language, self.language)]

    @property
    def languages(self) -> frozenset[str]:
        """All in which something is answered."""
        return frozenset(language for written in self.answers.values() for language in written)

    def title(self, intent: str, language: str = "") -> str:
        """The intent as a customer would ask it."""
        return self.answer(intent, language).title

    def handover(self, language: str = "") -> str:
        return self.say("handover", language)

    def say(self, key: str, language: str = "", values: Mapping[str, str] | None = None) -> str:
        """A fixed sentence, see PHRASES in streams/chat/template_text.py. Raises KeyError for another key."""
        texts = self.phrases[key]
        return fill(texts[pick(texts, language, self.language)], values or {})

    def require(self, intents: Iterable[str]) -> None:
        """Raise SettingsError unless every intent that the model knows has its answer."""
        if missing := sorted(set(intents) - self.answers.keys()):
            raise SettingsError(
                f"no answer is written for {len(missing)} of the model's intents ({', '.join(missing[:5])}); "
                "add a table for each to a file of the templates folder (GRETCHEN_TEMPLATES)"
            )
