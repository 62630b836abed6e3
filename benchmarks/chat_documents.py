"""Answers from documents, end to end: find, read, decide, on questions whose passages were held out of training.

    python benchmarks/chat_documents.py --data ../shared/data [--reader DIR] [--encoder DIR] [--limit N]

All passages of SQuADShifts' new_wiki are the documents. Asked are the questions of the test split, which one of them
answers, and benchmarks/chat/unanswerable.jsonl, which none does. A wrong answer is one whose span shares less than half
with every annotated answer (F1 below .5), or any answer to a question that has none.

Beside our way: the best span of BM25's first passage, and of its first five by the sum of the logits, neither with a
way to say nothing but a threshold on the same score.
"""

import argparse
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models import reading
from models.artifact import load_artifact
from models.engines.encoder import Encoder
from models.engines.reader import Reader
from models.questions import Question, load_questions
from models.tasks import load_task
from streams.chat.index import PassageIndex
from streams.chat.passages import passages_of
from streams.chat.reading import Documents
from streams.chat.turns import Part, Wanted
from streams.records import Conversation
from streams.settings import ZOO

SET = "new_wiki"
UNANSWERABLE = Path(__file__).parent / "chat" / "unanswerable.jsonl"
NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)
AT_ONCE = 32
WRONG = 0.5  # F1 below which an answer is a wrong one


class Told(NamedTuple):
    """What was answered, and the number that grows with how sure one is."""

    text: str
    score: float


def main() -> None:
    options = arguments()
    task = load_task("reader")
    questions = load_questions(task, options.data)
    asked = [q for q in questions.of("test", SET) if q.answers][: options.limit]
    others = [json.loads(line)["question"] for line in UNANSWERABLE.read_text(encoding="utf-8").splitlines()]
    reader = Reader(load_artifact(options.reader))
    index = PassageIndex(Encoder(load_artifact(options.encoder)) if options.encoder else None)
    for n, passage in enumerate(questions.passages[SET]):
        index.apply(passages_of(str(n), SET, passage, "txt", NOW), [])
    texts = [question.text for question in asked] + others
    print(f"{len(asked)} questions, {len(others)} that nothing answers, {len(index)} passages; {reader.version}")
    for k in options.passages:
        begun = time.perf_counter()
        told = ours(Documents(index, reader, lambda chance: chance, k), texts)
        each_ms = (time.perf_counter() - begun) * 1000 / len(texts)
        show(f"ours, {k} passages read, {each_ms:.0f} ms a question in batches of {AT_ONCE}", told, asked)
    for k in (1, 5):
        show(f"the best span of BM25's first {k}, no 'no answer'", plain(index, reader, texts, k), asked)


def ours(documents: Documents, texts: Sequence[str]) -> list[Told]:
    told = []
    conversation = Conversation(id="benchmark")
    for start in range(0, len(texts), AT_ONCE):
        wanted = [Wanted(Part(text, text), conversation, NOW) for text in texts[start : start + AT_ONCE]]
        for weighed in documents.think(wanted, None):  # type: ignore[arg-type] - documents need no templates
            best = weighed.best
            told.append(Told(best.sources[0].quote or "", best.confidence) if best else Told("", 0.0))
    return told


def plain(index: PassageIndex, reader: Reader, texts: Sequence[str], k: int) -> list[Told]:
    """Of the first passages' spans the one with the greatest margin, a question at a time as a plain pipeline would."""
    told = []
    for start in range(0, len(texts), AT_ONCE):
        part = texts[start : start + AT_ONCE]
        passages = [[hit.passage.text for hit in hits] for hits in index.search(part, k)]
        for said in reader.read_many(list(zip(part, passages, strict=True)), 1):
            told.append(Told(said.answers[0].text, said.answers[0].score) if said.answers else Told("", 0.0))
    return told


def show(name: str, told: Sequence[Told], asked: Sequence[Question]) -> None:
    overlaps = np.array(
        [reading.f1(t.text, q.answer_texts) if t.text else 0.0 for t, q in zip(told, asked, strict=False)]
    )
    exact = np.mean([reading.exact_match(t.text, q.answer_texts) for t, q in zip(told, asked, strict=False)])
    scores = np.array([t.score for t in told])
    own, strange = scores[: len(asked)], scores[len(asked) :]
    low, high = reading.interval(overlaps)
    print(f"\n{name}\n  all answered: F1 {overlaps.mean():.3f} [{low:.3f}, {high:.3f}], exact {exact:.3f}")
    print("  threshold  answered  F1 of these  wrong of these  wrong of all asked  answered where nothing answers")
    for coverage in (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4):
        threshold = float(np.quantile(own, 1 - coverage))
        answered = own >= threshold
        wrong = overlaps[answered] < WRONG
        print(f"  {threshold:9.4f}  {answered.mean():8.1%}  {overlaps[answered].mean():11.3f}  {wrong.mean():14.1%}"
              f"  {wrong.sum() / len(own):18.1%}  {(strange >= threshold).mean():15.1%}")  # fmt: skip


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with squadshifts/")
    parser.add_argument("--reader", type=Path, default=ZOO / "reader")
    parser.add_argument("--encoder", type=Path, help="an artifact of kind encoder; none: by words alone")
    parser.add_argument("--passages", type=int, nargs="+", default=[3, 5, 8])
    parser.add_argument("--limit", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    main()
