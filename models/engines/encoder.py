"""The engine that embeds: texts in, vectors of length 1 out, so that a dot product is the cosine.

Batches are made as models/engines/onnx.py makes them; a text's vector does not depend on its batch-mates.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from models.artifact import Artifact, check_kind
from models.cores import engine_threads
from models.engines.batches import arrays, cut
from models.engines.onnx import by_length, session_of
from models.engines.texts import tokenizer_of


class Encoder:
    """Serves one artifact of kind encoder. Thread-safe; at most `threads` batches run at once, whoever asks."""

    def __init__(self, artifact: Artifact, threads: int = 0) -> None:
        """`threads` 0: one a core, at most four. Raises ArtifactError for a model that can't be run."""
        check_kind(artifact, "encoder")
        config = artifact.config
        assert config.embedding is not None  # what a config of this kind has
        self.version = artifact.version
        self.dimensions = config.embedding.dimensions
        self.max_tokens = config.max_tokens
        self._config, self._embedding = config, config.embedding
        self._tokenizer = tokenizer_of(artifact)
        self._session = session_of(artifact, {"embedding": self.dimensions})
        self._pool = ThreadPoolExecutor(engine_threads(threads), thread_name_prefix="embed")

    def encode(self, texts: Sequence[str], *, query: bool = False) -> npt.NDArray[np.float32]:
        """Vectors float32 [len(texts), dimensions] of length 1, rows in the order given; passages unless `query`.

        A text longer than `max_tokens` is cut; an empty one is legal.
        """
        prefix = self._embedding.query_prefix if query else self._embedding.passage_prefix
        encodings = self._tokenizer.encode_batch([prefix + text for text in texts])
        ids = [cut(encoding.ids, self.max_tokens) for encoding in encodings]
        vectors = np.zeros((len(ids), self.dimensions), np.float32)
        batches = list(by_length([len(one) for one in ids]))
        for batch, rows in zip(batches, self._pool.map(lambda b: self._run([ids[n] for n in b]), batches), strict=True):
            vectors[batch] = rows
        return vectors

    def _run(self, ids: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        padded, lengths, weights = arrays(ids, [()] * len(ids), self._config.pad_id, self._config.text_pooling)
        feed = {"input_ids": padded, "lengths": lengths, "spans": weights}
        (rows,) = self._session.run(["embedding"], feed)
        return np.asarray(rows, np.float32)
