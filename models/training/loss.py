"""The loss of a batch: weighted cross-entropy over all heads, plain or focal, labels weighted where wanted."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from models.data.corpus import OUTLIER
from models.engines.batches import Item
from models.tasks.training import Training

Rows = Mapping[str, Sequence[tuple[int, int, int, float]]]
"""As `Batch.rows`: head -> (b, k, label, weight)."""


def loss_of(
    logits: Mapping[str, torch.Tensor],
    rows: Rows,
    class_weights: Mapping[str, torch.Tensor] | None = None,
    gamma: float = 0.0,
) -> tuple[torch.Tensor, float]:
    """Summed over all targets, and the sum of their weights; an outlier's target is the flat distribution.

    `class_weights[head]` is float32 [labels]. With `gamma` a known target counts by (1 - its probability)^gamma.
    """
    parts, weights_sum = [], 0.0
    for head, of_head in rows.items():
        b, k, labels, weights = (torch.tensor(c, device=logits[head].device) for c in zip(*of_head, strict=True))
        log_p = F.log_softmax(logits[head][b, k].float(), dim=-1)
        known = labels != OUTLIER
        label = labels.clamp(min=0)
        picked = log_p.gather(1, label.unsqueeze(1)).squeeze(1)
        if gamma:
            unsure = (-torch.expm1(picked)).clamp(min=1e-6)  # at 0 a root has no slope
            picked = picked * unsure**gamma
        each = -torch.where(known, picked, log_p.mean(dim=-1))
        if class_weights and head in class_weights:
            weights = weights * torch.where(known, class_weights[head][label], 1.0)
        parts.append((each * weights).sum())
        weights_sum += float(weights.sum())
    return torch.stack(parts).sum(), weights_sum


def class_weights_of(
    training: Training, labels: Mapping[str, tuple[str, ...]], items: Iterable[Item]
) -> dict[str, torch.Tensor]:
    """Head -> weights [labels] by the options; empty where all weigh 1. "balanced" is n / (labels * count)."""
    wanted = training.class_weights
    if wanted == "none":
        return {}
    if not isinstance(wanted, str):
        return {
            head: torch.tensor([float(table.get(label, 1.0)) for label in labels[head]])
            for head, table in wanted.items()
        }
    counts = {head: np.zeros(len(names)) for head, names in labels.items()}
    for item in items:
        for target in item.targets:
            if target.label != OUTLIER:
                counts[target.head][target.label] += 1
    return {
        head: torch.tensor(count.sum() / (len(count) * np.maximum(count, 1)), dtype=torch.float32)
        for head, count in counts.items()
    }
