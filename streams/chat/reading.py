"""The way of documents: passages found, spans read out of them and compared across passages. Pure, but for engines."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.chat.chances import Chance
from streams.chat.compose import place, quoted
from streams.chat.decide import TRUST, Weighed, is_clear, likelier
from streams.chat.template import Templates
from streams.chat.turns import Candidate, Hit, Index, Wanted
from streams.records import Source

if TYPE_CHECKING:
    from models.engines.reader import Answer, Reader

SPANS = 6  # that compete for an answer
FIRST = 1  # passages that are read at first: each takes the reader some milliseconds
SURE = 0.7  # a chance from which on the others are not read
HOPELESS = 0.1  # a chance below which they are not either; docs/chat.md has what both cost
RANK_WEIGHT = 1.0  # benchmarks/abstain.py compares it with others
EQUAL = 0.02  # difference of chances that says nothing
NOISE = re.compile(r"\b(a|an|the)\b|[^\w\s]")


@dataclass(frozen=True)
class Documents:
    """`chance`: what the reader's is worth; `passages`: how many are read for a question, the `first` ones at once, the
    others where those leave doubts."""

    index: Index
    reader: "Reader"
    chance: Chance
    passages: int
    first: int = FIRST

    def think(self, wanted: Sequence[Wanted], templates: Templates) -> list[Weighed]:
        """What may be a follow-up is asked as it was said first, and completed where that finds nothing clear."""
        texts = [one.part.spoken if one.part.follows == "more" else one.part.text for one in wanted]
        again = [one.part.follows == "again" for one in wanted]
        weighed = self._read(texts, again)
        left = [n for n, one in enumerate(wanted) if one.part.follows == "more" and not is_clear(weighed[n])]
        if left:
            texts = [wanted[n].part.text for n in left]
            completed = self._read(texts, [True] * len(left))
            for n, more in zip(left, completed, strict=True):
                weighed[n] = likelier(weighed[n], more)
        return weighed

    def _read(self, questions: Sequence[str], follows: Sequence[bool]) -> list[Weighed]:
        found = self.index.search(questions, self.passages)
        answers = self.answers(questions, found)
        return [weigh(spans, hits, self.chance, one) for spans, hits, one in zip(answers, found, follows, strict=True)]

    def answers(self, questions: Sequence[str], found: Sequence[Sequence[Hit]]) -> list[list["Answer"]]:
        """Spans of the passages found for each question: of the first ones, and of all where those leave doubts."""
        answers = self._spans([(one, hits[: self.first]) for one, hits in zip(questions, found, strict=True)])
        left = [n for n, hits in enumerate(found) if len(hits) > self.first and self._doubts(answers[n])]
        rest = self._spans([(questions[n], found[n][self.first :]) for n in left])
        for n, more in zip(left, rest, strict=True):
            answers[n] += [answer._replace(passage=answer.passage + self.first) for answer in more]
        return answers

    def _spans(self, asked: Sequence[tuple[str, Sequence[Hit]]]) -> list[list["Answer"]]:
        texts = [(question, [hit.passage.text for hit in hits]) for question, hits in asked]
        return [list(reading.answers) for reading in self.reader.read_many(texts, SPANS)] if texts else []

    def _doubts(self, answers: Sequence["Answer"]) -> bool:
        return not answers or HOPELESS <= self.chance(likeliest(answers)[1]) < SURE


def weigh(answers: Sequence["Answer"], hits: Sequence[Hit], chance: Chance, follows: bool) -> Weighed:
    """The span that most speaks for, in the sentence around it."""
    if not answers:
        return Weighed()
    best, score = likeliest(answers)
    passage = hits[best.passage].passage
    source = Source(
        kind="document",
        document=passage.document,
        heading=" › ".join(place(passage)),
        start=passage.start + best.start,
        end=passage.start + best.end,
        quote=best.text,
    )
    text = quoted(passage, best.start, best.end)
    confidence = chance(score) * (TRUST if follows else 1.0)
    return Weighed((Candidate("documents", text, confidence, (source,), said=passage.id, follows=follows),))


def likeliest(answers: Sequence["Answer"], weight: float = RANK_WEIGHT) -> tuple["Answer", float]:
    """The span to answer with and its score, of spans of all passages: what the reader thinks of each and how well its
    passage was found. Of spans that are as good as equal the one that other passages have, too.
    """
    scores = [at_rank(answer.score, answer.passage, weight) for answer in answers]
    votes = Counter(plain(answer.text) for answer in answers)
    near = [n for n, score in enumerate(scores) if max(scores) - score < EQUAL]
    best = max(near, key=lambda n: (votes[plain(answers[n].text)], scores[n]))
    return answers[best], scores[best]


def at_rank(score: float, rank: int, weight: float) -> float:
    """A chance whose odds fall with the passage's rank, 0 for the one found best."""
    odds = score / max(1 - score, 1e-9) * math.pow(1 + rank, -weight)
    return odds / (1 + odds)


def plain(text: str) -> str:
    """What two ways to write the same answer have in common."""
    return " ".join(NOISE.sub(" ", text.lower()).split())
