"""The engine on a GPU beside transformers on the same one, all in bf16 and of the same weights: texts in, verdicts out.
First that they give equal labels, then how fast; and what ours spends its time on.

The pipeline tokenizes text by text, which is most of its time beside a fast GPU; so a loop by hand, which lets the
tokenizer take a whole batch on all cores, stands there too.
"""

import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from unittest.mock import patch

import torch
import transformers

from benchmarks.speed import weights
from benchmarks.speed.contenders import CALLERS, Contender, Measured, Texts, choose, restored
from benchmarks.speed.engine import AGREE, agreement, race, taken
from benchmarks.speed.profile import Seconds, timed
from benchmarks.speed.results import Figure, Plan, Write
from benchmarks.speed.texts import headlines, source
from benchmarks.speed.zoo import HEAD, labels_of, shipped
from models.artifact import Artifact
from models.engines import gpu as engine_module
from models.engines.gpu import ALIGNED, Gpu, TorchEngine
from models.errors import GretchenError

TEXTS_TIMES = 16  # of a round on a CPU
TRIED = 4096  # texts by which batches are chosen
CHECKED = 8192
CHUNK = 4096  # texts that a worker for a GPU takes at once, see docs/gpu.md
BATCHES = (32, 128, 512, 2048)


def measure(plan: Plan, write: Write, device: str) -> None:
    """Raises GretchenError for a contender whose labels are others than ours."""
    os.environ["TOKENIZERS_PARALLELISM"] = "true"  # a core alone would not feed a GPU; for all
    artifact, gpu = shipped("news"), Gpu.of(device)
    texts = headlines(plan, None if plan.smoke else TEXTS_TIMES * plan.texts)
    field = list(enter(artifact, gpu, texts[:TRIED], BATCHES[:1] if plan.smoke else BATCHES))
    shares = list(agreeing([one.contender for one in field], texts[:CHECKED], plan))
    counts = [taken(one.texts_per_s, plan, len(texts)) for one in field]
    rounds = race([one.contender for one in field], texts, counts, 2 if plan.smoke else plan.rounds)
    for (contender, _), share, found in zip(field, shares, rounds, strict=True):
        told = f"{share:.1%} of {len(texts[:CHECKED])} labels are ours, of {source(plan)}."
        write(
            Figure(
                part="gpu", contender=contender.name, figure="texts/s", unit="/s", rounds=found,
                conditions={"on": str(gpu), **contender.conditions}, note=contender.note or told,
            )
        )  # fmt: skip
    for name, spent_ms in spent(artifact, gpu, texts[:CHUNK], 2 if plan.smoke else plan.rounds).items():
        write(
            Figure(
                part="gpu", contender="gretchen", figure=f"{name}, a chunk", unit="ms", rounds=spent_ms,
                conditions={"on": str(gpu), "texts": str(len(texts[:CHUNK])), "calling threads": "1"},
            )
        )  # fmt: skip


def agreeing(field: Sequence[Contender], texts: Texts, plan: Plan) -> Iterator[float]:
    """The share of labels of each that the first gives too. Raises GretchenError for too small a one."""
    said = [one.score(texts) for one in field]
    for one, labels in zip(field, said, strict=True):
        share = agreement(said[0], labels)
        if share < AGREE:
            raise GretchenError(
                f"the same weights give only {share:.1%} of {len(texts)} texts the same label by {one.name}, wanted"
                f" {AGREE:.0%}: it computes something else than ours, and their speeds can't be compared"
            )
        yield share


def enter(artifact: Artifact, gpu: Gpu, texts: Texts, batches: Sequence[int]) -> Iterator[Measured]:
    yield choose([ours(artifact, gpu, callers) for callers in (1, CALLERS)], texts)
    model = weights.text_model(artifact).to(gpu.device, gpu.dtype)
    assert tuple(model.config.id2label.values()) == labels_of(artifact)
    yield choose(pipelines(artifact, gpu, model, batches), texts)
    yield choose(loops(artifact, gpu, model, batches), texts)


