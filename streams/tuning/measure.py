"""Measures an engine as a worker uses it: texts encoded and inferred by batches, candidates in turns."""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle, islice
from typing import TypeVar

from models.engines import Engine, Request
from streams.tuning.choice import Measured

LEAST_ROUNDS = 3  # fewer have no spread
MOST_ROUNDS = 40
LEAST_TEXTS, MOST_TEXTS = 32, 2048  # of one turn
WARM_TEXTS = 32

Batches = Sequence[Sequence[Request]]
Item = TypeVar("Item")
Clock = Callable[[], float]
Tell = Callable[[float], None]
"""Gets the share of a step that is done."""


def in_turns(
    candidates: Mapping[int, tuple[Engine, Batches]],
    seconds: float,
    tell: Tell = lambda share: None,
    clock: Clock = time.perf_counter,
) -> list[Measured]:
    """A B C A B C …: all candidates a round, round after round until the time is over, at least three. In every second
    round they come the other way round, so that none always runs on what another one has warmed up."""
    for engine, batches in candidates.values():
        timed(engine, [batches[0][:WARM_TEXTS]], clock)
    figures: dict[int, list[float]] = {value: [] for value in candidates}
    begun = clock()
    for n in range(MOST_ROUNDS):
        for value in list(candidates)[:: 1 if n % 2 == 0 else -1]:
            engine, batches = candidates[value]
            figures[value].append(timed(engine, batches, clock))
        spent = clock() - begun
        tell(min(spent / seconds, (n + 1) / LEAST_ROUNDS, 1.0))
        if n + 1 >= LEAST_ROUNDS and spent + spent / (n + 1) > seconds:  # another round would go past the end
            break
    tell(1.0)
    texts = {value: sum(map(len, batches)) for value, (_, batches) in candidates.items()}
    return [Measured(value, tuple(texts[value] / each for each in took)) for value, took in figures.items()]


def timed(engine: Engine, batches: Batches, clock: Clock) -> float:
    """Seconds."""
    begun = clock()
    for batch in batches:
        engine.infer(engine.encode(batch))
    return max(clock() - begun, 1e-9)


def texts_of_a_turn(engine: Engine, requests: Sequence[Request], seconds: float, candidates: int) -> int:
    """As many texts as let every candidate have a turn in LEAST_ROUNDS rounds within the time."""
    warm = requests[:WARM_TEXTS]
    timed(engine, [warm], time.perf_counter)
    rate = len(warm) / timed(engine, [warm], time.perf_counter)
    return min(max(int(rate * seconds / (LEAST_ROUNDS * candidates)), LEAST_TEXTS), MOST_TEXTS)


def repeated(items: Sequence[Item], count: int) -> list[Item]:
    """`count` of them, from the start again where they are fewer."""
    return list(islice(cycle(items), count))


def in_batches(requests: Sequence[Request], weights: Sequence[int], tokens: int) -> list[list[Request]]:
    """Cut as a worker cuts what it reads: a batch is full once its weight reaches `tokens`; the last may be less."""
    batches, batch, weight = [], list[Request](), 0
    for request, one in zip(requests, weights, strict=True):
        batch.append(request)
        weight += one
        if weight >= tokens:
            batches.append(batch)
            batch, weight = [], 0
    return [*batches, batch] if batch else batches
