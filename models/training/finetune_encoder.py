"""Fine-tuning an encoder: a question must lie nearer to its passage than to all others of the batch.

The loss is the cross-entropy of similarities divided by a temperature over the batch's passages and the questions' near
misses (multiple negatives ranking: Henderson et al. 2017). A passage that several questions of a batch share is never
another's negative. The steps are models/training/loop.py, the network models/training/text_encoder.py.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from models.data.questions import Questions
from models.engines.batches import arrays, cut, in_order, read_tokenizer, shuffled
from models.errors import InputError
from models.evaluation import retrieval
from models.tasks.task import Task
from models.tasks.training import Training, check_unlabelled
from models.training import text_encoder
from models.training.loop import Surroundings, fit
from models.training.text_encoder import TextEncoder


@dataclass(frozen=True, slots=True)
class Text:
    """A tokenized text; equal passages have equal numbers."""

    ids: tuple[int, ...]
    number: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A question, the passage that answers it, and passages that do not. `ids`: the passage's, which batches go by."""

    question: Text
    passage: Text
    others: tuple[Text, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        return self.passage.ids


def finetune_encoder(
    task: Task, questions: Questions, base: Path, run: Path, training: Training,
    around: Surroundings = Surroundings(), *, resume: bool = False,  # noqa: B008 - frozen
) -> dict[str, Any]:  # fmt: skip
    """Train and return the log's best line. Raises InputError for unusable data or options, and what `fit` does."""
    check_unlabelled(training, "encoder")
    torch.manual_seed(training.seed)
    network = text_encoder.from_base(base, training.dropout, task.max_tokens)
    return fit(ContrastiveLearner(task, questions, base, network), run, training, around, resume=resume)


class ContrastiveLearner:
    """The learner: answerable questions with their passages, tokenized once."""

    def __init__(self, task: Task, questions: Questions, base: Path, network: TextEncoder) -> None:
        self.network, self._task, self._base, self._questions = network, task, base, questions
        self._tokenizer = read_tokenizer(base)
        pad = self._tokenizer.token_to_id("[PAD]")
        if pad is None:
            raise InputError(f"{base}/tokenizer.json has no [PAD]; give a BERT-like base")
        self._pad: int = pad
        self._train = self._pairs()
        dev = sum(bool(question.answers) for question in questions.examples["dev"])
        if len(self._train) < 2 or not dev:
            raise InputError(f"{len(self._train)} questions to train on and {dev} to choose by; wanted some of both")
        self.size = len(self._train)

    def _pairs(self) -> list[Pair]:
        asked = [question for question in self._questions.examples["train"] if question.answers]
        wanted = self._task.embedding.hard_negatives
        others = retrieval.near_misses(self._questions, wanted) if wanted and asked else [[] for _ in asked]
        passages = list(dict.fromkeys([q.passage for q in asked] + [text for some in others for text in some]))
        texts = dict(zip(passages, self._texts(passages, query=False), strict=True))
        said = self._texts([question.text for question in asked], query=True)
        return [
            Pair(text, texts[question.passage], tuple(texts[other] for other in some))
            for question, text, some in zip(asked, said, others, strict=True)
        ]

    def _texts(self, texts: Sequence[str], *, query: bool) -> list[Text]:
        embedding = self._task.embedding
        prefix = embedding.query_prefix if query else embedding.passage_prefix
        encodings = self._tokenizer.encode_batch([prefix + text for text in texts])
        return [Text(cut(encoding.ids, self._task.max_tokens), n) for n, encoding in enumerate(encodings)]

    def epoch(self, texts_a_step: int, seed: int) -> Sequence[Sequence[Pair]]:
        return shuffled(self._train, texts_a_step, seed)

    def loss(self, texts: Sequence[Pair]) -> tuple[torch.Tensor, float]:
        passages = [pair.passage for pair in texts] + [other for pair in texts for other in pair.others]
        numbers = torch.tensor([passage.number for passage in passages])
        asked, read = self._vectors([pair.question for pair in texts]), self._vectors(passages)
        return contrast(asked, read, numbers.to(read.device), self._task.embedding.temperature), float(len(texts))

    def evaluate(self) -> tuple[dict[str, Any], float]:
        told = retrieval.measure({"encoder": self._search}, self._questions.examples["dev"], self._questions.passages)
        score = float(np.mean([of["mrr@10"] for of in told.values()]))
        return told, round(score, 5)

    def save(self, directory: Path) -> None:
        text_encoder.save(self.network, directory)
        shutil.copyfile(self._base / "tokenizer.json", directory / "tokenizer.json")

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _search(self, questions: Sequence[str], passages: Sequence[str]) -> retrieval.Ints:
        self.network.eval()
        both: list[retrieval.Floats] = []
        for texts in (self._texts(questions, query=True), self._texts(passages, query=False)):
            vectors = np.zeros((len(texts), self.network.config.hidden_size), np.float32)
            for part in in_order(texts, 64):
                vectors[[text.number for text in part]] = self._vectors(part).cpu().numpy()
            both.append(vectors)
        return retrieval.nearest(both[0], both[1])

    def _vectors(self, texts: Sequence[Text]) -> torch.Tensor:
        device = next(self.network.parameters()).device
        made = arrays([text.ids for text in texts], [()] * len(texts), self._pad, self._task.text_pooling)
        ids, lengths, spans = (torch.from_numpy(each).to(device) for each in made)
        mask = torch.arange(ids.shape[1], device=device)[None, :] < lengths[:, None]
        vectors: torch.Tensor = self.network(ids, mask.long(), spans)
        return vectors


def contrast(
    questions: torch.Tensor, passages: torch.Tensor, numbers: torch.Tensor, temperature: float
) -> torch.Tensor:
    """-log of the chance of passage n for question n among all, summed; vectors [B, D] and [B or more, D] of length 1.

    `numbers` tell passages apart: another place of the question's own passage is no negative.
    """
    count = len(questions)
    similar = questions @ passages.T / temperature
    same = numbers[None, :] == numbers[:count, None]
    same[torch.arange(count), torch.arange(count)] = False
    right = torch.arange(count, device=similar.device)
    return F.cross_entropy(similar.masked_fill(same, float("-inf")), right, reduction="sum")
