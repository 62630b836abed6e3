"""Distillation of a classifier: a student with fewer layers learns what its teachers say, and the labels.

The loss of a target is (1 - share) * cross-entropy with its label, and of every head of every text, labelled or not,
share * T^2 * KL(teachers || student) at temperature T (Hinton, Vinyals, Dean 2015). The student begins as every n-th
layer of the teacher, its heads included (Sanh et al. 2019, DistilBERT). Steps, evaluation, checkpoints: loop.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F  # noqa: N812
from transformers import BertModel

from models.data.corpus import Corpus, Example
from models.engines.batches import Item, collate, read_tokenizer, shuffled, tokenize
from models.errors import InputError
from models.tasks.task import Task
from models.tasks.training import Training
from models.training import checkpoints, network, teachers
from models.training.finetune import Classifying, run_batch
from models.training.loop import ALONE, Surroundings, fit
from models.training.loss import loss_of

SOFT = "soft."  # before the head's name: a target that the teachers answered


@dataclass(frozen=True, slots=True)
class Softness:
    """The temperature of both sides; how much the teachers count against the labels, in (0, 1]; which heads they are
    asked about, if not all; whether only of texts that have a label of the head, or none at all."""

    temperature: float = 2.0
    share: float = 0.7
    heads: tuple[str, ...] = ()
    labelled: bool = False


def distil(
    task: Task, corpus: Corpus, texts: Sequence[str], models: Sequence[Path], base: Path, layers: int | None, run: Path,
    training: Training, softness: Softness, around: Surroundings = ALONE, *, resume: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Train a student that begins as `layers` of `base` (all: None), on the corpus and unlabelled `texts`.

    Returns the log's best line. Raises InputError for unusable data, teachers or options, and what `fit` does.
    """
    if texts and task.pair:
        raise InputError(
            f"task {task.name} is of pairs of texts: unlabelled single texts teach it nothing, leave them out"
        )
    if texts and not any(head.on == "text" for head in task.heads.values()):
        raise InputError(
            f"task {task.name} has no head on whole texts: unlabelled text teaches it nothing, leave it out"
        )
    torch.manual_seed(training.seed)
    student = student_of(base, task, training.dropout, layers)
    unlabelled = [Example(text, (), "unlabelled") for text in texts]
    learner = Distilling(task, corpus, unlabelled, models, base, student, run, training, softness, around)
    return fit(learner, run, training, around, resume=resume)


def student_of(base: Path, task: Task, dropout: float, layers: int | None) -> network.SpanClassifier:
    """A classifier of some of the base's layers; fresh heads, or those of a base that was fine-tuned."""
    model = network.from_base(base, task.heads, dropout)
    if layers is not None:
        cut_layers(model.encoder, layers, base)
    return model


def cut_layers(encoder: nn.Module, layers: int, base: Path) -> None:
    """Leave only so many of a BERT's layers. Raises InputError for another encoder or fewer layers."""
    if not isinstance(encoder, BertModel):
        raise InputError(
            f"{base}: no BERT, or a prefix or adapters were added to it: its layers can't be left out; give a --base"
        )
    there = encoder.encoder.layer
    if not 1 <= layers <= len(there):
        raise InputError(f"{base} has {len(there)} layers, the student shall have {layers}; wanted 1 to {len(there)}")
    encoder.encoder.layer = nn.ModuleList([there[n] for n in kept_layers(len(there), layers)])
    for n, layer in enumerate(encoder.encoder.layer):
        layer.attention.self.layer_idx = n
    encoder.config.num_hidden_layers = layers


