"""BM25 over passages (Robertson & Zaragoza 2009, by bm25s): retrieval's baseline, and what finds near misses."""

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

os.environ.setdefault("JAX_PLATFORMS", "cpu")  # bm25s wakes jax where it is, and jax takes three quarters of a GPU
import bm25s

K1, B = 1.2, 0.75
STOP_WORDS = "en_plus"  # with "what" and "which": a passage that has them is no nearer to a question


class Lexical:
    """An index of passages; words are lower-cased, English stop words left out, nothing is stemmed."""

    def __init__(self, passages: Sequence[str]) -> None:
        self._index = bm25s.BM25(k1=K1, b=B)
        self._count = len(passages)
        self._index.index(
            bm25s.tokenize(list(passages), stopwords=STOP_WORDS, show_progress=False), show_progress=False
        )

    def search(self, questions: Sequence[str], k: int) -> npt.NDArray[np.int64]:
        """The k best passages' indices, best first, int64 [questions, min(k, passages)]; those without a word in common
        come last, in any order.
        """
        return self._retrieve(questions, k)[0]

    def hits(self, questions: Sequence[str], k: int) -> list[list[int]]:
        """For each question the indices of at most k passages that share a word with it, best first."""
        found, scores = self._retrieve(questions, k)
        return [row[score > 0].tolist() for row, score in zip(found, scores, strict=True)]

    def _retrieve(self, questions: Sequence[str], k: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        tokens = bm25s.tokenize(list(questions), stopwords=STOP_WORDS, return_ids=False, show_progress=False)
        found, scores = self._index.retrieve(tokens, k=min(k, self._count), show_progress=False)
        return np.asarray(found, np.int64), np.asarray(scores, np.float32)
