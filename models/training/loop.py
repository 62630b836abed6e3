"""The training loop: AdamW, warm-up and decay, accumulated steps, evaluation each epoch, checkpoints, an early end.

A run that was interrupted and resumed gives the weights of one that was not (same machine, same threads): order of
batches and dropout are functions of seed and step.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn
from torch.optim import AdamW

from models.errors import InputError, TrainingFailed, TrainingStopped
from models.tasks.training import Training
from models.training import checkpoints, methods
from models.training.checkpoints import State
from models.training.tracking import Tracker, check_trackers, tell, trackers

TRACK_STEPS = 10
EPOCH_SHARE = 0.1
"""Of the seconds between checkpoints: an epoch ends with one, too, if the last is so old; a shorter one is made again
sooner than written.
"""
Progress = Callable[[int, int, str], None]
"""Called with steps done, steps in all and a word on the loss."""


class Learner(Protocol):
    """Who learns: a network with an `encoder`, its texts, its loss and its measure."""

    network: nn.Module
    size: int
    """Texts to learn from."""

    def epoch(self, texts_a_step: int, seed: int) -> Sequence[Sequence[Any]]:
        """All texts once, in groups of this many, the last smaller; the same for the same seed."""

    def loss(self, texts: Sequence[Any]) -> tuple[torch.Tensor, float]:
        """Summed over the texts, and what to divide it by."""

    def evaluate(self) -> tuple[dict[str, Any], float]:
        """The report on dev and the score that decides, greater being better."""

    def save(self, directory: Path) -> None:
        """The network as it is served, into an empty directory."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a run runs and what it tells: nothing here changes what is learned."""

    device: str = "cpu"
    checkpoint_s: float = 300
    track: tuple[str, ...] = ()
    progress: Progress = lambda done, total, word: None
    say: Callable[[str], None] = lambda line: None
    stopped: Callable[[], bool] = lambda: False
    """Asked before each step: True saves a checkpoint and ends the run with TrainingStopped."""
    judged: Callable[[dict[str, Any]], None] = lambda line: None
    """Told each line of the log once it is written; what it raises ends the run (a search prunes by it)."""


ALONE = Surroundings()


def fit(
    learner: Learner, run: Path, training: Training, around: Surroundings, *, resume: bool = False
) -> dict[str, Any]:
    """Train and return the log's best line. Raises TrainingFailed (NaN, full disk), TrainingStopped, InputError."""
    check_device(around.device, training.precision)
    check_trackers(around.track)
    network, an_epoch = learner.network, steps_an_epoch(learner.size, training)
    total = max(1, round(an_epoch * training.epochs))
    network.encoder = methods.adapt(network.encoder, training, total)
    network.to(around.device)
    around.say(trained_line(network, training))
    optimizer = AdamW(groups(network, training), fused=True)
    peaks = [group["lr"] for group in optimizer.param_groups]
    state = checkpoints.restore(run, network, optimizer) if resume else checkpoints.begin(run)
    began_s = saved_s = time.monotonic()
    steps = _groups_from(learner, training, state.step, an_epoch)
    meter = _Meter()
    with ExitStack() as stack:
        told = [stack.enter_context(closing(one)) for one in trackers(around.track, run, state.step, asdict(training))]
        while True:
            line = None
            if state.evaluated < state.step and (state.step % an_epoch == 0 or state.step == total):
                line = _evaluate(learner, run, training, state, an_epoch, time.monotonic() - began_s, told)
            over = state.step >= total or is_exhausted(state, an_epoch, training.patience)
            if line:
                if over or time.monotonic() - saved_s >= around.checkpoint_s * EPOCH_SHARE:
                    checkpoints.save_last(run, learner.save, network, optimizer, state)
                    saved_s = time.monotonic()
                around.judged(line)
                meter.restart()
            if over:
                return state.best
            if around.stopped():
                checkpoints.save_last(run, learner.save, network, optimizer, state)
                raise TrainingStopped(f"stopped at step {state.step} of {total}, which is saved in {run / 'last'}")
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * rate(state.step, total, training.warmup)
            texts = next(steps)
            loss = step(learner, optimizer, texts, training, state.step, run)
            state.step += 1
            meter.add(loss, len(texts))
            if state.step % TRACK_STEPS == 0:
                tell(told, state.step, meter.figures(optimizer))
            around.progress(state.step, total, f"loss {meter.loss:.3f}")
            if time.monotonic() - saved_s > around.checkpoint_s:
                checkpoints.save_last(run, learner.save, network, optimizer, state)
                saved_s = time.monotonic()


def step(learner: Learner, optimizer: AdamW, texts: Sequence[Any], training: Training, number: int, run: Path) -> float:
    """One step on these texts, `batch_size` of them at a time, and its mean loss. Raises TrainingFailed for a NaN."""
    torch.manual_seed(training.seed * 1_000_003 + number)
    network = learner.network
    network.train()
    loss_sum, weight_sum = 0.0, 0.0
    for start in range(0, len(texts), training.batch_size):
        with autocast(next(network.parameters()).device.type, training.precision):
            loss, weight = learner.loss(texts[start : start + training.batch_size])
        loss.backward()
        loss_sum, weight_sum = loss_sum + loss.item(), weight_sum + weight
    if not math.isfinite(loss_sum):
        raise TrainingFailed(
            f"the loss is {loss_sum} at step {number}; lower the learning rate; {checkpoints.kept(run)}"
        )
    for parameter in network.parameters():
        if parameter.grad is not None:
            parameter.grad /= weight_sum
    if (penalty := methods.penalty(network.encoder)) is not None:
        penalty.backward()
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    if not torch.isfinite(norm):  # such a step would spoil every weight, and the next checkpoint
        raise TrainingFailed(
            f"the gradient is {norm.item()} at step {number}; lower the learning rate; {checkpoints.kept(run)}"
        )
    optimizer.step()
    methods.after_step(network.encoder, number)
    optimizer.zero_grad(set_to_none=True)
    return loss_sum / weight_sum


