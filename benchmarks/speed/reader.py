"""The reader beside stock dynamic int8 of the same weights: a question and a passage of PASSAGE_TOKENS each.

Both get the same windows and choose spans by the same code, so that the network and how it is run is what differs.
"""

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec
import numpy as np
import onnxruntime as ort

from benchmarks.speed import weights
from benchmarks.speed.contenders import session_of
from benchmarks.speed.results import Figure, Plan, Write
from benchmarks.speed.zoo import shipped
from models.artifact import Artifact
from models.cores import engine_threads
from models.engines.reader import Reader
from models.engines.texts import tokenizer_of
from models.engines.windows import Candidate, Shape, Specials, Window, arrays, candidates, windows_of
from models.errors import GretchenError
from streams.demo.playlist import SAMPLE, lines
from streams.records import Question

PASSAGE_TOKENS = 231
QUESTIONS, ALONE, TRIED = 192, 48, 24
AGREE = 0.9  # of best spans that overlap ours: dynamic ranges move a span's bounds more than a label
AGREE_ON_SAMPLE = 0.75  # its questions are none that its passages answer: the best of bad spans is soon another
SEED = 5
SQUAD = Path("squadshifts") / "new_wiki_v1.0.json"


class Asked(NamedTuple):
    question: str
    passage: str


class Found(NamedTuple):
    """The characters [start, end) of the passage that answer best."""

    start: int
    end: int


Read = Callable[[Sequence[Asked]], list[Found]]


class Contender(NamedTuple):
    name: str
    read: Read
    conditions: dict[str, str]


def run(plan: Plan, write: Write) -> None:
    """Raises GretchenError where the two don't find the same."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    artifact, threads = shipped("reader"), engine_threads()
    asked = questions(plan, artifact, 12 if plan.smoke else QUESTIONS)
    with TemporaryDirectory() as folder:
        own, variants = ours(artifact, threads), list(stock(artifact, threads, Path(folder), plan.smoke))
        for figure, texts, count in (
            ("questions/s", asked, len(asked)),
            ("questions/s, one at a time", asked[:ALONE], 1),
        ):
            field = [own, fastest(variants, texts[:TRIED], min(count, TRIED))]
            if count > 1:
                write(check(field, asked, AGREE if (plan.data / SQUAD).exists() else AGREE_ON_SAMPLE))
            rounds = race(field, texts, count, 2 if plan.smoke else plan.rounds)
            for contender, found in zip(field, rounds, strict=True):
                write(
                    Figure(
                        part="reader", contender=contender.name, figure=figure, unit="/s", rounds=found,
                        conditions=contender.conditions,
                    )
                )  # fmt: skip


def ours(artifact: Artifact, threads: int) -> Contender:
    reader = Reader(artifact, threads)

    def read(asked: Sequence[Asked]) -> list[Found]:
        readings = reader.read_many([(one.question, [one.passage]) for one in asked], n_best=1)
        return [Found(reading.answers[0].start, reading.answers[0].end) for reading in readings]

    return Contender("gretchen", read, {"threads": str(threads)})


def stock(artifact: Artifact, threads: int, folder: Path, smoke: bool) -> Iterator[Contender]:
    """In several settings."""
    model = weights.reader_model(artifact)
    plain = weights.export(model, folder / "plain.onnx", types=True)
    fused = weights.fused(plain, model, folder / "fused.onnx")
    windows = Windows(artifact)
    for graph, path in (("as exported", plain), ("by its transformers optimizer", fused))[1 if smoke else 0 :]:
        int8 = weights.dynamic_int8(path, path.with_suffix(".int8.onnx"))
        for callers, intra in sorted({(1, threads), (threads, 1)}):
            session, pool = session_of(int8, intra), ThreadPoolExecutor(callers)
            for batch in (8,) if smoke else (1, 4, 16):
                conditions = {"graph": graph, "calling threads": str(callers), "threads of each": str(intra)}
                read = partial(read_stock, windows, session, pool, batch)
                yield Contender("ONNX Runtime dynamic int8", read, conditions | {"batch": str(batch)})


class Windows:
    """Of a question and a passage that fit into one, and what was found in it."""

    def __init__(self, artifact: Artifact) -> None:
        config = artifact.config
        assert config.reading is not None  # what a reader's config has
        self._tokenizer, self._longest = tokenizer_of(artifact), config.reading.max_answer_tokens
        self._specials = Specials.of(self._tokenizer, str(artifact.path))
        self._shape = Shape(config.max_tokens, config.reading.stride, config.reading.max_question_tokens)

    def of(self, asked: Sequence[Asked]) -> list[Window]:
        texts = self._tokenizer.encode_batch([one.passage for one in asked], add_special_tokens=False)
        questions = self._tokenizer.encode_batch([one.question for one in asked], add_special_tokens=False)
        return [
            windows_of(question.ids, text.ids, text.offsets, self._specials, self._shape)[0]
            for question, text in zip(questions, texts, strict=True)
        ]

    def read(self, session: ort.InferenceSession, windows: Sequence[Window]) -> list[Found]:
        ids, lengths, types = arrays(windows, self._specials.pad)
        mask = (np.arange(ids.shape[1]) < lengths[:, None]).astype(np.int64)
        (logits,) = session.run(["logits"], {"input_ids": ids, "attention_mask": mask, "token_type_ids": types})
        return [
            best(candidates(window, rows[:, 0], rows[:, 1], self._longest, 8))
            for window, rows in zip(windows, logits, strict=True)
        ]


def best(found: Iterator[Candidate]) -> Found:
    one = max(found, key=lambda each: each.margin)
    return Found(one.start, one.end)


def read_stock(
    windows: Windows, session: ort.InferenceSession, pool: ThreadPoolExecutor, batch: int, asked: Sequence[Asked]
) -> list[Found]:
    made = windows.of(asked)
    order = sorted(range(len(made)), key=lambda n: -len(made[n].ids))
    batches = [order[n : n + batch] for n in range(0, len(order), batch)]
    found = pool.map(lambda part: windows.read(session, [made[n] for n in part]), batches)
    by_place = dict(zip(order, (one for part in found for one in part), strict=True))
    return [by_place[n] for n in range(len(asked))]


def fastest(variants: Sequence[Contender], asked: Sequence[Asked], at_once: int) -> Contender:
    """Each warmed up first."""
    for one in variants:
        one.read(asked[:2])
    speeds = race(variants, asked, at_once, rounds=1)
    return max(zip(speeds, variants, strict=True), key=lambda pair: pair[0])[1]


def check(field: Sequence[Contender], asked: Sequence[Asked], least: float) -> Figure:
    """How many of the other's best spans overlap ours. Raises GretchenError for too few."""
    reference, other = (contender.read(asked) for contender in field)
    share = sum(a.start < b.end and b.start < a.end for a, b in zip(reference, other, strict=True)) / len(asked)
    if share < least:
        raise GretchenError(
            f"{field[1].name} answers {share:.1%} of {len(asked)} questions where we do, wanted {least:.0%}: it"
            " computes something else, and its speed can't be compared"
        )
    return Figure(
        part="reader", contender=field[1].name, figure="best spans that overlap ours", unit="% of questions",
        rounds=[100 * share], conditions={"questions": str(len(asked))},
    )  # fmt: skip