def ours(artifact: Artifact, gpu: Gpu, callers: int) -> Contender:
    engine, pool = TorchEngine(artifact, str(gpu.device)), ThreadPoolExecutor(callers)
    labels = engine.labels[HEAD]

    def score(texts: Texts) -> list[str]:
        chunks = [texts[n : n + CHUNK] for n in range(0, len(texts), CHUNK)]
        done = pool.map(lambda part: engine.infer(engine.encode(part)), chunks)
        return [labels[int(one[HEAD].argmax())] for part in done for one in part]

    note = "All heads, and a verdict for each entity that the data names; the others compute the sentiment alone."
    return Contender("gretchen", score, {"chunk": str(CHUNK), "calling threads": str(callers)}, note)


def spent(artifact: Artifact, gpu: Gpu, texts: Texts, rounds: int) -> dict[str, list[float]]:
    """Milliseconds a round that these texts, in one chunk, took of one thread, by what it did."""
    engine, found = TorchEngine(artifact, str(gpu.device)), defaultdict[str, list[float]](list)
    for n in range(rounds + 1):
        spent_s: Seconds = defaultdict(float)
        with ExitStack() as stack:
            for owner, name, told in (
                (TorchEngine, "_ask", "laying out and queuing"),
                (Gpu, "wait", "waiting for the GPU"),
                (engine_module, "predictions", "making probabilities"),
            ):
                stack.enter_context(patch.object(owner, name, timed(getattr(owner, name), told, spent_s)))
            began_s = time.perf_counter()
            encoded = engine.encode(texts)
            encoded_s = time.perf_counter()
            engine.infer(encoded)
        spent_s["tokenizing"], spent_s["all"] = encoded_s - began_s, time.perf_counter() - began_s
        for name, seconds in spent_s.items():
            if n:  # the first warms up
                found[name].append(1000 * seconds)
    return found


def pipelines(
    artifact: Artifact, gpu: Gpu, model: weights.SpanlessClassifier, batches: Sequence[int]
) -> Iterator[Contender]:
    """transformers' text-classification pipeline, texts sorted by length; the fastest batch is for `choose` to find."""
    with weights.quiet():
        made = transformers.pipeline(
            "text-classification", model=model, tokenizer=weights.transformers_tokenizer(artifact), device=gpu.device
        )

    def score(batch: int, texts: Texts) -> list[str]:
        order = sorted(range(len(texts)), key=lambda n: -len(texts[n].text))
        said = made([texts[n].text for n in order], batch_size=batch, truncation=True)
        return restored([one["label"] for one in said], order)

    for batch in batches:
        yield Contender("MiniLM pipeline", partial(score, batch), {"batch": str(batch)})


def loops(
    artifact: Artifact, gpu: Gpu, model: weights.SpanlessClassifier, batches: Sequence[int]
) -> Iterator[Contender]:
    """transformers' tokenizer and model by hand, over texts sorted by length: a batch is tokenized at once, and results
    are waited for once, at the end.
    """
    tokenizer, labels = weights.transformers_tokenizer(artifact), labels_of(artifact)

    @torch.inference_mode()
    def score(batch: int, texts: Texts) -> list[str]:
        order = sorted(range(len(texts)), key=lambda n: -len(texts[n].text))
        found = []
        for at in range(0, len(order), batch):
            given = tokenizer(
                [texts[n].text for n in order[at : at + batch]], padding=True, pad_to_multiple_of=ALIGNED,
                truncation=True, return_tensors="pt",
            )  # fmt: skip
            found.append(model(**given.to(gpu.device)).logits.float().softmax(-1))
        return restored([labels[n] for n in torch.cat(found).argmax(-1).tolist()], order)

    for batch in batches:
        yield Contender("MiniLM by hand", partial(score, batch), {"batch": str(batch)})