def rate(step: int, total: int, warmup: float) -> float:
    """The learning rate's share of its peak: up over the warm-up, then down to zero at the end."""
    up = max(1, int(total * warmup))
    return (step + 1) / up if step < up else max(0.0, (total - step) / max(1, total - up))


def steps_an_epoch(texts: int, training: Training) -> int:
    return math.ceil(texts / (training.batch_size * training.accumulate))


def is_exhausted(state: State, an_epoch: int, patience: int) -> bool:
    """Whether the last `patience` whole epochs, one or more, have all been no better than the best before them."""
    if not patience or not state.best:
        return False
    best: int = state.best["step"]
    return state.evaluated // an_epoch - best // an_epoch >= patience


def check_device(device: str, precision: str) -> None:
    """Raise InputError for a device that is not there or can't do the precision."""
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("no CUDA device can be used here; install a torch with CUDA and a driver, or use --device cpu")
    if precision != "float32" and device == "cpu" and not multiplies_bf16():
        raise InputError(
            f"this CPU has no instructions for precision {precision} and takes longer by it; use --device cuda or"
            " --precision float32"
        )


def multiplies_bf16() -> bool:
    """Whether the CPU has AVX512-BF16 (Zen 4, Cooper Lake) or AMX; a large encoder's step takes two thirds then."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def autocast(device: str, precision: str) -> AbstractContextManager[Any]:
    """Matrix products in bf16, weights and sums in float32; bf16 has float32's range, so the loss needs no scaling."""
    return torch.autocast(device, torch.bfloat16) if precision == "bf16" else nullcontext()


def groups(network: nn.Module, training: Training) -> list[dict[str, Any]]:
    """What learns, by learning rate: the encoder's, and faster what is new; biases and norms are not decayed."""
    in_encoder = {id(p) for p in network.encoder.parameters()}
    learning = [p for p in network.parameters() if p.requires_grad]
    made = []
    for encoder, lr in ((True, methods.learning_rate(training)), (False, training.head_learning_rate)):
        for decayed in (True, False):
            chosen = [p for p in learning if (id(p) in in_encoder) == encoder and (p.ndim > 1) == decayed]
            decay = training.weight_decay if decayed else 0.0
            made += [{"params": chosen, "lr": lr, "weight_decay": decay}] if chosen else []
    return made


def trained_line(network: nn.Module, training: Training) -> str:
    learns, there = methods.counts(network)
    return f"{training.method}: {learns:,} of {there:,} parameters are trained ({learns / there:.2%})"


class _Meter:
    """The loss as the progress bar shows it, and what the trackers are told."""

    def __init__(self) -> None:
        self._steps, self._smooth = 0, 0.0
        self.restart()

    def restart(self) -> None:
        self._texts, self._since_s = 0, time.monotonic()

    def add(self, loss: float, texts: int) -> None:
        self._steps, self._texts, self._loss = self._steps + 1, self._texts + texts, loss
        self._smooth = 0.98 * self._smooth + 0.02 * loss

    @property
    def loss(self) -> float:
        return self._smooth / (1 - 0.98 ** min(self._steps, 500))

    def figures(self, optimizer: AdamW) -> dict[str, float]:
        """The last step's loss, the encoder's learning rate, texts a second since the last restart."""
        seconds = max(1e-9, time.monotonic() - self._since_s)
        rate = float(optimizer.param_groups[0]["lr"])
        speed = self._texts / seconds
        self.restart()
        return {"train/loss": self._loss, "train/learning_rate": rate, "train/examples_per_second": speed}


def _groups_from(learner: Learner, training: Training, step: int, an_epoch: int) -> Iterator[Sequence[Any]]:
    """The texts of step after step, from this step on, epoch after epoch."""
    epoch, done = divmod(step, an_epoch)
    while True:
        yield from learner.epoch(training.batch_size * training.accumulate, training.seed * 1000 + epoch)[done:]
        epoch, done = epoch + 1, 0


def _evaluate(
    learner: Learner, run: Path, training: Training, state: State, an_epoch: int, seconds: float,
    told: Sequence[Tracker],
) -> dict[str, Any]:  # fmt: skip
    report, score = learner.evaluate()
    learns, there = methods.counts(learner.network)
    line = {"step": state.step, "epoch": round(state.step / an_epoch, 2), "dev": report, "score": score,
            "seconds": round(seconds, 1), "trained": learns, "parameters": there,
            "training": asdict(training)}  # fmt: skip
    checkpoints.append(run, line)
    tell(told, state.step, {"dev/score": score, **flat(report, "dev")})
    state.evaluated = state.step
    if not state.best or score > state.best["score"]:
        state.best = line
        checkpoints.save_best(run, learner.save)
    return line


def flat(report: dict[str, Any], prefix: str) -> dict[str, float]:
    """The report's numbers by their path, the tables a label left out."""
    found: dict[str, float] = {}
    for key, value in report.items():
        if isinstance(value, dict) and key != "labels":
            found |= flat(value, f"{prefix}/{key}")
        elif isinstance(value, int | float):
            found[f"{prefix}/{key}"] = float(value)
    return found
