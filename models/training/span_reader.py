"""The reader's network: an encoder and a start and an end logit a token, written and loaded as Hugging Face does.

What `save` writes is a BertForQuestionAnswering: `AutoModelForQuestionAnswering.from_pretrained` loads it. Another
architecture can be fine-tuned too, and only teach a BERT (models/training/distil_reader.py).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import AutoModelForQuestionAnswering, PreTrainedModel

from models.errors import InputError
from models.training import methods
from models.training.bases import pretrained


class SpanReader(nn.Module):  # type: ignore[misc]
    """Start and end logits [B, S] of input_ids [B, S], mask [B, S] and token_types [B, S]; padding's are -inf."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.encoder: nn.Module = model.base_model
        self.outputs: nn.Module = model.qa_outputs
        self.config = model.config
        self.of = model.base_model_prefix, type(model).__name__

    def forward(
        self, input_ids: torch.Tensor, mask: torch.Tensor, token_types: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        known = getattr(self.config, "type_vocab_size", 0) > 1
        types = {"token_type_ids": token_types} if known else {}
        hidden = self.encoder(input_ids=input_ids, attention_mask=mask, **types).last_hidden_state
        logits = self.outputs(hidden).float().masked_fill(mask.unsqueeze(-1) == 0, float("-inf"))
        start, end = logits.unbind(-1)
        return start, end

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **more: Any) -> Any:
        """Takes the names that `save` writes."""
        ours = {
            name.replace(f"{self.of[0]}.", "encoder.", 1).replace("qa_outputs.", "outputs.", 1): value
            for name, value in state_dict.items()
        }
        return super().load_state_dict(ours, *args, **more)


def from_base(base: Path, dropout: float, max_tokens: int) -> SpanReader:
    """A pretrained encoder with a fresh head, or a reader to go on from. Raises InputError for what is neither."""
    model = pretrained(AutoModelForQuestionAnswering, PreTrainedModel, base, max_tokens, hidden_dropout_prob=dropout)
    if not hasattr(model, "qa_outputs"):
        raise InputError(f"{base}: a {type(model).__name__}, whose head is of another make; give a BERT-like base")
    return SpanReader(model)


def save(network: SpanReader, directory: Path) -> None:
    """config.json and model.safetensors, LoRA's updates merged; the caller makes it atomic."""
    prefix, architecture = network.of
    network.config.architectures = [architecture]
    network.config.to_json_file(directory / "config.json")
    weights = {f"{prefix}.{name}": value for name, value in methods.merged(network.encoder).state_dict().items()}
    weights |= {f"qa_outputs.{name}": value for name, value in network.outputs.state_dict().items()}
    contiguous = {name: value.contiguous() for name, value in weights.items()}
    save_file(contiguous, directory / "model.safetensors", metadata={"format": "pt"})
