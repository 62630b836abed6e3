"""BM25 over passages (Robertson & Zaragoza 2009, by bm25s): retrieval's baseline, and what finds near misses."""

from collections.abc import Sequence

import bm25s
import numpy as np
import numpy.typing as npt

K1, B = 1.2, 0.75


class Lexical:
    """An index of passages; words are lower-cased, English stop words left out, nothing is stemmed."""

    def __init__(self, passages: Sequence[str]) -> None:
        self._index = bm25s.BM25(k1=K1, b=B)
        self._count = len(passages)
        self._index.index(bm25s.tokenize(list(passages), stopwords="en", show_progress=False), show_progress=False)

    def search(self, questions: Sequence[str], k: int) -> npt.NDArray[np.int64]:
        """The k best passages' indices, best first, int64 [questions, min(k, passages)]."""
        tokens = bm25s.tokenize(list(questions), stopwords="en", return_ids=False, show_progress=False)
        found, _ = self._index.retrieve(tokens, k=min(k, self._count), show_progress=False)
        return np.asarray(found, np.int64)
