"""Fine-tuning a classifier: texts in batches of like lengths, all heads at once, the best epoch on dev kept.

The steps are loop.py, the run's directory checkpoints.py, what learns methods.py.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from models.data.corpus import OUTLIER, Corpus, Example
from models.engines.batches import Batch, Item, collate, in_order, read_tokenizer, shuffled, tokenize
from models.errors import InputError
from models.metrics import dev_score, scores_of
from models.tasks.task import Task
from models.tasks.training import Training
from models.training import network
from models.training.loop import ALONE, Surroundings, fit
from models.training.loss import class_weights_of, loss_of


def finetune(
    task: Task, corpus: Corpus, base: Path, run: Path, training: Training,
    around: Surroundings = ALONE, *, resume: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Train and return the log's best line. Raises InputError for unusable data or options, and what `fit` does."""
    torch.manual_seed(training.seed)
    model = network.from_base(base, task.heads, training.dropout)
    return fit(Classifying(task, corpus, base, model, training), run, training, around, resume=resume)


class Classifying:
    """The learner: a classifier over pooled spans, its texts tokenized once."""

    def __init__(
        self, task: Task, corpus: Corpus, base: Path, model: network.SpanClassifier, training: Training
    ) -> None:
        self.network, self._task, self._base, self._gamma = model, task, base, training.focal_gamma
        tokenizer = read_tokenizer(base)
        self._pad_id = pad_of(tokenizer, base)
        if task.pair:
            check_joins(tokenizer, base)
        self._train, self._dev = (
            tokenize(corpus.examples[split], tokenizer, task.max_tokens) for split in ("train", "dev")
        )
        if not self._train or not self._dev:
            raise InputError(
                f"{len(self._train)} examples to train on and {len(self._dev)} to choose by; wanted some of both"
            )
        self.size = len(self._train)
        labels = {name: head.labels for name, head in task.heads.items()}
        self._class_weights = class_weights_of(training, labels, self._train)

    def epoch(self, texts_a_step: int, seed: int) -> Sequence[Sequence[Item]]:
        return shuffled(self._train, texts_a_step, seed)

    def loss(self, texts: Sequence[Item]) -> tuple[torch.Tensor, float]:
        batch = collate(texts, self._pad_id, self._task.text_pooling)
        logits = run_batch(self.network, batch)
        return loss_of(logits, batch.rows, self._weights_on(next(iter(logits.values())).device), self._gamma)

    def _weights_on(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {head: weight.to(device) for head, weight in self._class_weights.items()}

    def evaluate(self) -> tuple[dict[str, Any], float]:
        report = scores_of(self._task.heads, predict(self.network, self._dev, self._pad_id, self._task.text_pooling))
        return report, dev_score(self._task.heads, report)

    def save(self, directory: Path) -> None:
        network.save(self.network, directory)
        shutil.copyfile(self._base / "tokenizer.json", directory / "tokenizer.json")


def pad_of(tokenizer: Tokenizer, base: Path) -> int:
    """BERT's, or RoBERTa's and MPNet's. Raises InputError without either."""
    for pad in ("[PAD]", "<pad>"):
        pad_id: int | None = tokenizer.token_to_id(pad)
        if pad_id is not None:
            return pad_id
    raise InputError(f"{base}/tokenizer.json has neither [PAD] nor <pad>; give a BERT-like base")


def check_joins(tokenizer: Tokenizer, base: Path) -> None:
    """Raise InputError for a tokenizer that puts nothing between the two texts of a pair."""
    alone, joined = (tokenizer.num_special_tokens_to_add(is_pair) for is_pair in (False, True))
    if joined <= alone:
        raise InputError(
            f"{base}/tokenizer.json puts no special token between two texts ({joined} around both, {alone} around one);"
            " give a BERT-like base"
        )


@torch.no_grad()  # type: ignore[untyped-decorator]
def predict(
    model: network.SpanClassifier, items: list[Item], pad_id: int, pooling: str
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Head -> (logits [n, labels], labels [n]) over all targets of weight 1."""
    model.eval()
    logits: dict[str, list[Any]] = {}
    labels: dict[str, list[int]] = {}
    for part in in_order(items, 64):
        batch = collate(part, pad_id, pooling)
        out = {head: of.float().cpu().numpy() for head, of in run_batch(model, batch).items()}
        for head, rows in batch.rows.items():
            for b, k, label, weight in rows:
                if weight == 1.0 or label == OUTLIER:
                    logits.setdefault(head, []).append(out[head][b, k])
                    labels.setdefault(head, []).append(label)
    return {head: (np.array(logits[head]), np.array(labels[head])) for head in logits}


def judge(directory: Path, task: Task, examples: Sequence[Example]) -> dict[str, Any]:
    """The log's report of a model as a run wrote it, by torch in float32: also of one that can't become an artifact."""
    tokenizer = read_tokenizer(directory)
    items = tokenize(examples, tokenizer, task.max_tokens)
    model = network.load(directory, task.heads)
    return scores_of(task.heads, predict(model, items, pad_of(tokenizer, directory), task.text_pooling))


def run_batch(model: network.SpanClassifier, batch: Batch) -> dict[str, torch.Tensor]:
    """Each head's logits [B, K, labels] of a batch, on the model's device."""
    device = next(model.parameters()).device
    ids, lengths, spans, types = (
        torch.from_numpy(each).to(device) for each in (batch.input_ids, batch.lengths, batch.spans, batch.token_types)
    )
    mask = torch.arange(ids.shape[1], device=device)[None, :] < lengths[:, None]
    out: dict[str, torch.Tensor] = model(ids, mask.long(), spans, types)
    return out
