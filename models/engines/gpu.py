"""The engine that serves on a GPU: the weights of the int8 graph in bfloat16, through torch.

It reads texts as OnnxEngine does and runs the same network without the rounding of activations. Batches are far larger
than on a CPU, each of texts of one width; all heads are one product; while the GPU computes a batch the next one is
laid out, and results are waited for once.

A row does not depend on its batch-mates but for the order of sums, which differs between kernels of different shapes:
the tests hold probabilities to 1e-5 in float32 on a CPU, and to 2e-2 in bfloat16 where there is a GPU.

Needs torch and onnx, the [gpu] extra; nobody but streams/engines.py imports this module, and only when it is asked for.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from models.artifact import MODEL, Artifact
from models.engines import Encoded, Prediction
from models.engines.batches import arrays, token_types
from models.engines.bert import Network
from models.engines.onnx import by_length, predictions
from models.engines.texts import ClassifierTexts
from models.errors import ArtifactError, SettingsError
from models.unpack import unpack

BUDGET_TOKENS = 16_384
ALIGNED = 8  # widths are its multiples: what the attention kernels and tensor cores want


class Gpu(NamedTuple):
    """Where the network runs, and in what its matrices are."""

    device: torch.device
    dtype: torch.dtype

    @classmethod
    def of(cls, name: str) -> "Gpu":
        """float32 on a "cpu"; on "cuda" bfloat16, where the GPU has it. Raises SettingsError without a CUDA device."""
        if name == "cpu":
            return cls(torch.device("cpu"), torch.float32)
        if not torch.cuda.is_available():
            raise SettingsError(
                f"device {name}: torch {torch.__version__} finds no CUDA device here; install a torch with CUDA and the"
                " GPU's driver, or set GRETCHEN_DEVICE=cpu"
            )
        known = torch.cuda.is_bf16_supported(including_emulation=False)
        return cls(torch.device(name), torch.bfloat16 if known else torch.float32)

    def __str__(self) -> str:
        told = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else str(self.device)
        return f"{told} in {str(self.dtype).removeprefix('torch.')} by torch {torch.__version__}"

    def take(self, array: npt.NDArray[Any], width: int | None = None) -> torch.Tensor:
        """A copy there, on its way when this returns; the last axis filled with 0 up to `width`."""
        shape = array.shape if width is None else (*array.shape[:-1], width)
        given = torch.from_numpy(array)
        here = torch.zeros(shape, dtype=given.dtype, pin_memory=self.device.type == "cuda")
        here[..., : array.shape[-1]] = given
        return here.to(self.device, non_blocking=True)

    def give(self, tensor: torch.Tensor) -> torch.Tensor:
        """A copy here, to be read only after `wait`."""
        if self.device.type == "cpu":
            return tensor
        here = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        return here.copy_(tensor, non_blocking=True)

    def wait(self) -> None:
        """Until what this thread's stream was asked for is done."""
        if self.device.type == "cuda":
            torch.cuda.current_stream(self.device).synchronize()


class TorchEngine(ClassifierTexts):
    """Serves one artifact on a device. Thread-safe: what several threads ask for is computed in turns."""

    def __init__(self, artifact: Artifact, device: str = "cuda") -> None:
        """`device`: "cuda", "cuda:1" or "cpu". Raises ArtifactError for a model whose weights can't be read back,
        SettingsError for a device that is not there."""
        super().__init__(artifact)
        self._gpu = Gpu.of(device)
        unpacked = unpack(artifact)
        wanted = {name: len(labels) for name, labels in self.labels.items()}
        if unpacked.heads != wanted:
            raise ArtifactError(
                f"{artifact.path / MODEL} has the outputs {unpacked.heads}, its config says {wanted}; export it again"
            )
        self._network = Network(unpacked, list(wanted), *self._gpu)
        self.infer([Encoded((self._config.pad_id,) * 2, (), False)])  # loads the kernels, or fails now

    def infer(self, encoded: Sequence[Encoded]) -> list[Prediction]:
        """Probabilities, in the order given; a row never depends on its batch-mates, to the precision's tolerance."""
        widths = [aligned(len(each.ids), self._network.places) for each in encoded]
        batches = list(by_length(widths, BUDGET_TOKENS))  # each of one width: another is past the slack
        with torch.inference_mode():
            logits = [self._ask([encoded[n] for n in batch]) for batch in batches]
            self._gpu.wait()
        ends = np.cumsum([len(labels) for labels in self.labels.values()])[:-1]
        found: list[Prediction] = [{}] * len(encoded)
        for batch, values in zip(batches, logits, strict=True):
            rows = predictions(self._config, np.split(values.numpy(), ends, axis=-1), [encoded[n] for n in batch])
            for n, prediction in zip(batch, rows, strict=True):
                found[n] = prediction
        return found

    def _ask(self, batch: Sequence[Encoded]) -> torch.Tensor:
        """Logits [B, K, labels of all heads], there after a wait."""
        ids, lengths, spans = arrays(
            [each.ids for each in batch], [each.spans for each in batch], self._config.pad_id, self._config.text_pooling
        )
        width = aligned(ids.shape[1], self._network.places)
        types = token_types([each.first for each in batch], lengths, width) if self._config.pair else None
        return self._gpu.give(
            self._network.logits(
                self._gpu.take(ids, width),
                None if (lengths == width).all() else self._gpu.take(np.arange(width) < lengths[:, None]),
                self._gpu.take(spans, width),
                None if types is None else self._gpu.take(types),
            )
        )


def aligned(tokens: int, places: int) -> int:
    """A batch's width: the next multiple of ALIGNED, as far as there are position embeddings for it."""
    return max(tokens, min(-(-tokens // ALIGNED) * ALIGNED, places))
