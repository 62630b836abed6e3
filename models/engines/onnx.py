"""The engine that serves on a CPU: `tokenizers`, ONNX Runtime, batches of like lengths.

One session that runs on the calling thread alone, called by several threads: that beats one session with several
threads, and holds up when Python is busy. Requests are sorted by length and cut by a token budget, so that almost
nothing is padding; static quantization keeps a text's score apart from its batch-mates.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime as ort

from models.artifact import MODEL, Artifact, Config
from models.cores import engine_threads
from models.engines import Encoded, Prediction
from models.engines.batches import arrays, token_types
from models.engines.texts import ClassifierTexts
from models.errors import ArtifactError
from models.metrics import softmax

BUDGET_TOKENS = 512
LEAST_TOKENS = 64  # less is not shared out: the matrices would become too small
SLACK_TOKENS = 4  # padding that one text may bring into a batch


class OnnxEngine(ClassifierTexts):
    """Serves one artifact. Thread-safe; at most `threads` batches run at once, whoever asks."""

    def __init__(self, artifact: Artifact, threads: int = 0, budget_tokens: int = BUDGET_TOKENS) -> None:
        """`threads` 0: one a core, at most four; `budget_tokens`: of a batch, with padding. Raises ArtifactError for a
        model that can't be run."""
        super().__init__(artifact)
        self._session = session_of(artifact, {name: len(labels) for name, labels in self.labels.items()})
        self._threads = engine_threads(threads)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="infer")
        self._budget_tokens = budget_tokens

    def infer(self, encoded: Sequence[Encoded]) -> list[Prediction]:
        """Probabilities, in the order given; a row never depends on its batch-mates."""
        lengths = [len(each.ids) for each in encoded]
        batches = list(by_length(lengths, share_of(sum(lengths), self._threads, self._budget_tokens)))
        results = self._pool.map(lambda batch: self._run([encoded[n] for n in batch]), batches)
        predictions: list[Prediction] = [{}] * len(encoded)
        for batch, result in zip(batches, results, strict=True):
            for n, prediction in zip(batch, result, strict=True):
                predictions[n] = prediction
        return predictions

    def _run(self, batch: Sequence[Encoded]) -> list[Prediction]:
        config = self._config
        ids, lengths, spans = arrays(
            [each.ids for each in batch], [each.spans for each in batch], config.pad_id, config.text_pooling
        )
        feed = {"input_ids": ids, "lengths": lengths, "spans": spans}
        if config.pair:
            feed["token_types"] = token_types([each.first for each in batch], lengths, ids.shape[1])
        logits = self._session.run(list(config.heads), feed)
        return predictions(config, logits, batch)


def predictions(config: Config, logits: Sequence[Any], batch: Sequence[Encoded]) -> list[Prediction]:
    """Of a batch's logits, for each head of the config [B, K, labels]."""
    heads = {
        name: (head.on, softmax(values, head.temperature).astype(np.float32))
        for (name, head), values in zip(config.heads.items(), logits, strict=True)
    }
    return [
        {name: p[b, 0] if on == "text" else p[b, 1 : 1 + len(each.spans)] for name, (on, p) in heads.items()}
        for b, each in enumerate(batch)
    ]


def share_of(tokens: int, threads: int, budget_tokens: int) -> int:
    """A batch's budget, at most `budget_tokens`, by which every thread has as much to do, in as few turns as can be."""
    turns = max(1, -(-tokens // (budget_tokens * threads)))
    return min(budget_tokens, max(LEAST_TOKENS, -(-tokens // (turns * threads)) + SLACK_TOKENS))


def by_length(lengths: Sequence[int], budget_tokens: int = BUDGET_TOKENS) -> Iterator[list[int]]:
    """Indices in batches, longest first: at most `budget_tokens` with padding, none more than a few tokens of it."""
    batch: list[int] = []
    width = 0
    for n in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
        if batch and ((len(batch) + 1) * width > budget_tokens or width - lengths[n] > SLACK_TOKENS):
            yield batch
            batch = []
        if not batch:
            width = lengths[n]
        batch.append(n)
    if batch:
        yield batch


def session_of(artifact: Artifact, wanted: Mapping[str, int]) -> ort.InferenceSession:
    """The model on the calling thread alone; `wanted` is each output's last dimension. Raises ArtifactError."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(artifact.model(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - onnxruntime's errors share no base
        raise ArtifactError(f"{artifact.path / MODEL}: ONNX Runtime can't load it: {first_line(error)}") from None
    outputs = {output.name: output.shape[-1] for output in session.get_outputs()}
    if outputs != wanted:
        raise ArtifactError(
            f"{artifact.path / MODEL} has the outputs {outputs}, its config says {wanted}; export it again"
        )
    return session


def first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
