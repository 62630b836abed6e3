"""The engine that reads: a question and passages in, the spans that answer it out, or that none does.

The network judges each passage by itself; a span's margin is by how much its start and end logits beat those of "no
answer" in the same window, which makes spans of different passages comparable. Windows are sorted by length and cut by
a token budget as models/engines/onnx.py does; static quantization keeps a passage's spans apart from its batch-mates.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from models.artifact import TOKENIZER, Artifact, check_kind
from models.cores import engine_threads
from models.engines.onnx import by_length, session_of
from models.engines.texts import tokenizer_of
from models.engines.windows import Candidate, Shape, Specials, Window, apart, arrays, candidates, windows_of
from models.errors import ArtifactError


class Answer(NamedTuple):
    """Characters [start, end) of a passage, which is `text`; `score` is the calibrated chance that they answer."""

    passage: int
    start: int
    end: int
    text: str
    score: float
    margin: float


@dataclass(frozen=True, slots=True)
class Reading:
    """Of one question: answers over all passages, best first, none overlapping; `no_answer` is the chance that the best
    passage does not answer, 1 where there is nothing to read.
    """

    answers: tuple[Answer, ...]
    no_answer: float


class Reader:
    """Serves one artifact of kind reader. Thread-safe; at most `threads` batches run at once, whoever asks."""

    def __init__(self, artifact: Artifact, threads: int = 0) -> None:
        """`threads` 0: one a core, at most four. Raises ArtifactError for a model that can't be run."""
        check_kind(artifact, "reader")
        config = artifact.config
        assert config.reading is not None  # what a config of this kind has
        self.version = artifact.version
        self.threshold = config.reading.threshold
        self._reading = config.reading
        self._shape = Shape(config.max_tokens, config.reading.stride, config.reading.max_question_tokens)
        self._tokenizer = tokenizer_of(artifact)
        self._specials = Specials.of(self._tokenizer, f"{artifact.path / TOKENIZER}")
        if self._shape.max_tokens - self._shape.max_question_tokens - 3 <= self._shape.stride:
            raise ArtifactError(f"{artifact.path}: windows of {self._shape} leave no room to go on; export it again")
        self._session = session_of(artifact, {"bounds": 2})
        self._pool = ThreadPoolExecutor(engine_threads(threads), thread_name_prefix="read")

    def read(self, question: str, passages: Sequence[str], n_best: int = 3) -> Reading:
        """The `n_best` answers that the passages hold. An empty question or passage is legal."""
        return self.read_many([(question, passages)], n_best)[0]

    def read_many(self, asked: Sequence[tuple[str, Sequence[str]]], n_best: int = 3) -> list[Reading]:
        """A reading a question, in the order given; a passage is judged alike whatever is read beside it."""
        pairs = [(n, p, text) for n, (_, passages) in enumerate(asked) for p, text in enumerate(passages)]
        questions = self._tokenizer.encode_batch([question for question, _ in asked], add_special_tokens=False)
        texts = self._tokenizer.encode_batch([text for *_, text in pairs], add_special_tokens=False)
        owners, windows = [], []
        for (n, p, _), encoding in zip(pairs, texts, strict=True):
            for window in windows_of(questions[n].ids, encoding.ids, encoding.offsets, self._specials, self._shape):
                owners.append((n, p))
                windows.append(window)
        found: list[dict[int, list[Candidate]]] = [{} for _ in asked]
        for (n, p), spans in zip(owners, self._infer(windows, n_best), strict=True):
            found[n].setdefault(p, []).extend(spans)
        return [
            self._reading_of(passages, of_question, n_best)
            for (_, passages), of_question in zip(asked, found, strict=True)
        ]

    @property
    def least_margin(self) -> float:
        """The margin at which the chance is the threshold."""
        share = min(max(self.threshold, 1e-12), 1 - 1e-12)
        return (math.log(share / (1 - share)) - self._reading.bias) / self._reading.scale

    def _reading_of(self, passages: Sequence[str], found: dict[int, list[Candidate]], n_best: int) -> Reading:
        answers = [
            Answer(p, start, end, passages[p][start:end], self._chance(margin), margin)
            for p, spans in found.items()
            for start, end, margin in apart(spans, n_best)
        ]
        answers.sort(key=lambda answer: (-answer.margin, answer.passage, answer.start))
        return Reading(tuple(answers[:n_best]), 1 - answers[0].score if answers else 1.0)

    def _chance(self, margin: float) -> float:
        x = self._reading.scale * margin + self._reading.bias
        return 1 / (1 + math.exp(-x)) if x > -700 else 0.0

    def _infer(self, windows: Sequence[Window], n_best: int) -> list[list[Candidate]]:
        """The best spans of each window, in the order given."""
        batches = list(by_length([len(window.ids) for window in windows]))
        results = self._pool.map(lambda batch: self._run([windows[n] for n in batch], n_best), batches)
        spans: list[list[Candidate]] = [[]] * len(windows)
        for batch, result in zip(batches, results, strict=True):
            for n, of_window in zip(batch, result, strict=True):
                spans[n] = of_window
        return spans

    def _run(self, windows: Sequence[Window], n_best: int) -> list[list[Candidate]]:
        ids, lengths, types = arrays(windows, self._specials.pad)
        (bounds,) = self._session.run(["bounds"], {"input_ids": ids, "lengths": lengths, "token_types": types})
        # a few more than are wanted: the best often overlap, and of those only one is kept
        return [
            list(candidates(window, rows[:, 0], rows[:, 1], self._reading.max_answer_tokens, 4 * n_best + 4))
            for window, rows in zip(windows, bounds, strict=True)
        ]
