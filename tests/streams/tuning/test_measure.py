"""Measuring takes turns, within its time, with batches as a worker cuts them; the advice is made of these figures."""

from collections.abc import Sequence
from typing import Any

from models.engines import Request
from streams.tuning.advice import Now, advise, powers_up_to
from streams.tuning.measure import LEAST_ROUNDS, MOST_ROUNDS, in_batches, in_turns, repeated

REQUESTS = [Request(f"text {n}") for n in range(100)]
NOW = Now(engine_threads=2, engine_batch_tokens=512, batch_tokens=4096, batch_records=256, linger_ms=20.0)


class Bench:
    """Engines that take a made-up time, told by a clock of their own."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.order: list[str] = []

    def clock(self) -> float:
        return self.now_s

    def engine(self, name: str, a_text_s: float, a_batch_s: float = 0.0) -> Any:
        bench = self

        class Timed:
            def encode(self, requests: Sequence[Request]) -> Sequence[Request]:
                return requests

            def infer(self, encoded: Sequence[Request]) -> None:
                bench.order.append(name)
                bench.now_s += a_batch_s + a_text_s * len(encoded)

        return Timed()


def test_all_candidates_take_their_turns_in_every_round_the_other_way_round_in_every_second() -> None:
    bench = Bench()
    candidates = {1: (bench.engine("A", 0.01), [REQUESTS]), 2: (bench.engine("B", 0.02), [REQUESTS])}
    slow, fast = in_turns(candidates, 0.1, clock=bench.clock)[::-1]
    assert "".join(bench.order) == "AB" + "ABBAAB"  # warm, then three rounds
    assert len(slow.rounds) == len(fast.rounds) == LEAST_ROUNDS
    assert (round(fast.rate), round(slow.rate)) == (100, 50)


def test_no_round_begins_that_would_go_past_the_end() -> None:
    bench = Bench()
    (one,) = in_turns({1: (bench.engine("A", 0.01), [REQUESTS])}, 7.5, clock=bench.clock)  # a second a round
    assert len(one.rounds) == 7
    (quick,) = in_turns({1: (bench.engine("A", 1e-6), [REQUESTS])}, 7.5, clock=bench.clock)
    assert len(quick.rounds) == MOST_ROUNDS


def test_batches_are_cut_where_their_weight_is_reached_and_hold_every_text() -> None:
    cut = in_batches(REQUESTS[:7], [30, 30, 50, 10, 10, 100, 5], 100)
    assert [len(batch) for batch in cut] == [3, 3, 1]
    assert [each for batch in cut for each in batch] == REQUESTS[:7]


def test_texts_come_again_where_they_are_few() -> None:
    assert repeated("ab", 5) == ["a", "b", "a", "b", "a"]


def test_thread_counts_are_powers_up_to_the_cores_and_what_is_set() -> None:
    assert powers_up_to(1, 1) == [1]
    assert powers_up_to(6, 4) == [1, 2, 4, 6]
    assert powers_up_to(2, 9) == [1, 2, 9]
    assert powers_up_to(64, 4) == [1, 2, 4, 8, 16, 32, 64]


def test_the_advice_uses_what_was_chosen_before_for_what_is_measured_next() -> None:
    made: list[tuple[int, int]] = []

    class Same:
        def encode(self, requests: Sequence[Request]) -> Sequence[Request]:
            return requests

        def infer(self, encoded: Sequence[Request]) -> None:
            """Takes no time to speak of."""

    def make(threads: int, budget: int) -> Any:
        made.append((threads, budget))
        return Same()

    shares: list[float] = []
    advice = advise(
        make, REQUESTS, [30] * 100, NOW, 4, seconds=0.01, most_ms=250, tell=lambda what, share: shares.append(share)
    )
    threads, budget = (advice.choices[name].value for name in ("engine_threads", "engine_batch_tokens"))
    assert made[0] == (2, 512) and made[-1] == (threads, budget)
    assert {(threads, each) for each in (256, 512, 1024, 2048)} <= set(made)
    assert [step.setting for step in advice.steps] == ["engine_threads", "engine_batch_tokens", "batch_tokens"]
    assert 4096 in [
        each.value for each in advice.steps[-1].measured
    ]  # what is set now fills a batch, whatever it takes
    assert shares == sorted(shares) and shares[-1] == 1.0
