"""What the passage index finds, and what it takes: recall on new_wiki, then memory and time with 100,000 passages.

    python benchmarks/index.py --data ../shared/data [--encoder ARTIFACT] [--passages 100000]

Recall: of the questions whose passage was held out of training, over all passages of the set, bm25s (the baseline of
the model tables) beside ours. Size: passages made of the sentences of squadshifts, drawn at random, so that words have
their natural frequencies; their vectors are random ones of length 1, as encoding them takes an hour, those of the
questions are the encoder's. Each way in a process of its own. Times are the processor's, of all threads together: what
it takes on one core that does nothing else.
"""

import argparse
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.artifact import load_artifact
from models.data.lexical import Lexical
from models.data.questions import Question, load_questions
from models.engines.encoder import Encoder
from models.tasks.task import load_task
from streams.chat.index import PassageIndex
from streams.chat.passages import pieces
from streams.records import Passage

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SET = "new_wiki"
SENTENCES = 6  # of a made passage: about 120 words
ASKED = 200
Floats = npt.NDArray[np.float32]
Find = Callable[[Sequence[str]], list[list[int]]]
"""Questions -> the passages found for each, at most ten, best first."""


class MadeUp:
    """An encoder whose passages' vectors are random: as many as real ones, and made at once."""

    def __init__(self, encoder: Encoder) -> None:
        self.dimensions = encoder.dimensions
        self._encoder, self._random = encoder, np.random.default_rng(13)

    def encode(self, texts: Sequence[str], *, query: bool = False) -> Floats:
        if query:
            return self._encoder.encode(texts, query=True)
        rows = self._random.standard_normal((len(texts), self.dimensions), np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--passages", type=int, default=100_000)
    options = parser.parse_args()
    questions = load_questions(load_task("encoder"), options.data)
    passages = questions.passages[SET]
    asked = {split: [each for each in questions.of(split, SET) if each.answers] for split in ("dev", "test")}
    counts = ", ".join(f"{len(each):,} {split}" for split, each in asked.items())
    print(f"{SET}: {len(passages):,} passages; recall@1 and @10 of questions: {counts}")
    for name, find in ways(passages, options.encoder).items():
        shown = [f"{split} {recall(find, each, passages)}" for split, each in asked.items()]
        print(f"  {name:28} {'   '.join(shown)}")
    texts = [each.text for each in asked["test"]][:ASKED]
    print(f"{options.passages:,} passages, {len(texts)} questions one by one; times on one core:")
    for encoder in (None, options.encoder) if options.encoder else (None,):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            print("  " + pool.apply(partial(size, options.passages, passages, texts, encoder)))


def ways(passages: Sequence[str], encoder: Path | None) -> dict[str, Find]:
    found: dict[str, Find] = {
        "bm25s": lambda texts: Lexical(passages).search(texts, 10).tolist(),
        "words": ours(passages),
    }
    if encoder:
        found["words and meaning"] = ours(passages, Encoder(load_artifact(encoder)))
    return found


def ours(passages: Sequence[str], encoder: Encoder | None = None) -> Find:
    index = PassageIndex(encoder)
    index.apply([passage(n, text) for n, text in enumerate(passages)], [])
    return lambda texts: [[hit.passage.n for hit in hits] for text in texts for hits in index.search([text], 10)]


def recall(find: Find, asked: Sequence[Question], passages: Sequence[str]) -> str:
    place = {text: n for n, text in enumerate(passages)}
    found = find([each.text for each in asked])
    right = [place[each.passage] for each in asked]
    first = np.mean([row[:1] == [n] for row, n in zip(found, right, strict=True)])
    ten = np.mean([n in row for row, n in zip(found, right, strict=True)])
    return f"{first:.4f} {ten:.4f}"


def size(count: int, source: Sequence[str], texts: Sequence[str], encoder: Path | None) -> str:
    """One line: memory, the time to take all in, an update's, a query's."""
    meaning = MadeUp(Encoder(load_artifact(encoder), 1)) if encoder else None
    sentences = [text[each.start : each.end] for text in source for each in pieces(text, 0, len(text))]
    chance = random.Random(13)
    made = (" ".join(chance.choices(sentences, k=SENTENCES)) for _ in range(count))
    before = resident_bytes()
    index = PassageIndex(meaning)
    began = time.process_time()
    characters = 0
    part: list[Passage] = []
    for n, text in enumerate(made):
        characters += len(text)
        part.append(passage(n, text))
        if len(part) == 2000 or n == count - 1:
            index.apply(part, [])
            part = []
    taken_s = time.process_time() - began
    grown = resident_bytes() - before
    search_s = sorted(timed(lambda text=text: index.search([text], 10)) for text in texts)
    update_s = sorted(timed(lambda n=n: index.apply([passage(n, "Another text.")], [])) for n in range(50))
    way = "words and meaning" if encoder else "words"
    return (
        f"{way:18} {grown / 1e6:,.0f} MB for {characters / 1e6:,.0f} MB of text,"
        f" taken in within {taken_s:.0f} s; a query {middle(search_s):.1f} ms (p99 {at(search_s, 0.99):.1f}), "
        f"an update {middle(update_s):.1f} ms (p99 {at(update_s, 0.99):.1f})"
    )


def passage(n: int, text: str) -> Passage:
    return Passage(id=f"{n}#0", document=str(n), title=str(n), n=n, passages=1, heading=[], text=text, start=0,
                   end=len(text), digest="0" * 32, added_at=NOW)  # fmt: skip


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def timed(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def middle(seconds: Sequence[float]) -> float:
    return at(seconds, 0.5)


def at(seconds: Sequence[float], share: float) -> float:
    """Milliseconds, of sorted ones."""
    return 1000 * seconds[int(share * (len(seconds) - 1))]


if __name__ == "__main__":
    main()
