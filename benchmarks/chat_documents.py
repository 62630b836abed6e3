"""Answers from documents, end to end: find, read, decide, on questions whose passages were held out of training.

    python benchmarks/chat_documents.py --data ../shared/data [--limit N]

All passages of SQuADShifts' new_wiki are the documents. Asked are the questions of the test split, which one of them
answers, and benchmarks/chat/unanswerable.jsonl, which none does; and the questions once more with their own passage
taken away. An answer is wrong if its span shares less than half with every annotated answer (F1 below .5) and the
sentence that is quoted holds none of them, or if there is none.

Beside our way: the best span of BM25's first passage, and of its first five by the same reader's margin, as a plain
pipeline has it. GRETCHEN_READER_MODEL and GRETCHEN_ENCODER_MODEL name other models than the shipped ones.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.data.questions import Question, load_questions
from models.evaluation.reading import exact_match, f1, interval, normalize_answer
from models.tasks.task import load_task
from streams import ways
from streams.chat.compose import quoted
from streams.chat.decide import least_chance
from streams.chat.index import PassageIndex
from streams.chat.passages import passages_of
from streams.chat.reading import Documents
from streams.chat.template import Templates
from streams.chat.turns import Hit, Part, Wanted
from streams.engines import load_encoder
from streams.records import Conversation
from streams.settings import load_settings

SET = "new_wiki"
UNANSWERABLE = Path(__file__).parent / "chat" / "unanswerable.jsonl"
NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)
AT_ONCE = 32
WRONG = 0.5  # F1 below which a span is a wrong one
PASSAGES_A_DOCUMENT = 8  # no more of new_wiki's are cut out of one


class Told(NamedTuple):
    """What was answered, the sentence or passage around it, and the number that grows with how sure one is."""

    text: str
    around: str
    score: float


class Without:
    """An index in which a question does not find its own passage."""

    def __init__(self, index: PassageIndex, own: dict[str, str]) -> None:
        self._index, self._own = index, own

    def search(self, questions: Sequence[str], k: int) -> list[list[Hit]]:
        found = self._index.search(questions, k + PASSAGES_A_DOCUMENT)
        return [
            [hit for hit in hits if hit.passage.document != self._own[question]][:k]
            for question, hits in zip(questions, found, strict=True)
        ]

    def __len__(self) -> int:
        return len(self._index)


def main() -> None:
    options = arguments()
    settings = load_settings(os.environ)
    questions = load_questions(load_task("reader"), options.data)
    asked = [q for q in questions.of("test", SET) if q.answers][: options.limit]
    strange = [json.loads(line)["question"] for line in UNANSWERABLE.read_text(encoding="utf-8").splitlines()]
    index = PassageIndex(load_encoder(settings))
    names = {passage: str(n) for n, passage in enumerate(questions.passages[SET])}
    index.apply([one for text, name in names.items() for one in passages_of(name, name, text, "txt", NOW)], [])
    without = Without(index, {question.text: names[question.passage] for question in asked})
    way = ways.documents(settings, index)
    if way is None:
        raise SystemExit(f"there is no reader in {settings.reader_model}; name one by GRETCHEN_READER_MODEL")
    print(f"{len(asked)} questions, {len(index)} passages, at most {way.passages} read; {way.reader.version}")
    texts = [question.text for question in asked]
    begun = time.perf_counter()
    told = ours(way, texts)
    print(f"{(time.perf_counter() - begun) * 1000 / len(texts):.0f} ms a question, {AT_ONCE} at once")
    removed = ours(Documents(without, way.reader, way.chance, way.passages), texts)
    show("ours", told, asked, removed, ours(way, strange), least_chance(options.price))
    for k in (1, 5):
        answer = plain(way, k)
        show(f"the best span of BM25's first {k}", answer(texts), asked, plain(way, k, without)(texts), answer(strange))


def ours(way: Documents, texts: Sequence[str]) -> list[Told]:
    told = []
    conversation, templates = Conversation(id="benchmark"), Templates({}, {})
    for start in range(0, len(texts), AT_ONCE):
        wanted = [Wanted(Part(text, text), conversation, NOW) for text in texts[start : start + AT_ONCE]]
        for weighed in way.think(wanted, templates):
            best = weighed.best
            told.append(Told(best.sources[0].quote or "", best.text, best.confidence) if best else Told("", "", 0.0))
    return told


def plain(way: Documents, k: int, index: Without | None = None) -> Callable[[Sequence[str]], list[Told]]:
    """Of the first passages' spans the one with the greatest margin, as a plain pipeline has it."""

    def answer(texts: Sequence[str]) -> list[Told]:
        told = []
        for start in range(0, len(texts), AT_ONCE):
            part = texts[start : start + AT_ONCE]
            found = (index or way.index).search(part, k)
            passages = [[hit.passage.text for hit in hits] for hits in found]
            readings = way.reader.read_many(list(zip(part, passages, strict=True)), 1)
            for hits, said in zip(found, readings, strict=True):
                best = said.answers[0] if said.answers else None
                around = quoted(hits[best.passage].passage, best.start, best.end) if best else ""
                told.append(Told(best.text, around, best.score) if best else Told("", "", 0.0))
        return told

    return answer


def show(
    name: str, told: Sequence[Told], asked: Sequence[Question], removed: Sequence[Told], strange: Sequence[Told],
    least: float | None = None,
) -> None:  # fmt: skip
    """`least`: the score above which is answered, told first."""
    overlaps = np.array([f1(t.text, q.answer_texts) for t, q in zip(told, asked, strict=True)])
    exact = np.mean([exact_match(t.text, q.answer_texts) for t, q in zip(told, asked, strict=True)])
    right = np.array([o >= WRONG or holds(t, q) for o, t, q in zip(overlaps, told, asked, strict=True)])
    own, away, none = (np.array([t.score for t in some]) for some in (told, removed, strange))
    low, high = interval(overlaps)
    print(f"\n{name}: if all are answered F1 {overlaps.mean():.3f} [{low:.3f}, {high:.3f}], exact {exact:.3f},")
    print(f"right {right.mean():.1%}\n\n| score over | answered | F1 of these | wrong of these |", end="")
    print(f" answered, own passage away | of {len(none)} that nothing answers |\n|---|---|---|---|---|---|")
    marks = [float(np.quantile(own, 1 - share)) for share in (0.95, 0.9, 0.8, 0.7, 0.6, 0.5)]
    for mark in marks if least is None else [least, *marks]:
        answered = own >= mark
        shares = answered.mean(), 1 - right[answered].mean(), (away >= mark).mean(), (none >= mark).mean()
        told_of = "{:.1%} | {:.3f} | {:.1%} | {:.1%} | {:.1%}".format(shares[0], overlaps[answered].mean(), *shares[1:])
        print(f"| {mark:.3f} | {told_of} |")


def holds(told: Told, question: Question) -> bool:
    around = f" {normalize_answer(told.around)} "
    return any(f" {normalize_answer(answer)} " in around for answer in question.answer_texts)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder with squadshifts/")
    parser.add_argument("--price", type=float, default=3.0, help="of a wrong answer, in hand-overs")
    parser.add_argument("--limit", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    main()
