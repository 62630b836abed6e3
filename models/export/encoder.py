"""From an encoder's run to an artifact: graph, static int8 behind the gate, recall beside BM25's, card.

Everything measured here is measured through models/engines/encoder.py on the artifact's own files.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from models import graph
from models.data.questions import Question, Questions
from models.engines.batches import arrays, cut, read_tokenizer
from models.engines.encoder import Encoder
from models.errors import InputError
from models.evaluation import retrieval
from models.export import packing, quantize
from models.export.answer_cards import encoder_card
from models.export.classifier import Files, Say, model_file, write_artifact
from models.tasks.task import Task

CALIBRATION_QUESTIONS = 250  # and as many passages


def export_encoder(
    task: Task, questions: Questions, measured: Questions, run: Path, out: Path, *,
    version: str, base: str, commands: list[str], force: bool = False, zipped: bool = False,
    say: Say = lambda line: None,
) -> dict[str, Any]:  # fmt: skip
    """Write the artifact to `out` and return its manifest. Raises GateRefused, InputError."""
    weights, bert = packing.weights_of(run, lambda name: f"encoder.{name}")
    tokenizer = read_tokenizer(run)
    files: Files = {"tokenizer.json": (run / "tokenizer.json").read_bytes()}
    config = packing.config_of(task, tokenizer)
    config["embedding"] = {
        "dimensions": bert["hidden_size"],
        "query_prefix": task.embedding.query_prefix,
        "passage_prefix": task.embedding.passage_prefix,
    }
    dev = questions.examples["dev"]

    def found(model: Any) -> dict[str, dict[str, Any]]:
        say(f"searching for {len(dev)} dev questions")
        with packing.served(config, {**files, "model.onnx": model.SerializeToString()}) as artifact:
            return retrieval.measure({"encoder": retrieval.by_vectors(Encoder(artifact))}, dev, questions.passages)

    texts = sample(questions.examples["train"], task, CALIBRATION_QUESTIONS)
    say(f"measuring activation ranges on {len(texts)} training texts")
    fed = list(feeds(texts, tokenizer, task))
    ranges = quantize.ranges_over(fed, graph.Builder.text_encoder, weights, bert, apart=True)
    before = found(graph.build_of(graph.Builder.text_encoder, weights, bert))
    model, told = packing.quantized(
        graph.Builder.text_encoder, task, weights, bert, ranges, lambda model: [loss_of(before, found(model))],
        len(texts), force=force, say=say,
    )  # fmt: skip
    files |= model_file(model.SerializeToString(), zipped=zipped)
    manifest = packing.manifest_of(
        task, questions, measured, run, tokenizer, version=version, base=base, commands=commands,
        quantization=told,
    )  # fmt: skip
    with packing.served(config, files) as artifact:
        say("measuring dev and test as served, and BM25")
        ways = {"encoder": retrieval.by_vectors(Encoder(artifact)), "BM25": retrieval.by_words}
        tested = questions.examples["test"] + measured.examples["test"]
        passages = questions.passages | measured.passages
        manifest["metrics"] = {
            "dev": retrieval.measure(ways, dev, passages),
            "test": retrieval.measure(ways, tested, passages),
        }
    write_artifact(out, config, files, manifest, readme=encoder_card(manifest, config))
    return manifest


def sample(questions: Sequence[Question], task: Task, count: int) -> list[str]:
    """Some questions and their passages, each with its prefix; the same for the same questions."""
    chosen = random.Random(0).sample(list(questions), min(count, len(questions)))
    if not chosen:
        raise InputError(f"{task.name}: no training questions to measure the activations' ranges on; see --data")
    embedding = task.embedding
    return [embedding.query_prefix + question.text for question in chosen] + list(
        dict.fromkeys(embedding.passage_prefix + question.passage for question in chosen)
    )


def feeds(texts: Sequence[str], tokenizer: Tokenizer, task: Task) -> Iterable[Mapping[str, Any]]:
    for text in texts:
        ids, lengths, spans = arrays([cut(tokenizer.encode(text).ids, task.max_tokens)], [()], 0, task.text_pooling)
        yield {"input_ids": ids, "lengths": lengths, "spans": spans}


def loss_of(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> quantize.Loss:
    """Recall@1 of all dev questions together, and the sets whose own fell, as a classifier's labels may."""
    first = [sum(told["n"] * told["recall@1"] for told in of.values()) for of in (before, after)]
    asked = sum(told["n"] for told in before.values())
    drops = {name: round(told["recall@1"] - after[name]["recall@1"], 4) for name, told in before.items()}
    fallen = {name: drop for name, drop in drops.items() if quantize.fell(drop, before[name]["n"])}
    return quantize.Loss("encoder", "recall@1", first[0] / asked, first[1] / asked, fallen)
