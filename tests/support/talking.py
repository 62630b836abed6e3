"""Conversations without Kafka and without models: templates of our own, ways that say what a test wants."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from models.engines.fake import FakeEngine
from models.engines.reader import Answer, Reading
from streams.chat.answering import Answering, Policy
from streams.chat.chances import line
from streams.chat.computing import Live
from streams.chat.reading import Documents
from streams.chat.recognize import Recognizer
from streams.chat.template_text import read_templates
from streams.chat.turns import Asked, Hit, Turn
from streams.records import Conversation, Origin, Passage, Question

NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)
TEMPLATES = read_templates(
    {
        "bank.toml": """
[freeze_card]
examples = ["How do I freeze my card?"]
answer = "Open Cards and tap Freeze."
follow_up = ["freeze_other"]

[freeze_other]
examples = ["How do I freeze a second card?"]
answer = "Choose the other card first."

[order_card]
examples = ["How do I order a card?"]
answer = "We send the {kind} card at once."
[order_card.slots.kind]
ask = "A physical card, or a virtual one?"
choices = { physical = ["plastic"], virtual = ["online"] }

[closing]
examples = ["How do I close my account?"]
answer = { en = "Tap Close.", de = "Tippen Sie auf Schließen." }
"""
    }
)
INTENTS = tuple(sorted(TEMPLATES.answers))


class Sure:
    """An intents engine that is as sure as a text says: "freeze_card 0.9, order_card 0.05"; 0 of all others."""

    version, max_tokens = "sure/1", 128
    labels: Mapping[str, tuple[str, ...]] = {"intent": INTENTS}

    def __init__(self, said: Mapping[str, Mapping[str, float]]) -> None:
        self.said, self.calls = said, list[list[str]]()
        self._fake = FakeEngine.intents(*INTENTS)
        self.encode = self._fake.encode

    def infer(self, encoded: Sequence[object]) -> list[dict[str, object]]:
        import numpy as np

        texts = ["".join(map(chr, one.ids)) for one in encoded]  # type: ignore[attr-defined]
        self.calls.append(texts)
        if any("poison" in text for text in texts):
            raise RuntimeError("a poisonous text")
        return [{"intent": np.array([self.of(text).get(name, 0.0) for name in INTENTS], np.float32)} for text in texts]

    def of(self, text: str) -> Mapping[str, float]:
        return next((chances for words, chances in self.said.items() if words in text), {})


class Shelf:
    """An index that finds all its passages for every question."""

    def __init__(self, *texts: str) -> None:
        self.passages = [
            Passage(
                id=f"faq#{n}", document="faq", title="FAQ", n=n, passages=len(texts), heading=["Fees"], text=text,
                start=1000 * n, end=1000 * n + len(text), digest="d", added_at=NOW,
            )
            for n, text in enumerate(texts)
        ]  # fmt: skip

    def search(self, questions: Sequence[str], k: int) -> list[list[Hit]]:
        return [[Hit(passage, 1.0) for passage in self.passages[:k]] for _ in questions]

    def __len__(self) -> int:
        return len(self.passages)


class Finder:
    """A reader that finds a question's last word (or what it is told to look for), with the chance that it is given."""

    version, threshold = "finder/1", 0.5

    def __init__(self, chance: float = 0.9, looks_for: Mapping[str, str] | None = None) -> None:
        self.chance, self.looks_for, self.calls = chance, looks_for or {}, 0

    def read_many(self, asked: Sequence[tuple[str, Sequence[str]]], n_best: int = 3) -> list[Reading]:
        self.calls += 1
        return [self._read(question, passages) for question, passages in asked]

    def _read(self, question: str, passages: Sequence[str]) -> Reading:
        word = next(
            (found for key, found in self.looks_for.items() if key in question), question.split()[-1].strip("?.!")
        )
        found = [
            Answer(n, text.index(word), text.index(word) + len(word), word, self.chance, 1.0)
            for n, text in enumerate(passages)
            if word in text
        ]
        return Reading(tuple(found), 1 - self.chance if found else 1.0)


def answering(
    said: Mapping[str, Mapping[str, float]] | None = None,
    documents: Documents | None = None,
    policy: Policy = Policy(),  # noqa: B008
    live: Live | None = None,
) -> Answering:
    """`said`: words of a question -> the intents' chances, taken as they are."""
    recognizer = None if said is None else Recognizer(Sure(said), line([(0, 0), (1, 1)]))  # type: ignore[arg-type]
    return Answering(lambda: TEMPLATES, lambda: NOW, recognizer, live, documents, policy)


def reading(finder: Finder, *texts: str) -> Documents:
    return Documents(Shelf(*texts), finder, line([(0, 0), (1, 1)]), 6)  # type: ignore[arg-type]


class Talk:
    """One conversation; a minute passes between two messages."""

    def __init__(self, of: Answering) -> None:
        self.of, self.state, self.now = of, Conversation(id="c"), NOW

    def __call__(self, text: str, after: timedelta = timedelta(minutes=1)) -> Turn:
        self.now += after
        n = self.state.question_offset + 1
        asked = Asked(self.state, Question(id=f"q{n}", text=text), self.now, Origin(0, n))
        (turn,) = self.of.answer([asked])
        assert isinstance(turn, Turn), turn
        assert turn.answer.conversation is not None
        self.state = turn.answer.conversation
        return turn


def talk(said: Mapping[str, Mapping[str, float]], make: Callable[..., Answering] = answering, **more: object) -> Talk:
    return Talk(make(said, **more))
