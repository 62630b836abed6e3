"""Fine-tune a reader: BertForQuestionAnswering, a start and an end logit a token, [CLS] to [CLS] for "no answer".

RUN/best and RUN/last are Hugging Face directories: `AutoModelForQuestionAnswering.from_pretrained` loads them.
"""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForQuestionAnswering, BertForQuestionAnswering
from transformers.utils import logging

from models import loop, reading
from models.batches import in_order, shuffled
from models.errors import InputError
from models.finetune import Progress
from models.questions import Question, Questions, by_source
from models.tasks import Task, Training
from models.windows import NOTHING, Candidate, Shape, Specials, Window, arrays, candidates, tokens_of, windows_of


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
    task: Task, questions: Questions, base: Path, run: Path, training: Training, *,
    resume: bool = False, progress: Progress = lambda done, total, word: None, checkpoint_s: float = 300,
    device: str = "cpu",
) -> dict[str, Any]:  # fmt: skip
    """Train and return the log's best line. Raises InputError for unusable data, TrainingFailed for a NaN loss."""
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("no CUDA device can be used here; install a torch with CUDA and a driver, or use --device cpu")
    torch.manual_seed(training.seed)
    model = from_base(base, task, training.dropout).to(device)
    tokenizer = tokenizer_of(base)
    specials = Specials.of(tokenizer, f"{base}/tokenizer.json")
    train, dev = (items_of(questions.examples[split], tokenizer, specials, task) for split in ("train", "dev"))
    if not train or not any(question.answers for question in questions.examples["dev"]):
        raise InputError(f"{len(train)} windows to train on and {len(dev)} to choose by; wanted some of both")

    def save(directory: Path) -> None:
        model.save_pretrained(directory)
        shutil.copyfile(base / "tokenizer.json", directory / "tokenizer.json")

    job = loop.Job(
        model,
        loop.groups_of(model.bert, model.qa_outputs, training),
        lambda epoch: shuffled(train, training.batch_size, training.seed * 1000 + epoch),
        lambda items: loss_of(model, items, specials.pad),
        lambda: judge(questions.examples["dev"], read(model, dev, specials.pad, task)),
        save,
    )
    return loop.train(job, run, training, resume=resume, progress=progress, checkpoint_s=checkpoint_s, device=device)


def from_base(base: Path, task: Task, dropout: float) -> BertForQuestionAnswering:
    """A pretrained BERT with a fresh head, or a reader to go on from. Raises InputError for another architecture."""
    logging.set_verbosity_error()  # that the head is fresh and the pooler unused is no news
    logging.disable_progress_bar()
    try:
        model = AutoModelForQuestionAnswering.from_pretrained(
            base, attention_probs_dropout_prob=0.0, hidden_dropout_prob=dropout
        )
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{base}: no encoder can be loaded from here: {error}") from None
    if not isinstance(model, BertForQuestionAnswering):
        raise InputError(f"{base}: a {type(model).__name__}; the exported graph is BERT's, give a BERT-like base")
    if model.config.max_position_embeddings < task.max_tokens:
        raise InputError(
            f"{base} reads {model.config.max_position_embeddings} tokens, task {task.name} wants {task.max_tokens};"
            " lower max_tokens in the task"
        )
    return model


def tokenizer_of(base: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def shape_of(task: Task) -> Shape:
    return Shape(task.max_tokens, task.reading.stride, task.reading.max_question_tokens)


def items_of(questions: Sequence[Question], tokenizer: Tokenizer, specials: Specials, task: Task) -> list[Item]:
    """Every window of every question's passage, in order."""
    texts = list(dict.fromkeys(question.passage for question in questions))
    passages = dict(zip(texts, tokenizer.encode_batch(texts, add_special_tokens=False), strict=True))
    asked = tokenizer.encode_batch([question.text for question in questions], add_special_tokens=False)
    items = []
    for n, (question, encoding) in enumerate(zip(questions, asked, strict=True)):
        passage = passages[question.passage]
        for window in windows_of(encoding.ids, passage.ids, passage.offsets, specials, shape_of(task)):
            items.append(Item(window, tuple(targets_of(window, question)), n))
    return items


def targets_of(window: Window, question: Question) -> Iterator[tuple[int, int, float]]:
    """The answers in the window, each by its share of the annotators; [CLS] where none is."""
    spans = [span for start, end in question.answers if (span := tokens_of(window, start, end))]
    for span in dict.fromkeys(spans) or [NOTHING]:
        yield *span, spans.count(span) / len(spans) if spans else 1.0


def loss_of(model: BertForQuestionAnswering, items: Sequence[Item], pad: int) -> torch.Tensor:
    """-log of the chance of any annotated span, each by its share of the annotators; the mean over the windows."""
    start, end = (torch.log_softmax(logits.float(), -1) for logits in logits_of(model, items, pad))
    most = max(len(item.spans) for item in items)
    padded = [[*item.spans, *[(0, 0, 0.0)] * (most - len(item.spans))] for item in items]
    spans = torch.tensor(padded, device=start.device)
    first, last, weights = spans[..., 0].long(), spans[..., 1].long(), spans[..., 2]
    chances = start.gather(1, first) + end.gather(1, last) + weights.log()
    return -torch.logsumexp(chances, 1).mean() / 2


def logits_of(model: BertForQuestionAnswering, items: Sequence[Item], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Start and end logits [B, S]; padding's are -inf."""
    device = model.device
    ids, lengths, types = (torch.from_numpy(each).to(device) for each in arrays([i.window for i in items], pad))
    mask = torch.arange(ids.shape[1], device=device)[None, :] < lengths[:, None]
    out = model(input_ids=ids, attention_mask=mask.long(), token_type_ids=types)
    return tuple(logits.masked_fill(~mask, float("-inf")) for logits in (out.start_logits, out.end_logits))


@torch.no_grad()  # type: ignore[untyped-decorator]
def read(model: BertForQuestionAnswering, items: Sequence[Item], pad: int, task: Task) -> dict[int, Candidate]:
    """Question -> its best span over all its windows."""
    model.eval()
    best: dict[int, Candidate] = {}
    for part in in_order(items, 32):
        start, end = (logits.float().cpu().numpy() for logits in logits_of(model, part, pad))
        for b, item in enumerate(part):
            for candidate in candidates(item.window, start[b], end[b], task.reading.max_answer_tokens, 1):
                if item.question not in best or candidate.margin > best[item.question].margin:
                    best[item.question] = candidate
    return best


def judge(questions: Sequence[Question], best: dict[int, Candidate]) -> dict[str, Any]:
    """A report a set, and the "score" that an epoch is chosen by."""
    reads = [reading.Read(q.passage[best[n].start : best[n].end], best[n].margin) if n in best
             else reading.Read("", float("-inf")) for n, q in enumerate(questions)]  # fmt: skip
    reports = reports_of(questions, reads)
    return {**reports, "score": reading.mean_f1(reports)}


def reports_of(questions: Iterable[Question], reads: Iterable[reading.Read]) -> dict[str, dict[str, Any]]:
    pairs = dict(zip(map(id, questions), reads, strict=True))
    return {
        name: reading.report(of_set, [pairs[id(question)] for question in of_set])
        for name, of_set in by_source(questions).items()
    }