def race(field: Sequence[Contender], asked: Sequence[Asked], at_once: int, rounds: int) -> list[list[float]]:
    """Questions a second of each, a round each."""
    found: list[list[float]] = [[] for _ in field]
    for _ in range(rounds):
        for contender, into in zip(field, found, strict=True):
            began_s = time.perf_counter()
            for n in range(0, len(asked), at_once):
                contender.read(asked[n : n + at_once])
            into.append(len(asked) / (time.perf_counter() - began_s))
    return found


def questions(plan: Plan, artifact: Artifact, count: int) -> list[Asked]:
    """Distinct pairs, each passage of PASSAGE_TOKENS by the reader's own tokenizer."""
    tokenizer, found = tokenizer_of(artifact), []
    for question, text in written(plan, count):
        offsets = tokenizer.encode(text, add_special_tokens=False).offsets
        if len(offsets) >= PASSAGE_TOKENS:
            found.append(Asked(question, text[: offsets[PASSAGE_TOKENS - 1][1]]))
    if len(found) < count:
        raise GretchenError(f"{len(found)} passages of {PASSAGE_TOKENS} tokens found, wanted {count}")
    return found[:count]


def written(plan: Plan, count: int) -> Iterator[Asked]:
    """Questions with texts that are long enough for most: Wikipedia's of SquadShifts, else the sample's."""
    path = plan.data / SQUAD
    if not path.exists():
        words = " ".join(file.read_text("utf-8") for file in sorted((SAMPLE / "documents").iterdir())).split()
        asked = [msgspec.json.decode(line, type=Question).text for line in lines("questions.jsonl")]
        for n in range(2 * count):
            start = 37 * n % len(words)
            yield Asked(asked[n % len(asked)], " ".join((words + words)[start : start + PASSAGE_TOKENS]))
        return
    paragraphs = [one for article in json.loads(path.read_bytes())["data"] for one in article["paragraphs"]]
    places = list(range(len(paragraphs)))
    random.Random(SEED).shuffle(places)
    for n in places[: 2 * count]:
        followed = paragraphs[n : n + 4]
        yield Asked(paragraphs[n]["qas"][0]["question"], " ".join(one["context"] for one in followed))
