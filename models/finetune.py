"""Full fine-tuning: AdamW, linear warm-up and decay, length-bucketed mixed batches, best epoch on dev kept.

    RUN/best/   the model with the best dev score so far: config.json, model.safetensors, tokenizer.json, task.toml
    RUN/last/   the same plus the optimizer's state, to resume from
    RUN/log.jsonl  a line an epoch

A run that was interrupted and resumed gives the weights of one that was not (same machine, same threads): order of
batches and dropout are functions of seed and step.
"""

import json
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch.nn import functional as F  # noqa: N812
from torch.optim import AdamW

from models import network
from models.batches import Batch, Item, collate, in_order, shuffled, tokenize
from models.data import OUTLIER, Corpus
from models.errors import GretchenError, InputError
from models.metrics import dev_score, scores_of
from models.tasks import Task, Training

Progress = Callable[[int, int, str], None]
"""Called with steps done, steps in all and a word on the loss."""


class TrainingFailed(GretchenError):
    """The loss is no number any more; the last good checkpoint is still there."""


def finetune(
    task: Task, corpus: Corpus, base: Path, run: Path, training: Training, *,
    resume: bool = False, progress: Progress = lambda done, total, word: None, checkpoint_s: float = 300,
    device: str = "cpu",
) -> dict[str, Any]:  # fmt: skip
    """Train and return the log's best line. Raises InputError for unusable data, TrainingFailed for a NaN loss."""
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("no CUDA device can be used here; install a torch with CUDA and a driver, or use --device cpu")
    torch.manual_seed(training.seed)
    model = network.from_base(base, task.heads, training.dropout).to(device)
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    pad_id = pad_of(tokenizer, base)
    train, dev = (tokenize(corpus.examples[split], tokenizer, task.max_tokens) for split in ("train", "dev"))
    if not train or not dev:
        raise InputError(f"{len(train)} examples to train on and {len(dev)} to choose by; wanted some of both")

    optimizer = AdamW(_groups(model, training), fused=True)
    peaks = [group["lr"] for group in optimizer.param_groups]
    an_epoch = math.ceil(len(train) / training.batch_size)
    total = max(1, round(an_epoch * training.epochs))
    step, best = _restore(run, model, optimizer) if resume else _fresh(run)
    began_s = saved_s = time.monotonic()
    smooth = 0.0
    while step < total:
        epoch, done = divmod(step, an_epoch)
        for items in shuffled(train, training.batch_size, training.seed * 1000 + epoch)[
            done : total - epoch * an_epoch
        ]:
            torch.manual_seed(training.seed * 1_000_003 + step)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * rate(step, total, training.warmup)
            model.train()
            loss = loss_of(model, collate(items, pad_id, task.text_pooling), pad_id)
            if not torch.isfinite(loss):
                raise TrainingFailed(
                    f"the loss is {loss.item()} at step {step}; lower the learning rate, --resume from {run}/last"
                )
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
            smooth = 0.98 * smooth + 0.02 * loss.item()
            progress(step, total, f"loss {smooth / (1 - 0.98 ** min(step, 500)):.3f}")
            if time.monotonic() - saved_s > checkpoint_s:
                _checkpoint(run, base, task, model, optimizer, step, best)
                saved_s = time.monotonic()
        report = scores_of(task.heads, predict(model, dev, pad_id, task.text_pooling))
        line = {"step": step, "epoch": round(step / an_epoch, 2), "dev": report, "score": dev_score(task.heads, report),
                "seconds": round(time.monotonic() - began_s, 1), "training": asdict(training)}  # fmt: skip
        with (run / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        if not best or line["score"] > best["score"]:
            best = line
            _write(run / "best", base, task, model)
        _checkpoint(run, base, task, model, optimizer, step, best)
    return best


def rate(step: int, total: int, warmup: float) -> float:
    """The learning rate's share of its peak: up over the warm-up, then down to zero at the end."""
    up = max(1, int(total * warmup))
    return (step + 1) / up if step < up else max(0.0, (total - step) / max(1, total - up))


def loss_of(model: network.SpanClassifier, batch: Batch, pad_id: int) -> torch.Tensor:
    """Weighted cross-entropy, averaged per head; an outlier's target is the flat distribution."""
    logits = _run(model, batch, pad_id)
    parts, weights_sum = [], 0.0
    for head, rows in batch.rows.items():
        b, k, labels, weights = (torch.tensor(column, device=logits[head].device) for column in zip(*rows, strict=True))
        log_p = F.log_softmax(logits[head][b, k], dim=-1)
        known = labels != OUTLIER
        picked = log_p.gather(1, labels.clamp(min=0).unsqueeze(1)).squeeze(1)
        each = -torch.where(known, picked, log_p.mean(dim=-1))
        parts.append((each * weights).sum())
        weights_sum += float(weights.sum())
    return torch.stack(parts).sum() / weights_sum


def pad_of(tokenizer: Tokenizer, base: Path) -> int:
    pad_id: int | None = tokenizer.token_to_id("[PAD]")
    if pad_id is None:
        raise InputError(f"{base}/tokenizer.json has no [PAD]; give a BERT-like base")
    return pad_id


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
        out = _run(model, batch, pad_id)
        for head, rows in batch.rows.items():
            for b, k, label, weight in rows:
                if weight == 1.0 or label == OUTLIER:
                    logits.setdefault(head, []).append(out[head][b, k].cpu().numpy())
                    labels.setdefault(head, []).append(label)
    return {head: (np.array(logits[head]), np.array(labels[head])) for head in logits}


def _run(model: network.SpanClassifier, batch: Batch, pad_id: int) -> dict[str, torch.Tensor]:
    device = next(model.parameters()).device
    ids, lengths, spans = (torch.from_numpy(each).to(device) for each in (batch.input_ids, batch.lengths, batch.spans))
    mask = torch.arange(ids.shape[1], device=device)[None, :] < lengths[:, None]
    out: dict[str, torch.Tensor] = model(ids, mask.long(), spans)
    return out


def _groups(model: network.SpanClassifier, training: Training) -> list[dict[str, Any]]:
    """Heads learn faster than the encoder; biases and norms are not decayed."""
    groups: list[dict[str, Any]] = []
    for part, lr in ((model.encoder, training.learning_rate), (model.heads, training.head_learning_rate)):
        for decayed in (True, False):
            chosen = [p for p in part.parameters() if (p.ndim > 1) == decayed]
            groups.append({"params": chosen, "lr": lr, "weight_decay": training.weight_decay if decayed else 0.0})
    return groups


def _fresh(run: Path) -> tuple[int, dict[str, Any]]:
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    return 0, {}


def _restore(run: Path, model: network.SpanClassifier, optimizer: AdamW) -> tuple[int, dict[str, Any]]:
    try:
        state = json.loads((run / "last" / "state.json").read_text())
        model.load_state_dict(load_file(run / "last" / "model.safetensors"))
        moments = load_file(run / "last" / "optimizer.safetensors")
    except (OSError, ValueError) as error:
        raise InputError(f"{run}/last: nothing to resume from ({error}); run without --resume") from None
    for n, parameter in enumerate(p for group in optimizer.param_groups for p in group["params"]):
        optimizer.state[parameter] = {
            key: moments[f"{n}.{key}"].to(parameter.device) for key in ("step", "exp_avg", "exp_avg_sq")
        }
    return state["step"], state["best"]


def _checkpoint(
    run: Path, base: Path, task: Task, model: network.SpanClassifier, optimizer: AdamW, step: int, best: dict[str, Any]
) -> None:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    moments = {
        f"{n}.{key}": value.clone() for n, p in enumerate(parameters) for key, value in optimizer.state[p].items()
    }

    def more(part: Path) -> None:
        save_file(moments, part / "optimizer.safetensors")
        (part / "state.json").write_text(json.dumps({"step": step, "best": best}))

    _write(run / "last", base, task, model, more)


def _write(
    out: Path, base: Path, task: Task, model: network.SpanClassifier, more: Callable[[Path], None] = lambda part: None
) -> None:
    """A directory in one rename, so that a kill leaves the old one or the new one."""
    part, old = out.with_name(out.name + ".part"), out.with_name(out.name + ".old")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    network.save(model, part)
    shutil.copyfile(base / "tokenizer.json", part / "tokenizer.json")
    more(part)
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    part.rename(out)
    shutil.rmtree(old, ignore_errors=True)
