"""What prefix-tuning and adapters add to an encoder, by which the weights they are written with are known again.

Neither can be folded into the encoder's own weights: all that is theirs has ADDED in its name.
"""

from collections.abc import Mapping

import torch
from torch import nn
from transformers import BertModel, DynamicCache

from models.tasks.training import added_to


class Prefixed(nn.Module):  # type: ignore[misc]
    """Keys and values of `length` positions before each layer's own (Li & Liang 2021; Liu et al. 2022).

    The prefix is peft's, the way in is ours: peft's moves BERT's positions on by `length`, past the end of a position
    table that was cut to what the task reads, and takes no others.
    """

    def __init__(self, bert: BertModel, length: int) -> None:
        from peft import PrefixEncoder, PrefixTuningConfig

        super().__init__()
        self.bert, self.config = bert, bert.config
        config = self.config
        self.shape = (length, config.num_hidden_layers, 2, config.num_attention_heads)
        self.added = PrefixEncoder(
            PrefixTuningConfig(
                num_virtual_tokens=length,
                token_dim=config.hidden_size,
                num_layers=config.num_hidden_layers,
                num_attention_heads=config.num_attention_heads,
                num_transformer_submodules=1,
            )
        )

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> object:
        (rows, tokens), length, device = input_ids.shape, self.shape[0], input_ids.device
        flat = self.added(torch.arange(length, device=device).expand(rows, -1))
        layers = flat.view(rows, *self.shape, -1).permute(
            2, 3, 0, 4, 1, 5
        )  # [layer, key or value, B, heads, length, d]
        seen = torch.cat([attention_mask.new_ones(rows, length), attention_mask], dim=1)
        return self.bert(
            input_ids=input_ids,
            attention_mask=seen,
            token_type_ids=token_type_ids,
            position_ids=torch.arange(tokens, device=device)[None],
            past_key_values=DynamicCache([(key, value) for key, value in layers]),
        )


class Bottleneck(nn.Module):  # type: ignore[misc]
    """A sub-layer's last projection with an adapter behind it: y + up(gelu(down(y))), at first nothing but y.

    Our own, as the kept library for it (`adapters`) has no release for transformers 5 and peft has no such adapter.
    """

    def __init__(self, dense: nn.Linear, size: int) -> None:
        super().__init__()
        self.dense = dense
        self.added = nn.ModuleDict(
            {"down": nn.Linear(dense.out_features, size), "up": nn.Linear(size, dense.out_features)}
        )
        nn.init.normal_(self.added["down"].weight, std=0.02)
        for zeroed in (self.added["down"].bias, self.added["up"].weight, self.added["up"].bias):
            nn.init.zeros_(zeroed)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.dense(hidden)
        added: torch.Tensor = self.added["up"](nn.functional.gelu(self.added["down"](y)))
        return y + added


def add_bottlenecks(bert: BertModel, size: int) -> BertModel:
    """Two in each layer: after attention and after the feed-forward, before the residual (Houlsby et al. 2019)."""
    for layer in bert.encoder.layer:
        for block in (layer.attention.output, layer.output):
            block.dense = Bottleneck(block.dense, size)
    return bert


def size_of(weights: Mapping[str, torch.Tensor]) -> int:
    """The prefix's length or the bottleneck's width."""
    ends = ("added.embedding.weight", "added.down.weight")
    return next(int(value.shape[0]) for name, value in weights.items() if name.endswith(ends))


def rebuild(bert: BertModel, weights: Mapping[str, torch.Tensor]) -> nn.Module:
    """The encoder that these weights are of, still with `bert`'s own values."""
    kind = added_to(weights)
    if kind == "prefix":
        return Prefixed(bert, size_of(weights))
    return add_bottlenecks(bert, size_of(weights)) if kind else bert
