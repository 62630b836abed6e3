"""Any sequence classifier as ONNX by torch's own exporter, with the inputs and outputs of our graph (models/graph.py).

Inputs  input_ids int64 [B, S]; lengths int64 [B]; spans float32 [B, K, S], which it does not use.
Outputs <head> float32 [B, 1, labels], raw logits of the whole text.

float32: quantized dynamically, a text's score would depend on its batch-mates.
"""

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import onnx
import torch
from torch import nn


class Served(nn.Module):  # type: ignore[misc]
    """The model behind the served inputs; `order` says which of its logits comes where."""

    def __init__(self, model: nn.Module, order: Sequence[int]) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("order", torch.tensor(list(order)))

    def forward(self, input_ids: torch.Tensor, lengths: torch.Tensor, spans: torch.Tensor) -> torch.Tensor:
        mask = (torch.arange(input_ids.shape[1])[None] < lengths[:, None]).long()
        logits = self.model(input_ids=input_ids, attention_mask=mask).logits
        return logits.index_select(1, self.order).unsqueeze(1)


def build_stock(model: Any, head: str, order: Sequence[int], pad_id: int) -> onnx.ModelProto:
    """Raises RuntimeError where torch can't export the architecture."""
    ids = torch.full((2, 7), pad_id)
    ids[0], ids[1, :3] = pad_id + 1, pad_id + 1
    axes = {0: "B", 1: "S"}
    registered = logging.getLogger("torch.onnx._internal.exporter._registration")
    before = registered.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own making, none the user's to mend
        registered.setLevel(logging.ERROR)
        try:
            program = torch.onnx.export(
                Served(model, order).eval(), (ids, torch.tensor([7, 3]), torch.ones(2, 2, 7)),
                input_names=["input_ids", "lengths", "spans"], output_names=[head], dynamo=True, verbose=False,
                dynamic_shapes=(axes, {0: "B"}, {0: "B", 1: "K", 2: "S"}),
            )  # fmt: skip
        finally:
            registered.setLevel(before)
    proto: onnx.ModelProto = program.model_proto
    return proto
