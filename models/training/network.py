"""The network: an encoder, spans pooled out of its last hidden state, one linear classifier a head.

A text is span 0, its entities spans 1..K, so N entities cost one pass (models/graph.py serves the same arithmetic of a
BERT; an encoder of another architecture can only teach one).
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoConfig, AutoModel

from models.errors import InputError
from models.tasks.task import Head
from models.training import added, methods
from models.training.bases import loaded


class SpanClassifier(nn.Module):  # type: ignore[misc]
    """logits[head] [B, K, labels] of input_ids [B, S], mask [B, S] and pooling weights spans [B, K, S].

    `token_types` [B, S] tell a pair's texts apart, to an encoder that has such types; None: all are 0.
    """

    def __init__(self, encoder: nn.Module, heads: Mapping[str, Head], dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict(
            {h.name: nn.Linear(encoder.config.hidden_size, len(h.labels)) for h in heads.values()}
        )

    def forward(
        self, input_ids: torch.Tensor, mask: torch.Tensor, spans: torch.Tensor, token_types: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        known = token_types is not None and getattr(self.encoder.config, "type_vocab_size", 0) > 1
        types = {"token_type_ids": token_types} if known else {}
        hidden = self.encoder(input_ids=input_ids, attention_mask=mask, **types).last_hidden_state
        pooled = self.dropout(torch.bmm(spans, hidden))
        return {name: head(pooled) for name, head in self.heads.items()}


def from_base(base: str | Path, heads: Mapping[str, Head], dropout: float) -> SpanClassifier:
    """A pretrained encoder with fresh heads, or what `save` wrote, heads included, to go on from."""
    if is_fine_tuned(Path(base)):
        model = load(Path(base), heads)
        model.dropout.p = dropout
        return model
    return SpanClassifier(loaded(AutoModel, base, add_pooling_layer=False), heads, dropout)


def is_fine_tuned(directory: Path) -> bool:
    """Whether a directory holds heads of ours beside the encoder."""
    path = directory / "model.safetensors"
    if not path.exists():
        return False
    with safe_open(path, "pt") as weights:
        return any(name.startswith("heads.") for name in weights.keys())  # noqa: SIM118 - no mapping


def heads_in(directory: Path, heads: Mapping[str, Head]) -> dict[str, Head]:
    """Those of the heads that the model in a directory has; a teacher need not know all."""
    with safe_open(directory / "model.safetensors", "pt") as weights:
        names = set(weights.keys())
    return {name: head for name, head in heads.items() if f"heads.{name}.weight" in names}


def save(model: SpanClassifier, directory: Path) -> None:
    """config.json and model.safetensors, LoRA's updates merged; the caller makes it atomic."""
    encoder = methods.merged(model.encoder)
    model.encoder.config.to_json_file(directory / "config.json")
    parts = {"encoder": encoder, "heads": model.heads}
    weights = {f"{part}.{name}": value for part, module in parts.items() for name, value in module.state_dict().items()}
    save_file({name: value.contiguous() for name, value in weights.items()}, directory / "model.safetensors")


def load(directory: Path, heads: Mapping[str, Head]) -> SpanClassifier:
    """What `save` wrote, a prefix or adapters included. Raises InputError if it is not there or has other heads."""
    try:
        config = AutoConfig.from_pretrained(directory)
        weights = load_file(directory / "model.safetensors")
        encoder = added.rebuild(AutoModel.from_config(config, add_pooling_layer=False), weights)
        model = SpanClassifier(encoder, heads)
        model.load_state_dict(weights)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{directory}: no fine-tuned model of this task: {error}") from None
    model.eval()
    return model
