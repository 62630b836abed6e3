"""How an agent goes through its batches: steps at once where they may be, what is told always in order."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from streams import app as apps
from streams.app import Tell, Work, agent_of
from streams.topics import NEWS

WAITS_S = (0.03, 0.0, 0.02, 0.0)  # of the steps: the second has ended before the first


class Busy:
    """A fence that remembers how many batches were at work."""

    def __init__(self) -> None:
        self.now = self.most = 0

    def work(self, change: int) -> None:
        self.now += change
        self.most = max(self.most, self.now)


def gone_through(monkeypatch: pytest.MonkeyPatch, at_once: int, fails: int | None = None) -> tuple[list[str], Busy]:
    """What happened, in order, with the batches 0, 1, 2, 3."""
    happened, fence = list[str](), Busy()

    async def numbered(*args: Any) -> AsyncIterator[Any]:
        for n in range(len(WAITS_S)):
            yield n
        while fence.now:
            await asyncio.sleep(0.001)

    async def step(batch: Any) -> Tell:
        happened.append(f"begin {batch}")
        await asyncio.sleep(WAITS_S[batch])
        if batch == fails:
            raise ValueError("of the step")
        happened.append(f"end {batch}")

        async def tell() -> None:
            happened.append(f"tell {batch}")
            await asyncio.sleep(0.001)
            happened.append(f"told {batch}")

        return tell

    app: Any = SimpleNamespace(
        settings=SimpleNamespace(batch_tokens=1), fence=fence, fail_stop=lambda why: happened.append(f"stop: {why}")
    )
    monkeypatch.setattr(apps, "batches", numbered)
    asyncio.run(agent_of(app, "a", Work(NEWS, step, 0.0, 1, at_once=at_once))(None))  # type: ignore[arg-type]
    return happened, fence


def test_one_batch_after_the_other_where_a_step_knows_a_state(monkeypatch: pytest.MonkeyPatch) -> None:
    happened, fence = gone_through(monkeypatch, 1)
    assert happened == [f"{what} {n}" for n in range(4) for what in ("begin", "end", "tell", "told")]
    assert (fence.now, fence.most) == (0, 1)


def test_the_next_batch_is_thought_about_meanwhile_and_told_after(monkeypatch: pytest.MonkeyPatch) -> None:
    happened, fence = gone_through(monkeypatch, 2)
    assert happened.index("begin 1") < happened.index("end 0") and happened.index("end 1") < happened.index("end 0")
    assert [each for each in happened if each.startswith("tell") or each.startswith("told")] == [
        f"{what} {n}" for n in range(4) for what in ("tell", "told")
    ]
    assert (fence.now, fence.most) == (0, 2)


@pytest.mark.parametrize("at_once", [1, 2])
def test_an_error_nobody_foresaw_ends_the_worker(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    happened, fence = gone_through(monkeypatch, at_once, fails=1)
    assert "stop: a: ValueError('of the step')" in happened and "tell 1" not in happened
    assert fence.now == 0
