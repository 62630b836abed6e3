"""The engine on a GPU beside a transformers pipeline on the same one, both in bf16 and of the same weights: texts in,
verdicts out. First that both give equal labels, then how fast.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import transformers

from benchmarks.speed import weights
from benchmarks.speed.contenders import CALLERS, Contender, Measured, Texts, choose, restored
from benchmarks.speed.engine import AGREE, agreement, race, taken
from benchmarks.speed.results import Figure, Plan, Write
from benchmarks.speed.texts import headlines, source
from benchmarks.speed.zoo import HEAD, labels_of, shipped
from models.artifact import Artifact
from models.engines.gpu import Gpu, TorchEngine
from models.errors import GretchenError

TEXTS_TIMES = 16  # of a round on a CPU
CHUNK = 4096  # texts that a worker for a GPU takes at once, see docs/gpu.md
BATCHES = (32, 128, 512, 2048)


def measure(plan: Plan, write: Write, device: str) -> None:
    """Raises GretchenError for a pipeline whose labels are others than ours."""
    os.environ["TOKENIZERS_PARALLELISM"] = "true"  # a core alone would not feed a GPU; for both
    artifact, gpu = shipped("news"), Gpu.of(device)
    texts = headlines(plan, None if plan.smoke else TEXTS_TIMES * plan.texts)
    field = list(enter(artifact, gpu, texts, BATCHES[:1] if plan.smoke else BATCHES))
    share = agreement(*(one.contender.score(texts) for one in field))
    if share < AGREE:
        raise GretchenError(
            f"the same weights give only {share:.1%} of {len(texts)} texts the same label, wanted {AGREE:.0%}: one of"
            " both computes something else, and their speeds can't be compared"
        )
    counts = [taken(one.texts_per_s, plan, len(texts)) for one in field]
    rounds = race([one.contender for one in field], texts, counts, 2 if plan.smoke else plan.rounds)
    for (contender, _), found in zip(field, rounds, strict=True):
        note = f"{share:.1%} of {len(texts)} labels are the same, of {source(plan)}. {contender.note}".rstrip()
        write(
            Figure(
                part="gpu", contender=contender.name, figure="texts/s", unit="/s", rounds=found,
                conditions={"on": str(gpu), **contender.conditions}, note=note,
            )
        )  # fmt: skip


def enter(artifact: Artifact, gpu: Gpu, texts: Texts, batches: Sequence[int]) -> Iterator[Measured]:
    yield choose([ours(artifact, gpu)], texts)
    yield choose(pipelines(artifact, gpu, batches), texts)


def ours(artifact: Artifact, gpu: Gpu) -> Contender:
    engine, pool = TorchEngine(artifact, str(gpu.device)), ThreadPoolExecutor(CALLERS)
    labels = engine.labels[HEAD]

    def score(texts: Texts) -> list[str]:
        chunks = [texts[n : n + CHUNK] for n in range(0, len(texts), CHUNK)]
        done = pool.map(lambda part: engine.infer(engine.encode(part)), chunks)
        return [labels[int(one[HEAD].argmax())] for part in done for one in part]

    note = "All heads, and a verdict for each entity that the data names; the pipeline computes the sentiment alone."
    return Contender("gretchen", score, {"chunk": str(CHUNK)}, note)


def pipelines(artifact: Artifact, gpu: Gpu, batches: Sequence[int]) -> Iterator[Contender]:
    """transformers' text-classification pipeline, texts sorted by length; the fastest batch is for `choose` to find."""
    model = weights.text_model(artifact).to(gpu.device, gpu.dtype)
    assert tuple(model.config.id2label.values()) == labels_of(artifact)
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
