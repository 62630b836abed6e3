"""From an engine that can be made with any settings to the best ones: threads, then token budget, then batch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from models.engines import Engine, Request
from streams.tuning.choice import (
    LOOP_TEXTS_S,
    Choice,
    Measured,
    best,
    best_batch,
    best_linger,
    best_threads,
    records_for,
    workers_for,
)
from streams.tuning.measure import Batches, in_batches, in_turns, repeated, texts_of_a_turn

BUDGETS = (256, 512, 1024, 2048)
BATCHES = (1024, 2048, 4096, 8192, 16384)

Make = Callable[[int, int], Engine]
"""Threads, token budget -> engine."""
Tell = Callable[[str, float], None]
"""What is being measured, and the share of all that is done."""


class Now(NamedTuple):
    """What is set now; `engine_threads` is how many those are, where 0 is set."""

    engine_threads: int
    engine_batch_tokens: int
    batch_tokens: int
    batch_records: int
    linger_ms: float


class Step(NamedTuple):
    """All candidates for a setting."""

    setting: str
    measured: list[Measured]


class Advice(NamedTuple):
    """`choices`: setting -> what is best for it; so many `workers` of those threads use all cores."""

    steps: list[Step]
    choices: Mapping[str, Choice[Any]]
    workers: int


def advise(
    make: Make,
    requests: Sequence[Request],
    weights: Sequence[int],
    now: Now,
    cores: int,
    seconds: float,
    most_ms: float,
    loop_texts_s: float = LOOP_TEXTS_S,
    tell: Tell = lambda what, share: None,
) -> Advice:
    """`weights`: of the requests' records, as a worker bounds its batches by them. A round that has begun is finished,
    so it may take longer than the seconds where these are few."""
    steps: list[Step] = []

    def step(setting: str, candidates: Mapping[int, tuple[Engine, Batches]]) -> list[Measured]:
        done = len(steps) / 3
        measured = in_turns(candidates, seconds / 3, lambda share: tell(setting, done + share / 3))
        steps.append(Step(setting, measured))
        return measured

    counts = powers_up_to(cores, now.engine_threads)
    first = make(now.engine_threads, now.engine_batch_tokens)
    turn = texts_of_a_turn(first, requests, seconds / 3, max(len(counts), len(BUDGETS), len(BATCHES)))
    whole = [repeated(requests, turn)]  # as one batch: how a batch divides among threads is the last step's question
    threads = best_threads(
        measured := step("engine_threads", {n: (make(n, now.engine_batch_tokens), whole) for n in counts}),
        now.engine_threads,
        loop_texts_s,
    )
    budgets = sorted({*BUDGETS, now.engine_batch_tokens})
    budget = best(
        step("engine_batch_tokens", {n: (make(threads.value, n), whole) for n in budgets}), now.engine_batch_tokens
    )
    engine, mean = make(threads.value, budget.value), sum(weights) / len(weights)
    while (weight := sum(heavy := repeated(weights, turn))) < now.batch_tokens:  # it has to fill a batch at least
        turn *= 2
    texts, sizes = repeated(requests, turn), sorted(size for size in {*BATCHES, now.batch_tokens} if size <= weight)
    batches = [  # all of the same texts, the last batch of which may not be full
        each._replace(batch_ms=1000 * turn / each.rate * each.value / weight)
        for each in step("batch_tokens", {size: (engine, in_batches(texts, heavy, size)) for size in sizes})
    ]
    steps[-1] = steps[-1]._replace(measured=batches)
    batch = best_batch(batches, now.batch_tokens, most_ms)
    chosen = next(each for each in batches if each.value == batch.value)
    return Advice(
        steps,
        {
            "engine_threads": threads,
            "engine_batch_tokens": budget,
            "batch_tokens": batch,
            "batch_records": records_for(batch.value, mean, now.batch_records),
            "linger_ms": best_linger(chosen.batch_ms, now.linger_ms),
        },
        workers_for(cores, next(each for each in measured if each.value == threads.value), loop_texts_s),
    )


def powers_up_to(cores: int, now: int) -> list[int]:
    """1, 2, 4, … threads, as many as there are cores, and as many as are set now."""
    return sorted({1 << n for n in range(cores.bit_length())} | {cores, now})
