"""What an engine does before it computes: texts to tokens, as the artifact was taught to read them."""

from collections.abc import Mapping, Sequence

from tokenizers import Encoding, Tokenizer

from models.artifact import TOKENIZER, Artifact, check_kind
from models.engines import Encoded, Request
from models.engines.batches import bare, cut, cut_pair, token_span
from models.errors import InputError


class ClassifierTexts:
    """The half of an engine that reads; the other half infers."""

    def __init__(self, artifact: Artifact) -> None:
        check_kind(artifact, "classifier")
        self._config = artifact.config
        self.version = artifact.version
        self.max_tokens = self._config.max_tokens
        self.labels: Mapping[str, tuple[str, ...]] = {name: head.labels for name, head in self._config.heads.items()}
        self._tokenizer = tokenizer_of(artifact)

    def encode(self, requests: Sequence[Request]) -> list[Encoded]:
        """Tokenize, in the order given. Raises InputError for a pair where single texts are scored, and vice versa."""
        if self._config.pair:
            return [self._encoded_pair(pair) for pair in self._tokenizer.encode_batch(list(map(self._pair, requests)))]
        return [
            self._encoded(encoding.ids, encoding.offsets if request.spans else (), request)
            for request, encoding in zip(
                requests, self._tokenizer.encode_batch([self._single(request) for request in requests]), strict=True
            )
        ]

    def _single(self, request: Request) -> str:
        if request.second is not None:
            raise InputError(f"{self.version} scores single texts, got a pair; leave out the second text")
        return request.text

    def _pair(self, request: Request) -> tuple[str, str]:
        if request.second is None or request.spans:
            raise InputError(f"{self.version} scores pairs of texts, got a single one or spans; give a second text")
        return request.text, request.second

    def _encoded_pair(self, encoding: Encoding) -> Encoded:
        ids, first = cut_pair(encoding, self.max_tokens)
        return Encoded(ids, (), len(encoding.ids) > len(ids), first)

    def _encoded(self, all_ids: list[int], offsets: Sequence[tuple[int, int]], request: Request) -> Encoded:
        ids = cut(all_ids, self.max_tokens)
        read = offsets[: len(ids) - 1]
        return Encoded(ids, tuple(token_span(read, *span) for span in request.spans), len(all_ids) > len(ids))


def tokenizer_of(artifact: Artifact) -> Tokenizer:
    """The artifact's tokenizer, which neither cuts nor fills: engines do, each in its way."""
    return bare(Tokenizer.from_buffer(artifact.read(TOKENIZER)))
