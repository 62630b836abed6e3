"""The encoder's network: BERT, the mean of the last hidden states of a text's tokens, brought to length 1.

What `save` writes is a plain BertModel: `AutoModel.from_pretrained` loads it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F  # noqa: N812
from transformers import AutoModel, BertModel

from models.training import methods
from models.training.bases import pretrained


class TextEncoder(nn.Module):  # type: ignore[misc]
    """Vectors [B, hidden] of length 1, of input_ids [B, S], mask [B, S] and pooling weights spans [B, 1, S]."""

    def __init__(self, encoder: BertModel) -> None:
        super().__init__()
        self.encoder: nn.Module = encoder
        self.config = encoder.config

    def forward(self, input_ids: torch.Tensor, mask: torch.Tensor, spans: torch.Tensor) -> torch.Tensor:
        hidden = self.encoder(input_ids=input_ids, attention_mask=mask).last_hidden_state
        return F.normalize(torch.bmm(spans, hidden.float()).squeeze(1), dim=-1)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **more: Any) -> Any:
        """Takes the names that `save` writes."""
        return super().load_state_dict({f"encoder.{n}": value for n, value in state_dict.items()}, *args, **more)


def from_base(base: Path, dropout: float, max_tokens: int) -> TextEncoder:
    """A pretrained BERT, or an encoder to go on from. Raises InputError for what is neither."""
    options = {"hidden_dropout_prob": dropout, "add_pooling_layer": False}
    return TextEncoder(pretrained(AutoModel, BertModel, base, max_tokens, **options))


def save(network: TextEncoder, directory: Path) -> None:
    """config.json and model.safetensors, LoRA's updates merged; the caller makes it atomic."""
    network.config.architectures = ["BertModel"]
    network.config.to_json_file(directory / "config.json")
    weights = {name: value.contiguous() for name, value in methods.merged(network.encoder).state_dict().items()}
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
