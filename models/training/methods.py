"""Ways to fine-tune an encoder: all of it, or a small part that is added to it while the rest stays as it was.

    full     every weight
    lora     low-rank updates of every linear layer (Hu et al. 2021), by peft
    adalora  the same, the rank shared out by importance on the way (Zhang et al. 2023), by peft
    prefix   keys and values before each layer's own (models/training/added.py)
    adapter  a bottleneck after each sub-layer (models/training/added.py)

What LoRA and AdaLoRA learned is merged into the weights that are written, so all that comes after sees a plain encoder.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from transformers import BertModel

from models.errors import InputError
from models.tasks.training import ADDED, Training, added_to
from models.training import added

LEARNING_RATES = {"lora": 1e-3, "adalora": 2e-3, "prefix": 1e-2, "adapter": 1e-3}
ADAPTER = "default"  # peft's name for the only one
SCORES = ("ipt", "exp_avg_ipt", "exp_avg_unc")  # AdaLoRA's running importance of each weight


def adapt(encoder: nn.Module, training: Training, total: int) -> nn.Module:
    """The encoder with what the method adds, only which can learn; AdaLoRA's schedule wants the steps in all.

    Raises InputError if something of another method or size was added to it before.
    """
    size = training.prefix_length if training.method == "prefix" else training.bottleneck
    had = added_to(encoder.state_dict())
    if had and (had != training.method or added.size_of(encoder.state_dict()) != size):
        raise InputError(
            f"the base was fine-tuned by {had} (size {added.size_of(encoder.state_dict())}), the run wants"
            f" {training.method} (size {size}); go on with the same, or give a base that nothing was added to"
        )
    if training.method == "full":
        return encoder
    if training.method in ("lora", "adalora"):
        return _low_rank(encoder, training, total)
    if encoder.config.model_type != "bert":
        raise InputError(f"method {training.method} knows BERT only, this is a {encoder.config.model_type}; use lora")
    if not had and training.method == "prefix":
        encoder = added.Prefixed(encoder, size)
    elif not had:
        encoder = added.add_bottlenecks(encoder, size)
    for name, parameter in encoder.named_parameters():
        parameter.requires_grad_(ADDED in f".{name}")
    return encoder


def learning_rate(training: Training) -> float:
    """What the encoder's part that learns begins with."""
    if training.method == "full":
        return training.learning_rate
    return training.added_learning_rate or LEARNING_RATES[training.method]


def merged(encoder: nn.Module) -> nn.Module:
    """The encoder as it is written: a copy with LoRA's and AdaLoRA's updates in its weights, or itself."""
    if not hasattr(encoder, "merge_and_unload"):
        return encoder
    plain: nn.Module = copy.deepcopy(encoder).merge_and_unload()
    return plain


def counts(network: nn.Module) -> tuple[int, int]:
    """Parameters that learn, and in all."""
    sizes = [(p.numel(), p.requires_grad) for p in network.parameters()]
    return sum(n for n, learns in sizes if learns), sum(n for n, _ in sizes)


def penalty(encoder: nn.Module) -> torch.Tensor | None:
    """AdaLoRA's: how far the singular vectors are from orthogonal. peft adds it only where the model returns a loss."""
    if not _is_adalora(encoder):
        return None
    vectors = [p for name, p in encoder.named_parameters() if "lora_A" in name]
    vectors += [p.T for name, p in encoder.named_parameters() if "lora_B" in name]
    distances = [torch.linalg.matrix_norm(v @ v.T - torch.eye(len(v), device=v.device)) for v in vectors]
    weight: float = encoder.base_model.peft_config[ADAPTER].orth_reg_weight
    return weight * torch.stack(distances).mean()


def after_step(encoder: nn.Module, step: int) -> None:
    """AdaLoRA shares out the rank; to be called while the gradients of step `step` (from 0) are there."""
    if _is_adalora(encoder):
        encoder.base_model.update_and_allocate(step)


def state(network: nn.Module) -> dict[str, torch.Tensor]:
    """All that a run can't get back from its base: what learns, and AdaLoRA's scores and ranks."""
    kept = {f"trained.{name}": p.detach() for name, p in network.named_parameters() if p.requires_grad}
    if _is_adalora(network.encoder):
        allocator = network.encoder.base_model.rankallocator
        for score in SCORES:
            kept |= {f"{score}.{name}": value for name, value in getattr(allocator, score).items()}
        ranks = network.encoder.base_model.peft_config[ADAPTER].rank_pattern or {}
        kept |= {f"ranks.{name}": torch.tensor(kept_ranks) for name, kept_ranks in ranks.items()}
    return {name: value.contiguous() for name, value in kept.items()}


def restore(network: nn.Module, kept: Mapping[str, torch.Tensor]) -> None:
    """Put back what `state` gave. Raises ValueError if it is of another method or size."""
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for name, value in kept.items():
        part, _, rest = name.partition(".")
        parts.setdefault(part, {})[rest] = value
    learning = {name: p for name, p in network.named_parameters() if p.requires_grad}
    trained = parts.get("trained", {})
    if {n: p.shape for n, p in learning.items()} != {n: value.shape for n, value in trained.items()}:
        raise ValueError("what was trained there is of another method, rank or size")
    with torch.no_grad():
        for name, parameter in learning.items():
            parameter.copy_(trained[name])
    if _is_adalora(network.encoder):
        device = next(network.parameters()).device
        base = network.encoder.base_model
        for score in SCORES:
            setattr(base.rankallocator, score, {n: value.to(device) for n, value in parts.get(score, {}).items()})
        base.peft_config[ADAPTER].rank_pattern = {n: value.tolist() for n, value in parts.get("ranks", {}).items()}


def _low_rank(encoder: BertModel, training: Training, total: int) -> nn.Module:
    from peft import AdaLoraConfig, LoraConfig, get_peft_model

    shared: dict[str, Any] = {
        "lora_alpha": training.alpha,
        "lora_dropout": training.dropout,
        "target_modules": "all-linear",
    }
    if training.method == "lora":
        return get_peft_model(encoder, LoraConfig(r=training.rank, **shared))
    config = AdaLoraConfig(
        target_r=training.rank, init_r=max(training.rank + 1, round(1.5 * training.rank)), total_step=total,
        tinit=total // 10, tfinal=total // 3, deltaT=max(1, total // 100), **shared,
    )  # fmt: skip
    return get_peft_model(encoder, config)


def _is_adalora(encoder: nn.Module) -> bool:
    return hasattr(getattr(encoder, "base_model", None), "rankallocator")
