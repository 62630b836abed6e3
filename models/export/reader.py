"""From a reader's run to an artifact: graph, static int8 behind the gate, the chance that a passage answers, card.

Everything measured here is measured through models/engines/reader.py on the artifact's own files. Dev decides (gate,
calibration, threshold); test is only measured.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from models import graph
from models.data.questions import Question, Questions
from models.engines.batches import read_tokenizer
from models.engines.reader import Reader
from models.engines.windows import Shape, Specials, Window, arrays, windows_of
from models.errors import InputError
from models.evaluation import reading
from models.evaluation.evaluate import WRONG_ANSWER_PRICE
from models.export import packing, quantize
from models.export.answer_cards import reader_card
from models.export.classifier import Files, Say, model_file, write_artifact
from models.tasks.task import Task

CALIBRATION_WINDOWS = 1500
RIGHT_F1 = 0.5  # a span that shares less with every annotated answer is a wrong answer


def export_reader(
    task: Task, questions: Questions, measured: Questions, run: Path, out: Path, *,
    version: str, base: str, commands: list[str], force: bool = False, zipped: bool = False,
    say: Say = lambda line: None,
) -> dict[str, Any]:  # fmt: skip
    """Write the artifact to `out` and return its manifest. Raises GateRefused, InputError."""
    weights, bert = packing.weights_of(run, renamed)
    tokenizer = read_tokenizer(run)
    files: Files = {"tokenizer.json": (run / "tokenizer.json").read_bytes()}
    config = packing.config_of(task, tokenizer)
    config["reading"] = asdict(task.reading) | {"scale": 1.0, "bias": 0.0, "threshold": 0.0}
    dev = questions.examples["dev"]

    def said(model: Any) -> list[reading.Read]:
        say(f"reading {len(dev)} dev questions")
        with packing.served(config, {**files, "model.onnx": model.SerializeToString()}) as artifact:
            return reading.read_all(Reader(artifact), dev)

    windows = sample(questions.examples["train"], tokenizer, task, CALIBRATION_WINDOWS)
    say(f"measuring activation ranges on {len(windows)} training windows")
    ranges = quantize.ranges_over(feeds(windows), graph.Builder.reader, weights, bert, apart=True)
    plain = reading.report(dev, said(graph.build_of(graph.Builder.reader, weights, bert)))
    reads: list[reading.Read] = []

    def lost(model: Any) -> list[quantize.Loss]:
        reads[:] = said(model)
        return losses_of(plain, reading.report(dev, reads))

    model, told = packing.quantized(
        graph.Builder.reader, task, weights, bert, ranges, lost, len(windows), force=force, say=say
    )
    files |= model_file(model.SerializeToString(), zipped=zipped)
    config["reading"] |= calibration(dev, reads)
    say(f"answering from a chance of {config['reading']['threshold']:.2f} on")
    manifest = packing.manifest_of(
        task, questions, measured, run, tokenizer, version=version, base=base, commands=commands,
        quantization=told,
    )  # fmt: skip
    with packing.served(config, files) as artifact:
        say("measuring dev and test as served")
        reader = Reader(artifact)
        tested = questions.examples["test"] + measured.examples["test"]
        manifest["metrics"] = {"dev": reading.measure(reader, dev), "test": reading.measure(reader, tested)}
    write_artifact(out, config, files, manifest, readme=reader_card(manifest, config))
    return manifest


def renamed(name: str) -> str:
    """Hugging Face's name of a weight as the graph's builder knows it."""
    return name.replace("bert.", "encoder.", 1).replace("qa_outputs.", "outputs.", 1)


def sample(questions: Sequence[Question], tokenizer: Tokenizer, task: Task, count: int) -> list[Window]:
    """The first window of some of the questions; the same for the same questions."""
    chosen = random.Random(0).sample(list(questions), min(count, len(questions)))
    if not chosen:
        raise InputError(f"{task.name}: no training questions to measure the activations' ranges on; see --data")
    specials = Specials.of(tokenizer, "the run's tokenizer.json")
    shape = Shape(task.max_tokens, task.reading.stride, task.reading.max_question_tokens)
    windows = []
    for question in chosen:
        asked, passage = (
            tokenizer.encode(text, add_special_tokens=False) for text in (question.text, question.passage)
        )
        windows.append(windows_of(asked.ids, passage.ids, passage.offsets, specials, shape)[0])
    return windows


def feeds(windows: Iterable[Window]) -> Iterable[Mapping[str, Any]]:
    for window in windows:
        ids, lengths, types = arrays([window], 0)
        yield {"input_ids": ids, "lengths": lengths, "token_types": types}


def losses_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[quantize.Loss]:
    return [quantize.Loss("reader", metric, before[metric], after[metric]) for metric in ("f1", "em")]


def calibration(questions: Sequence[Question], reads: Sequence[reading.Read]) -> dict[str, float]:
    """Scale and bias that make a margin the chance that the passage answers (Platt 1999), and the threshold that costs
    least where a wrong answer costs as much as WRONG_ANSWER_PRICE hand-overs.
    """
    from sklearn.linear_model import LogisticRegression

    usable = [(q, r) for q, r in zip(questions, reads, strict=True) if np.isfinite(r.score)]
    margins = np.array([[r.score] for _, r in usable])
    answerable = np.array([bool(q.answers) for q, _ in usable])
    if answerable.all() or not answerable.any():
        raise InputError(
            "dev has no unanswerable questions to calibrate on; say unanswerable = 0.3 of a source in the task"
        )
    fitted = LogisticRegression(C=1e6).fit(margins, answerable)
    scale, bias = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if scale <= 0:
        raise InputError("margins on dev do not grow with the chance of an answer: the run has learned nothing yet")
    chances = 1 / (1 + np.exp(-(scale * margins[:, 0] + bias)))
    right = np.array([bool(q.answers) and reading.f1(r.text, q.answer_texts) >= RIGHT_F1 for q, r in usable])
    return {"scale": round(scale, 5), "bias": round(bias, 5), "threshold": cheapest(chances, right, answerable)}


def cheapest(
    chances: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], answerable: npt.NDArray[np.bool_]
) -> float:
    """The threshold at which wrong answers, by their price, and withheld answerable questions cost least."""
    costs = {}
    for threshold in np.round(np.arange(0.02, 0.99, 0.01), 2):
        answered = chances >= threshold
        costs[float(threshold)] = WRONG_ANSWER_PRICE * (answered & ~right).sum() + (~answered & answerable).sum()
    return min(costs, key=lambda threshold: (costs[threshold], threshold))
