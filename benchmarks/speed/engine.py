"""The engine alone beside its peers: texts in, verdicts out, no Kafka. First that all give equal labels, then how fast.

A round is every contender once, one after the other; a slow one gets as many texts as it scores in about ROUND_S, other
ones in each round.
"""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.speed import weights
from benchmarks.speed.contenders import Contender, Measured, Texts, choose, onnxruntimes, openvinos, ours, pipelines
from benchmarks.speed.results import Figure, Plan, Write
from benchmarks.speed.texts import has_sentfin, headlines, source
from benchmarks.speed.zoo import HEAD, labels_of, shipped
from models.artifact import Artifact
from models.cores import engine_threads
from models.errors import GretchenError

ROUND_S, FEWEST = 2.5, 32
CALIBRATION_TEXTS = 300
CHECKED = 512
AGREE = 0.97  # of labels, by another quantization of the same weights
AGREE_ON_SAMPLE = 0.93  # texts nearer the border: of 1,024 dynamic int8 says as fp32 97.0%, of SEntFiN's 99.4%
BATCHES = (1, 8, 32)
TRIED, TRIED_SLOW = 160, 24  # texts by which settings are chosen


def run(plan: Plan, write: Write) -> None:
    """Raises GretchenError for a contender whose labels are others than ours."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # as the worker has it: threads are the engine's
    artifact, threads = shipped("news"), engine_threads()
    checked, calibrating = (CHECKED // 2, 32) if plan.smoke else (CHECKED, CALIBRATION_TEXTS)
    texts = headlines(plan)
    known = headlines(plan, max(len(texts), checked) + calibrating)  # those that are measured come first in it
    calibration = known[-calibrating:]
    with TemporaryDirectory() as folder:
        field = list(enter(plan, artifact, threads, texts, calibration, Path(folder)))
        least = AGREE if has_sentfin(plan) else AGREE_ON_SAMPLE
        for figure in check([one.contender for one in field], known[:checked], source(plan), least):
            write(figure)
        counts = [taken(one.texts_per_s, plan, len(texts)) for one in field]
        rounds = race([one.contender for one in field], texts, counts, 2 if plan.smoke else plan.rounds)
        for (contender, _), found in zip(field, rounds, strict=True):
            write(
                Figure(
                    part="engine", contender=contender.name, figure="texts/s", unit="/s", rounds=found,
                    conditions=contender.conditions, note=contender.note,
                )
            )  # fmt: skip


def enter(
    plan: Plan, artifact: Artifact, threads: int, texts: Texts, calibration: Texts, folder: Path
) -> Iterator[Measured]:
    """Ours first, then every peer in the settings that are fastest for it here."""
    labels, batches = labels_of(artifact), BATCHES[-1:] if plan.smoke else BATCHES
    tried, few = texts[: 32 if plan.smoke else TRIED], texts[: 2 if plan.smoke else TRIED_SLOW]
    yield choose([ours(artifact, threads, HEAD)], tried)
    model, tokenizer = weights.text_model(artifact), weights.transformers_tokenizer(artifact)
    yield choose(pipelines("MiniLM pipeline", model, tokenizer, threads, batches), tried)
    yield choose(
        pipelines(
            "BERT-base pipeline", weights.base_model(artifact), tokenizer, threads, batches,
            "FinBERT's size, random weights: what they are does not change its time, and its labels are not compared.",
        ), few,
    )  # fmt: skip
    plain = weights.export(model, folder / "plain.onnx")
    fused = weights.fused(plain, model, folder / "fused.onnx")
    graphs = {"as exported": plain, "by its transformers optimizer": fused}
    yield choose(onnxruntimes("ONNX Runtime fp32", graphs, artifact, labels, threads, batches[-2:]), tried)
    graphs = {name: weights.dynamic_int8(path, path.with_suffix(".int8.onnx")) for name, path in graphs.items()}
    yield choose(onnxruntimes("ONNX Runtime dynamic int8", graphs, artifact, labels, threads, batches[-2:]), tried)
    yield choose(openvinos("OpenVINO int8", model, calibration, artifact, labels, threads, batches), tried)


def check(field: Sequence[Contender], texts: Texts, what: str, least: float = AGREE) -> Iterator[Figure]:
    """How many labels of each contender of our weights are ours. Raises GretchenError for too few."""
    said = {one.name: one.score(texts) for one in field if not one.name.startswith("BERT-base")}
    reference = said["gretchen"]
    for name, labels in said.items():
        share = agreement(labels, reference)
        if share < least:
            raise GretchenError(
                f"{name} gives {share:.1%} of {len(texts)} texts our label, wanted {least:.0%}: it computes something"
                " else, and its speed can't be compared"
            )
        if name != "gretchen":
            yield Figure(
                part="engine", contender=name, figure="labels as ours", unit="% of texts", rounds=[100 * share],
                conditions={"texts": str(len(texts)), "of": what},
            )  # fmt: skip
    pair = ("MiniLM pipeline", "ONNX Runtime fp32")
    if (share := agreement(*(said[name] for name in pair))) < 1:
        raise GretchenError(f"{' and '.join(pair)} are the same model in fp32, and only {share:.1%} labels are equal")


def agreement(labels: Sequence[str], reference: Sequence[str]) -> float:
    return sum(a == b for a, b in zip(labels, reference, strict=True)) / len(reference)


def taken(texts_per_s: float, plan: Plan, most: int) -> int:
    """How many texts a contender of this speed gets a round."""
    round_s, fewest = (0.1, 2) if plan.smoke else (ROUND_S, FEWEST)
    return min(most, max(round(texts_per_s * round_s), fewest))


def race(field: Sequence[Contender], texts: Texts, counts: Sequence[int], rounds: int) -> list[list[float]]:
    """Texts a second of each, a round each, where each gets as many texts as its count says."""
    found: list[list[float]] = [[] for _ in field]
    for n in range(rounds):
        for contender, count, into in zip(field, counts, found, strict=True):
            given = window(texts, n, count)
            began_s = time.perf_counter()
            contender.score(given)
            into.append(len(given) / (time.perf_counter() - began_s))
    return found


def window(texts: Texts, turn: int, count: int) -> Texts:
    """`count` texts, each turn the next ones, from the start again past the end."""
    at = turn * count % len(texts)
    return [*texts[at : at + count], *texts[: max(0, at + count - len(texts))]]
