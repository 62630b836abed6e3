"""Which settings are better, from figures and nothing else. Pure.

Each of a candidate's figures is of a round in which all candidates took their turns, so those of one round met the same
machine: ratios are taken by the round. What is set now is kept unless the median ratio is more than the ratios scatter.
"""

import math
from collections.abc import Sequence
from statistics import median, quantiles
from typing import Generic, NamedTuple, TypeVar

LOOP_TEXTS_S = 2300.0
"""News that one worker's event loop handles beside the engine, about: benchmarks/RESULTS.md has what was measured."""
FED_SHARE = 0.75  # of it: an engine that could do more waits for its loop, and makes others wait
LEAST_GAIN = 0.03  # what is less is not worth a setting


Number = TypeVar("Number", int, float)


class Measured(NamedTuple):
    """A candidate. `rounds`: texts/s, one a round; `batch_ms`: how long one batch takes, where that was measured."""

    value: int
    rounds: tuple[float, ...]
    batch_ms: float = 0.0

    @property
    def rate(self) -> float:
        return median(self.rounds)

    @property
    def spread(self) -> float:
        """Between its quartiles, as a share of the median."""
        low, _, high = quantiles(self.rounds, n=4, method="inclusive")
        return (high - low) / self.rate


class Choice(NamedTuple, Generic[Number]):
    value: Number
    why: str


def gain(one: Measured, other: Measured) -> tuple[float, float]:
    """By how much `one` does more than `other`, as a share, and how far that scatters between the quartiles."""
    ratios = [a / b for a, b in zip(one.rounds, other.rounds, strict=True)]
    low, middle, high = quantiles(ratios, n=4, method="inclusive")
    return middle - 1, high - low


def is_better(one: Measured, other: Measured) -> bool:
    """By more than the noise."""
    more, scatter = gain(one, other)
    return more > max(scatter, LEAST_GAIN)


def best(candidates: Sequence[Measured], now: int) -> Choice[int]:
    """The least value of those that nothing does better than, if it beats what is set now, else that."""
    current = next(each for each in candidates if each.value == now)
    top = max(candidates, key=lambda each: each.rate)
    if not is_better(top, current):
        if top is current:
            return Choice(now, f"{now} stays: nothing was faster")
        more, scatter = gain(top, current)
        return Choice(
            now, f"{now} stays: {top.value} was {more:+.1%}, within the noise of {max(scatter, LEAST_GAIN):.1%}"
        )
    good = min((each for each in candidates if not is_better(top, each)), key=lambda each: each.value)
    if not is_better(good, current):  # as good as the top within the noise, but not sure to be better than now
        good = top
    more, scatter = gain(good, current)
    return Choice(good.value, f"{good.value} instead of {now}: {more:+.1%}, the noise is {scatter:.1%}")


def best_threads(candidates: Sequence[Measured], now: int, loop_texts_s: float = LOOP_TEXTS_S) -> Choice[int]:
    """Of one worker: not more than its event loop can feed, as further cores are better used by further workers."""
    most = FED_SHARE * loop_texts_s
    fed = [each for each in candidates if each.rate <= most] or [min(candidates, key=lambda each: each.value)]
    if any(each.value == now for each in fed):
        return best(fed, now)
    last = max(fed, key=lambda each: each.value)
    why = f"{last.value} instead of {now}: an event loop that takes {loop_texts_s:,.0f} news/s can't feed more"
    return Choice(last.value, why)


def best_batch(candidates: Sequence[Measured], now: int, most_ms: float) -> Choice[int]:
    """Of those whose batch takes at most so long: who comes when a batch has begun waits for it."""
    quick = [each for each in candidates if each.batch_ms <= most_ms] or [min(candidates, key=lambda each: each.value)]
    if any(each.value == now for each in quick):
        return best(quick, now)
    longest = next(each.batch_ms for each in candidates if each.value == now)
    choice = best(quick, max(each.value for each in quick))
    why = f"{choice.value} instead of {now}, of which a batch takes {longest:.0f} ms, more than {most_ms:.0f} ms"
    return Choice(choice.value, why)


def best_linger(batch_ms: float, now_ms: float) -> Choice[float]:
    """Whole milliseconds: no longer than the batch itself takes, for its records wait and nothing is saved by it."""
    if now_ms <= max(1.0, batch_ms):
        return Choice(now_ms, f"{now_ms:g} ms stay: less than a full batch takes ({batch_ms:.0f} ms)")
    shorter = max(1, int(batch_ms))
    return Choice(shorter, f"{shorter} ms instead of {now_ms:g}: a full batch takes no longer")


def records_for(batch_tokens: int, tokens_a_record: float, now: int) -> Choice[int]:
    """Enough for the tokens to be what bounds a batch of such texts."""
    wanted = math.ceil(batch_tokens / tokens_a_record)
    if wanted <= now:
        return Choice(now, f"{now} stay: a batch of {batch_tokens} tokens is {wanted} records of such texts")
    power = 1 << (wanted - 1).bit_length()
    return Choice(
        power, f"{power} instead of {now}: a batch of {batch_tokens} tokens is {wanted} records of such texts"
    )


def workers_for(cores: int, threads: Measured, loop_texts_s: float = LOOP_TEXTS_S) -> int:
    """How many workers use the cores up, each with its threads and its share of a core for the event loop."""
    return max(1, round(cores / (threads.value + min(threads.rate, loop_texts_s) / loop_texts_s)))
