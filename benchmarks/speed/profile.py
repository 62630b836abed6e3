"""Where the time goes: of one thread through the engine, by what ONNX Runtime's profiler and clocks around Python say.

And how many texts of real sets came before: what a cache of verdicts would save.
"""

import importlib.util
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import onnxruntime as ort

from benchmarks.speed.contenders import Texts
from benchmarks.speed.results import Figure, Plan, Write
from benchmarks.speed.texts import headlines
from benchmarks.speed.zoo import shipped
from models.artifact import Artifact
from models.data.corpus import normalize, rows_of
from models.engines import onnx as engine_module
from models.errors import InputError
from models.tasks.task import load_task
from streams.settings import Settings

RUN = "in the session"
IN_PYTHON = {"arrays": "building arrays", "softmax": "softmax"}  # functions that the engine calls by these names
Seconds = defaultdict[str, float]
LEAST_PERCENT = 0.5  # less is told as one
SETS = {"sentfin": "SEntFiN headlines", "tfns_sentiment": "tweets (sentiment)", "tfns_topic": "tweets (topics)"}


def run(plan: Plan, write: Write) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    artifact, texts = shipped("news"), headlines(plan, 64 if plan.smoke else 1024)
    rounds = [shares(spent(artifact, texts)) for _ in range(1 if plan.smoke else min(3, plan.rounds))]
    for name in sorted(rounds[0], key=lambda name: -rounds[0][name]):
        write(
            Figure(
                part="profile", contender="gretchen", figure=name, unit="% of time",
                rounds=[each.get(name, 0.0) for each in rounds], conditions={"threads": "1"},
            )
        )  # fmt: skip
    for figure in repeated(plan):
        write(figure)


def spent(artifact: Artifact, texts: Texts) -> Seconds:
    """Seconds by what they were spent on, which together are all that the texts took."""
    spent_s: Seconds = defaultdict(float)
    inferring_s = 0.0
    with TemporaryDirectory() as folder, watched(Path(folder), spent_s) as sessions:
        engine, chunk = engine_module.OnnxEngine(artifact, 1), Settings().batch_records
        for at in range(0, len(texts), chunk):
            began_s = time.perf_counter()
            encoded = engine.encode(texts[at : at + chunk])
            encoded_s = time.perf_counter()
            engine.infer(encoded)
            inferring_s += time.perf_counter() - encoded_s
            spent_s["tokenizing"] += encoded_s - began_s
        kernels_s = kernels(Path(session.end_profiling()) for session in sessions)
    running_s = spent_s.pop(RUN)
    in_python_s = sum(spent_s[name] for name in IN_PYTHON.values())
    spent_s["ONNX Runtime between its kernels"] = running_s - sum(kernels_s.values())
    spent_s["Python around the session"] = inferring_s - running_s - in_python_s
    return spent_s | kernels_s


@contextmanager
def watched(folder: Path, spent_s: Seconds) -> Iterator[list[ort.InferenceSession]]:
    """Meanwhile sessions that are made, with whatever options, profile themselves, and what they and IN_PYTHON take is
    added up.
    """
    sessions: list[ort.InferenceSession] = []
    options_of = ort.SessionOptions

    def profiling() -> ort.SessionOptions:
        options = options_of()
        options.enable_profiling, options.profile_file_prefix = True, str(folder / "profile")
        return options

    class Watched(ort.InferenceSession):  # type: ignore[misc]
        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            sessions.append(self)
            self.run = timed(super().run, RUN, spent_s)
            self.run_with_iobinding = timed(super().run_with_iobinding, RUN, spent_s)

    with ExitStack() as stack:
        stack.enter_context(patch.object(ort, "SessionOptions", profiling))
        stack.enter_context(patch.object(ort, "InferenceSession", Watched))
        for name, told in IN_PYTHON.items():
            stack.enter_context(patch.object(engine_module, name, timed(getattr(engine_module, name), told, spent_s)))
        yield sessions


def timed(function: Callable[..., Any], name: str, spent_s: Seconds) -> Callable[..., Any]:
    def wrapped(*given: Any, **options: Any) -> Any:
        began_s = time.perf_counter()
        try:
            return function(*given, **options)
        finally:
            spent_s[name] += time.perf_counter() - began_s

    return wrapped


def kernels(profiles: Iterable[Path]) -> Seconds:
    """Seconds by type of node, out of ONNX Runtime's own profiles."""
    found: Seconds = defaultdict(float)
    for path in profiles:
        for event in json.loads(path.read_bytes()):
            if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
                found[event["args"]["op_name"]] += event["dur"] / 1e6
    return found


def shares(spent_s: Seconds) -> dict[str, float]:
    """In percent; what is less than LEAST_PERCENT is together "the rest"."""
    total = sum(spent_s.values())
    percent = {name: 100 * seconds / total for name, seconds in spent_s.items()}
    told = {name: share for name, share in percent.items() if share >= LEAST_PERCENT}
    return {**told, "the rest": sum(percent.values()) - sum(told.values())}


def repeated(plan: Plan) -> Iterator[Figure]:
    """Of each set at hand, the share of texts that came before: as they are, and but for what `normalize` drops."""
    for name, told in SETS.items():
        texts = texts_of(name, plan.data)
        for figure, key in (("repeated exactly", str), ("repeated but for links, case and punctuation", normalize)):
            if texts:
                share = 100 * (1 - len({key(text) for text in texts}) / len(texts))
                yield Figure(
                    part="profile", contender=told, figure=figure, unit="% of texts", rounds=[share],
                    conditions={"texts": str(len(texts))},
                    note="What of the inference a cache of verdicts by text would save, if it held all.",
                )  # fmt: skip


def texts_of(name: str, data: Path) -> list[str]:
    """All texts of one of the news model's sets; none where it, or what reads it, is missing."""
    source = next(each for each in load_task("news").sources if each.name == name)
    if source.reader == "parquet" and importlib.util.find_spec("pyarrow") is None:
        return []
    try:
        return [row.text for row in rows_of(source, data) if row.text]
    except InputError:
        return []
