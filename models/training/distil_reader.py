"""Distillation of a reader: which tokens its teachers hold for an answer's first and last one, and the labels.

The loss of a window is (1 - share) * that of its annotated spans and share * T^2 * KL(teachers || student) at
temperature T, halved over start and end. Teachers are asked once. A teacher may be of another architecture and have
more pieces, but has to know all of the student's, so that both read the same tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from models.data.questions import Questions
from models.engines.batches import in_order, read_tokenizer, shuffled
from models.engines.windows import Specials, Window
from models.errors import InputError
from models.tasks.task import Task
from models.tasks.training import Training, check_unlabelled
from models.training import span_reader
from models.training.distil import Softness, cut_layers
from models.training.finetune_reader import Item, ReadingLearner, logits_of, loss_of
from models.training.loop import ALONE, Surroundings, autocast, fit
from models.training.span_reader import SpanReader

ASKED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Taught:
    """A window, and of its tokens the teachers' chances [2, tokens] of being the first and the last of the answer."""

    item: Item
    chances: torch.Tensor

    @property
    def ids(self) -> tuple[int, ...]:
        return self.item.ids


def distil_reader(
    task: Task, questions: Questions, models: Sequence[Path], base: Path, layers: int | None, run: Path,
    training: Training, softness: Softness, around: Surroundings = ALONE, *, resume: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Train a student that begins as `layers` of `base` (all: None) by the labels and by what runs of readers say.

    Returns the log's best line. Raises InputError for unusable data, teachers or options, and what `fit` does.
    """
    check_unlabelled(training, "reader")
    torch.manual_seed(training.seed)
    student = span_reader.from_base(base, training.dropout, task.max_tokens)
    if layers is not None:
        cut_layers(student.encoder, layers, base)
    learner = DistillingReader(task, questions, models, base, student, training, softness, around)
    return fit(learner, run, training, around, resume=resume)


class DistillingReader(ReadingLearner):
    """The learner: every window of every question with what the teachers say of it."""

    def __init__(
        self, task: Task, questions: Questions, models: Sequence[Path], base: Path, student: SpanReader,
        training: Training, softness: Softness, around: Surroundings,
    ) -> None:  # fmt: skip
        super().__init__(task, questions, base, student)
        self._softness = softness
        asked = [item.window for item in self._train]
        voices = [self._ask(model, asked, training.precision, around) for model in models]
        self._taught = [
            Taught(item, torch.stack(said).mean(0)) for item, *said in zip(self._train, *voices, strict=True)
        ]

    def epoch(self, texts_a_step: int, seed: int) -> Sequence[Sequence[Any]]:
        return shuffled(self._taught, texts_a_step, seed)

    def loss(self, texts: Sequence[Any]) -> tuple[torch.Tensor, float]:
        items = [taught.item for taught in texts]
        start, end = logits_of(self.network, items, self._specials.pad)
        share = self._softness.share
        loss = share * soft_loss(start, end, [taught.chances for taught in texts], self._softness.temperature)
        if share < 1:
            loss = loss + (1 - share) * loss_of(start, end, [item.spans for item in items])
        return loss, float(len(items))

    def _ask(self, model: Path, windows: Sequence[Window], precision: str, around: Surroundings) -> list[torch.Tensor]:
        """Chances of every window, float16 on the CPU: four bytes a token."""
        around.say(f"asking {model} about {len(windows)} windows")
        tokenizer = read_tokenizer(model)
        theirs = ids_in(read_tokenizer(self._base), tokenizer, model)
        pad = Specials.of(tokenizer, f"{model}/tokenizer.json").pad
        teacher = span_reader.from_base(model, 0.0, self._task.max_tokens).to(around.device).eval()
        own = [
            Item(Window(tuple(theirs[list(window.ids)].tolist()), window.first, window.offsets), (), n)
            for n, window in enumerate(windows)
        ]
        said: list[torch.Tensor] = [torch.empty(0)] * len(own)
        done = 0
        for part in in_order(own, ASKED_AT_ONCE):
            with torch.no_grad(), autocast(around.device, precision):
                logits = torch.stack(logits_of(teacher, part, pad), 1)  # [B, 2, S]
            chances = torch.softmax(logits / self._softness.temperature, -1).half().cpu()
            for item, row in zip(part, chances, strict=True):
                said[item.question] = row[:, : len(item.ids)].clone()
            done += len(part)
            around.progress(done, len(own), f"asking {model}")
            if around.stopped():  # nothing is lost but the asking
                raise KeyboardInterrupt
        return said


def ids_in(student: Tokenizer, teacher: Tokenizer, where: Path) -> np.ndarray:
    """The teacher's id of each of the student's pieces, special ones by what they are for. Raises InputError."""
    pieces = student.get_vocab(with_added_tokens=True)
    ids = np.full(max(pieces.values()) + 1, -1)
    for piece, number in pieces.items():
        found = teacher.token_to_id(piece)
        ids[number] = -1 if found is None else found
    for mine, other in zip(Specials.of(student, "the student"), Specials.of(teacher, str(where)), strict=True):
        ids[mine] = other
    lacking = [piece for piece, number in pieces.items() if ids[number] < 0]
    if lacking:
        raise InputError(
            f"{where}: the teacher's tokenizer lacks {len(lacking)} of the student's {len(pieces)} pieces"
            f" ({', '.join(sorted(lacking)[:5])}); prune the student's vocabulary, or take a teacher of the same kind"
        )
    return ids


def soft_loss(
    start: torch.Tensor, end: torch.Tensor, chances: Sequence[torch.Tensor], temperature: float
) -> torch.Tensor:
    """T^2 * KL(teachers || student), halved and summed over the windows; logits [B, S], padding's -inf."""
    wanted = torch.zeros((len(chances), 2, start.shape[1]))
    for b, one in enumerate(chances):
        wanted[b, :, : one.shape[1]] = one
    wanted = wanted.to(start.device)
    said = torch.log_softmax(torch.stack((start, end), 1) / temperature, -1).masked_fill(wanted == 0, 0.0)
    return temperature**2 * (torch.xlogy(wanted, wanted) - wanted * said).sum() / 2
