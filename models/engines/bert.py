"""BERT and the heads of a classifier in torch: the arithmetic of models/graph.py, of the weights that unpack gives.

Plain functions of torch and no transformers, which serving would need for nothing else. Needs torch and onnx.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from models.graph import POOLER, Floats
from models.unpack import Unpacked

Linear = tuple[torch.Tensor, torch.Tensor]
"""Weight [out, in] and bias [out]; of a norm, both [hidden]."""


class Layer(NamedTuple):
    qkv: Linear
    attended: Linear
    attended_norm: Linear
    up: Linear
    down: Linear
    norm: Linear


class Network:
    """Matrices in `dtype` on a device; what comes after the pooling is few rows, and stays float32."""

    def __init__(self, unpacked: Unpacked, heads: Sequence[str], device: torch.device, dtype: torch.dtype) -> None:
        weights, config, _ = unpacked
        self.places: int = config["max_position_embeddings"]
        self.attention_heads: int = config["num_attention_heads"]
        self.hidden: int = config["hidden_size"]
        self.epsilon: float = config["layer_norm_eps"]
        part = Parts(weights, device, dtype)
        at = "encoder.embeddings."
        self.words, self.positions, self.types = (
            part.matrix(f"{at}{name}_embeddings.weight") for name in ("word", "position", "token_type")
        )
        self.embedded_norm = part.linear(f"{at}LayerNorm")
        self.layers = [part.layer(n) for n in range(config["num_hidden_layers"])]
        last = Parts(weights, device, torch.float32)
        self.pooler = last.linear(POOLER) if f"{POOLER}.weight" in weights else None
        self.heads = last.linear(*(f"heads.{head}" for head in heads))

    def logits(
        self, ids: torch.Tensor, mask: torch.Tensor | None, spans: torch.Tensor, types: torch.Tensor | None
    ) -> torch.Tensor:
        """float32 [B, K, labels of all heads] of ids [B, S], mask bool [B, S] (None: nothing is padding), pooling
        weights spans [B, K, S] and token types [B, S] (None: all are 0)."""
        x = F.embedding(ids, self.words) + self.positions[: ids.shape[1]]
        x = x + (self.types[0] if types is None else F.embedding(types, self.types))
        x = self._norm(x, self.embedded_norm)
        seen = None if mask is None else mask[:, None, None, :]
        for layer in self.layers:
            x = self._layer(x, layer, seen)
        pooled = torch.bmm(spans, x.float())
        if self.pooler:
            pooled = torch.tanh(F.linear(pooled, *self.pooler))
        return F.linear(pooled, *self.heads)

    def _layer(self, x: torch.Tensor, layer: Layer, seen: torch.Tensor | None) -> torch.Tensor:
        rows, width, hidden = x.shape
        three = F.linear(x, *layer.qkv).view(rows, width, 3, self.attention_heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(three[0], three[1], three[2], attn_mask=seen)
        mixed = F.linear(mixed.transpose(1, 2).reshape(rows, width, hidden), *layer.attended)
        x = self._norm(mixed + x, layer.attended_norm)
        return self._norm(F.linear(F.gelu(F.linear(x, *layer.up)), *layer.down) + x, layer.norm)

    def _norm(self, x: torch.Tensor, by: Linear) -> torch.Tensor:
        return F.layer_norm(x, (self.hidden,), *by, self.epsilon)


class Parts:
    """Weights by name, on a device; those of several names are put one below the other, for one product of all."""

    def __init__(self, weights: Mapping[str, Floats], device: torch.device, dtype: torch.dtype) -> None:
        self.weights = weights
        self.device = device
        self.dtype = dtype

    def matrix(self, *names: str) -> torch.Tensor:
        whole = np.concatenate([self.weights[name] for name in names])
        return torch.from_numpy(whole).to(self.device, self.dtype)

    def linear(self, *names: str) -> Linear:
        return self.matrix(*(f"{name}.weight" for name in names)), self.matrix(*(f"{name}.bias" for name in names))

    def layer(self, n: int) -> Layer:
        at = f"encoder.encoder.layer.{n}."
        return Layer(
            self.linear(*(f"{at}attention.self.{part}" for part in ("query", "key", "value"))),
            self.linear(f"{at}attention.output.dense"),
            self.linear(f"{at}attention.output.LayerNorm"),
            self.linear(f"{at}intermediate.dense"),
            self.linear(f"{at}output.dense"),
            self.linear(f"{at}output.LayerNorm"),
        )
