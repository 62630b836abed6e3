"""A stream's past as the browser draws it: 48 hours, 30 days, its headlines. Read on demand, a few at a time."""

import asyncio
import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator

from streams.news.windows import (
    BUCKET_S,
    COLUMNS,
    PER_DAY,
    PER_HOUR,
    TONE,
    WindowState,
    counting,
    moment,
)
from streams.web.views import View, evidence_view, label, trim

HOURS_SHOWN, DAYS_SHOWN = 48, 30
AT_ONCE = 2
FRESH_S = 30.0
KEPT = 64


def history_view(state: WindowState) -> View:
    """`hours` and `days`: [negative, neutral, positive, mean tone or null] each, the newest last, with its begin.

    A record that still waits for its second opinion is shown as if it were believed, as in the summaries.
    """
    state = counting(state, state.ahead[:1])
    head = state.head
    return {
        "id": state.entity,
        "name": label(state.name),
        "scope": state.scope,
        "at": None if state.clock_s is None else moment(state.clock_s).isoformat(),
        "hours": list(buckets(state.hours, HOURS_SHOWN)),
        "hour": moment(head // PER_HOUR * PER_HOUR * BUCKET_S).isoformat(),
        "days": list(buckets(state.days, DAYS_SHOWN)),
        "day": moment(head // PER_DAY * PER_DAY * BUCKET_S).isoformat(),
        "duplicates": state.duplicates,
        "late": state.late,
        "headlines": [
            {**evidence_view(each), "at": each.at.isoformat()}
            for each in sorted([*state.evidence, *state.others], key=lambda each: each.at)
        ],
    }


def buckets(counts: list[int], most: int) -> Iterator[list[float | None]]:
    """The last `most` buckets of a ring; all there are none of are empty."""
    for place in range(max(0, len(counts) - COLUMNS * most), len(counts), COLUMNS):
        negative, neutral, positive = counts[place : place + TONE]
        said = negative + neutral + positive
        yield [negative, neutral, positive, round(counts[place + TONE] / 100 / said, 3) if said else None]


class Archive:
    """`read` in threads, `AT_ONCE` at most, so that many browsers do not read Kafka's logs side by side."""

    def __init__(self, read: Callable[[str], WindowState | None]) -> None:
        self.read = read
        self.turn = asyncio.Semaphore(AT_ONCE)
        self.views: OrderedDict[str, tuple[float, View | None]] = OrderedDict()

    async def view(self, key: str) -> View | None:
        """None for a stream that no table knows; as old as `FRESH_S` at most. Raises what `read` does."""
        async with self.turn:
            known = self.views.get(key)
            if known and time.monotonic() - known[0] < FRESH_S:
                return known[1]
            state = await in_daemon(self.read, key)
            view = None if state is None else history_view(state)
            self.views.pop(key, None)
            self.views[key] = (time.monotonic(), view)
            trim(self.views, KEPT)
            return view


async def in_daemon(read: Callable[[str], WindowState | None], key: str) -> WindowState | None:
    """`read(key)` in a thread that the process does not wait for at its end, as it does for asyncio's own."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[WindowState | None] = loop.create_future()

    def settle(state: WindowState | None, error: Exception | None) -> None:
        if done.cancelled():
            return
        if error:
            done.set_exception(error)
        else:
            done.set_result(state)

    def run() -> None:
        state, error = None, None
        try:
            state = read(key)
        except Exception as raised:  # noqa: BLE001 - whatever it is, it belongs to who waits
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, state, error)

    threading.Thread(target=run, name="history", daemon=True).start()
    return await done