def kept_layers(there: int, wanted: int) -> list[int]:
    """The last of each of `wanted` even groups, so the very last stays: 6 of 12 are 1, 3, 5, 7, 9, 11."""
    return [there * (n + 1) // wanted - 1 for n in range(wanted)]


class Distilling(Classifying):
    """The learner: the task's texts with their labels and unlabelled ones, all with what the teachers say of them."""

    def __init__(
        self, task: Task, corpus: Corpus, unlabelled: Sequence[Example], models: Sequence[Path], base: Path,
        student: network.SpanClassifier, run: Path, training: Training, softness: Softness, around: Surroundings,
    ) -> None:  # fmt: skip
        super().__init__(task, corpus, base, student, training)
        self._softness, self._models, self._around, self._kept = softness, models, around, run / "soft.safetensors"
        self._precision = training.precision
        examples = [*corpus.examples["train"], *unlabelled]
        asked = {name: head for name, head in task.heads.items() if name in (softness.heads or task.heads)}
        self._asked, self._counts = teachers.questions(examples, asked, labelled=softness.labelled)
        both = [
            replace(one, targets=(*one.targets, *(t._replace(head=SOFT + t.head) for t in asked.targets)))
            for one, asked in zip(examples, self._asked, strict=True)
        ]
        self._train = tokenize(both, read_tokenizer(base), task.max_tokens)
        self.size = len(self._train)
        self._key = teachers.key_of(models, self._asked, softness.temperature)
        self._soft = self._read()  # before a run that begins again is swept away

    def epoch(self, texts_a_step: int, seed: int) -> Sequence[Sequence[Item]]:
        if not self._soft:
            self._soft = self._ask()
        if not self._kept.exists():  # not before: the run's directory is made by then
            self._write()
        return shuffled(self._train, texts_a_step, seed)

    def loss(self, texts: Sequence[Item]) -> tuple[torch.Tensor, float]:
        batch = collate(texts, self._pad_id, self._task.text_pooling)
        logits = run_batch(self.network, batch)
        hard = {head: rows for head, rows in batch.rows.items() if not head.startswith(SOFT)}
        soft = {head.removeprefix(SOFT): rows for head, rows in batch.rows.items() if head.startswith(SOFT)}
        loss, weight = soft_loss(logits, soft, self._soft, self._softness.temperature)
        share = self._softness.share
        loss, weight = share * loss, share * weight
        if hard and share < 1:
            of_labels, counted = loss_of(logits, hard, self._weights_on(loss.device), self._gamma)
            loss, weight = loss + (1 - share) * of_labels, weight + (1 - share) * counted
        return loss, weight

    def _read(self) -> dict[str, torch.Tensor]:
        """The teachers' answers as this run, or the one before in its place, kept them; none if they are of others."""
        try:
            with safe_open(self._kept, "pt", device=self._around.device) as file:
                if file.metadata().get("key") == self._key:
                    return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        except (OSError, SafetensorError):
            pass
        self._kept.unlink(missing_ok=True)
        return {}

    def _ask(self) -> dict[str, torch.Tensor]:
        """Kept, as asking may take longer than an epoch."""
        self._around.say(f"asking {len(self._models)} teachers about {len(self._asked)} texts")
        said = teachers.answers(
            self._models, self._task, self._asked, self._counts, self._softness.temperature, self._around.device,
            self._progress, self._precision,
        )  # fmt: skip
        for head, table in said.items():
            if not table.any():
                self._around.say(f"no teacher knows head {head}: it learns from the labels alone")
        return {head: torch.from_numpy(table).to(self._around.device) for head, table in said.items()}

    def _write(self) -> None:
        part = self._kept.with_name(self._kept.name + ".part")
        with checkpoints.told(self._kept, self._kept.parent):
            save_file(self._soft, part, metadata={"key": self._key})
            part.replace(self._kept)

    def _progress(self, done: int, total: int, word: str) -> None:
        self._around.progress(done, total, word)
        if self._around.stopped():  # nothing is lost but the asking
            raise KeyboardInterrupt


def soft_loss(
    logits: Mapping[str, torch.Tensor], rows: Mapping[str, Sequence[tuple[int, int, int, float]]],
    tables: Mapping[str, torch.Tensor], temperature: float,
) -> tuple[torch.Tensor, float]:  # fmt: skip
    """T^2 * KL summed over the targets that a teacher answered, and how many those are."""
    parts, count = [next(iter(logits.values())).new_zeros(())], 0.0
    for head, of_head in rows.items():
        b, k, numbers, _ = zip(*of_head, strict=True)
        wanted = tables[head][list(numbers)]
        said = F.log_softmax(logits[head][list(b), list(k)].float() / temperature, dim=-1)
        parts.append(F.kl_div(said, wanted, reduction="sum"))  # 0 where no teacher answered
        count += float((wanted.sum(-1) > 0).sum())
    return temperature**2 * torch.stack(parts).sum(), count
