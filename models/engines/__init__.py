"""The engine contract: requests in, logits' probabilities out. It knows nothing of Kafka and no sibling.

An engine encodes (tokenizes) and infers in two calls, so that the two stages can be measured apart and batches
can be bounded by tokens. Engines of this contract that ship: `onnx` (CPU) and `fake` (deterministic, for tests); beside
it stand `reader` (spans of passages) and `encoder` (vectors), which have contracts of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Span = tuple[int, int]
"""Character offsets [start, end) into the request's text."""


class Request(NamedTuple):
    """A text and the spans in it (entity mentions) that want a verdict of their own; or, for an engine of pairs, a text
    and a `second` one: a question and an answer to it.
    """

    text: str
    spans: tuple[Span, ...] = ()
    second: str | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """A tokenized request.

    `spans` are token ranges [start, end) into `ids`, one per requested span, in order; None where the span lies
    past the `truncated` end of the text: such a span is judged by the whole text. Of a pair `first` is where the tokens
    of type 1, its second text, begin.
    """

    ids: tuple[int, ...]
    spans: tuple[Span | None, ...]
    truncated: bool
    first: int = 0


Prediction = Mapping[str, npt.NDArray[np.float32]]
"""Head name -> calibrated probabilities: [labels] for a head on the text, [spans, labels] for a head on spans."""


class Engine(Protocol):
    """What scores single texts, or pairs. Thread-safe: `encode` and `infer` may be called from several threads."""

    @property
    def labels(self) -> Mapping[str, tuple[str, ...]]:
        """Head name -> its labels, in the order of the probabilities."""

    @property
    def version(self) -> str:
        """Name and version of the artifact, as records carry it, e.g. 'news/1'."""

    @property
    def max_tokens(self) -> int:
        """Tokens of one text that are read; a longer text is cut and `Encoded.truncated` says so."""

    def encode(self, requests: Sequence[Request]) -> list[Encoded]:
        """Tokenize, in the order given. Raises InputError for a pair where single texts are scored, and vice versa."""

    def infer(self, encoded: Sequence[Encoded]) -> list[Prediction]:
        """Probabilities, in the order given; a row never depends on its batch-mates."""
