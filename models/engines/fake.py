"""An engine without a model, for tests: deterministic, quick, of the real engine's shape."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from models.engines import Encoded, Prediction, Request

SENTIMENTS = ("negative", "neutral", "positive")


class FakeEngine:
    """Probabilities are a function of the text and the span alone.

    A text that holds the word of a label ("negative") gets that label; any other text one by its hash. `poison` in a
    text makes `infer` raise RuntimeError, as a broken model would.
    """

    version = "fake/1"
    max_tokens = 128

    def __init__(self, labels: Mapping[str, tuple[str, ...]], on_span: frozenset[str], threshold: float = 0.0) -> None:
        self.labels = labels
        self.threshold = threshold
        self._on_span = on_span
        self._texts: dict[tuple[int, ...], str] = {}

    @classmethod
    def news(cls) -> "FakeEngine":
        heads = {"sentiment": SENTIMENTS, "topic": ("Markets", "Macro"), "entity_sentiment": SENTIMENTS}
        return cls(heads, frozenset({"entity_sentiment"}))

    @classmethod
    def intents(cls, *intents: str) -> "FakeEngine":
        return cls({"intent": intents}, frozenset(), threshold=0.5)

    def encode(self, requests: Sequence[Request]) -> list[Encoded]:
        """A token is a character here: ids are code points, spans are character spans."""
        return [
            Encoded(
                tuple(map(ord, text[: self.max_tokens])),
                tuple(span if span[1] <= self.max_tokens else None for span in spans),
                len(text) > self.max_tokens,
            )
            for text, spans, *_ in requests
        ]

    def infer(self, encoded: Sequence[Encoded]) -> list[Prediction]:
        return [self._predict("".join(map(chr, one.ids)), one.spans) for one in encoded]

    def _predict(self, text: str, spans: tuple[tuple[int, int] | None, ...]) -> Prediction:
        if "poison" in text:
            raise RuntimeError("a poisonous text")
        heads: dict[str, npt.NDArray[np.float32]] = {}
        for head, labels in self.labels.items():
            if head in self._on_span:
                rows = [probabilities(text, str(span), labels) for span in spans]
                heads[head] = np.array(rows, np.float32).reshape(len(spans), len(labels))
            else:
                heads[head] = probabilities(text, "", labels)
        return heads


def probabilities(text: str, salt: str, labels: tuple[str, ...]) -> npt.NDArray[np.float32]:
    named = [label for label in labels if label in text]
    digest = hashlib.blake2b((text + salt).encode("utf-8", "surrogatepass"), digest_size=4).digest()
    chosen = labels.index(named[0]) if named else int.from_bytes(digest) % len(labels)
    row = np.full(len(labels), 0.1 / len(labels), np.float32)
    row[chosen] += 0.9
    return row
