"""Fine-tuning a reader: windows of a question and a passage in, the annotated spans' chance up; the best epoch kept.

The steps are models/training/loop.py, the network models/training/span_reader.py; RUN/best is a Hugging Face directory.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from models.data.questions import Question, Questions
from models.engines.batches import in_order, read_tokenizer, shuffled
from models.engines.windows import (
    NOTHING,
    Candidate,
    Shape,
    Specials,
    Window,
    arrays,
    candidates,
    tokens_of,
    windows_of,
)
from models.errors import InputError
from models.evaluation import reading
from models.tasks.task import Task
from models.tasks.training import Training, check_unlabelled
from models.training import span_reader
from models.training.loop import Surroundings, fit
from models.training.span_reader import SpanReader


@dataclass(frozen=True, slots=True)
class Item:
    """One window of a question's passage. `spans`: (first token, last token, weight) of each answer that lies in it."""

    window: Window
    spans: tuple[tuple[int, int, float], ...]
    question: int

    @property
    def ids(self) -> tuple[int, ...]:
        return self.window.ids


def finetune_reader(
    task: Task, questions: Questions, base: Path, run: Path, training: Training,
    around: Surroundings = Surroundings(), *, resume: bool = False,  # noqa: B008 - frozen
) -> dict[str, Any]:  # fmt: skip
    """Train and return the log's best line. Raises InputError for unusable data or options, and what `fit` does."""
    check_unlabelled(training, "reader")
    torch.manual_seed(training.seed)
    network = span_reader.from_base(base, training.dropout, task.max_tokens)
    return fit(ReadingLearner(task, questions, base, network), run, training, around, resume=resume)


class ReadingLearner:
    """The learner: every window of every question, tokenized once."""

    def __init__(self, task: Task, questions: Questions, base: Path, network: SpanReader) -> None:
        self.network, self._task, self._base = network, task, base
        tokenizer = read_tokenizer(base)
        self._specials = Specials.of(tokenizer, f"{base}/tokenizer.json")
        self._asked = questions.examples["dev"]
        self._train, self._dev = (
            items_of(questions.examples[split], tokenizer, self._specials, task) for split in ("train", "dev")
        )
        if not self._train or not any(question.answers for question in self._asked):
            raise InputError(
                f"{len(self._train)} windows to train on and {len(self._dev)} to choose by; wanted some of both"
            )
        self.size = len(self._train)

    def epoch(self, texts_a_step: int, seed: int) -> Sequence[Sequence[Item]]:
        return shuffled(self._train, texts_a_step, seed)

    def loss(self, texts: Sequence[Item]) -> tuple[torch.Tensor, float]:
        start, end = logits_of(self.network, texts, self._specials.pad)
        return loss_of(start, end, [item.spans for item in texts]), float(len(texts))

    def evaluate(self) -> tuple[dict[str, Any], float]:
        reads = read(self.network, self._dev, self._specials.pad, self._task.reading.max_answer_tokens)
        said = [read_of(question, reads.get(n)) for n, question in enumerate(self._asked)]
        reports = reading.reports(self._asked, said)
        return reports, reading.mean_f1(reports)

    def save(self, directory: Path) -> None:
        span_reader.save(self.network, directory)
        shutil.copyfile(self._base / "tokenizer.json", directory / "tokenizer.json")


def shape_of(task: Task) -> Shape:
    return Shape(task.max_tokens, task.reading.stride, task.reading.max_question_tokens)


def items_of(questions: Sequence[Question], tokenizer: Tokenizer, specials: Specials, task: Task) -> list[Item]:
    """Every window of every question's passage, in order."""
    texts = list(dict.fromkeys(question.passage for question in questions))
    passages = dict(zip(texts, tokenizer.encode_batch(texts, add_special_tokens=False), strict=True))
    asked = tokenizer.encode_batch([question.text for question in questions], add_special_tokens=False)
    return [
        Item(window, tuple(targets_of(window, question)), n)
        for n, (question, encoding) in enumerate(zip(questions, asked, strict=True))
        for window in windows_of(
            encoding.ids, passages[question.passage].ids, passages[question.passage].offsets, specials, shape_of(task)
        )
    ]


def targets_of(window: Window, question: Question) -> Iterator[tuple[int, int, float]]:
    """The answers in the window, each by its share of the annotators; [CLS] where none is."""
    spans = [span for start, end in question.answers if (span := tokens_of(window, start, end))]
    for span in dict.fromkeys(spans) or [NOTHING]:
        yield *span, spans.count(span) / len(spans) if spans else 1.0


def loss_of(start: torch.Tensor, end: torch.Tensor, spans: Sequence[Sequence[tuple[int, int, float]]]) -> torch.Tensor:
    """-log of the chance of any annotated span, by its share of the annotators, halved; summed over the windows."""
    most = max(map(len, spans))
    padded = torch.tensor([[*one, *[(0, 0, 0.0)] * (most - len(one))] for one in spans], device=start.device)
    first, last, shares = padded[..., 0].long(), padded[..., 1].long(), padded[..., 2]
    chances = torch.log_softmax(start, -1).gather(1, first) + torch.log_softmax(end, -1).gather(1, last)
    return -torch.logsumexp(chances + shares.log(), 1).sum() / 2


def logits_of(network: SpanReader, items: Sequence[Item], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    device = next(network.parameters()).device
    ids, lengths, types = (torch.from_numpy(a).to(device) for a in arrays([item.window for item in items], pad))
    mask = torch.arange(ids.shape[1], device=device)[None, :] < lengths[:, None]
    start, end = network(ids, mask.long(), types)
    return start, end


@torch.no_grad()  # type: ignore[untyped-decorator]
def read(network: SpanReader, items: Sequence[Item], pad: int, longest: int) -> Mapping[int, Candidate]:
    """Question -> its best span over all its windows."""
    network.eval()
    best: dict[int, Candidate] = {}
    for part in in_order(items, 32):
        start, end = (logits.cpu().numpy() for logits in logits_of(network, part, pad))
        for b, item in enumerate(part):
            for candidate in candidates(item.window, start[b], end[b], longest, 1):
                if item.question not in best or candidate.margin > best[item.question].margin:
                    best[item.question] = candidate
    return best


def read_of(question: Question, best: Candidate | None) -> reading.Read:
    if best is None:
        return reading.Read("", float("-inf"))
    return reading.Read(question.passage[best.start : best.end], best.margin)
