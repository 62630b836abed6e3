"""Rows into Kafka, a bounded number under way, each accounted for: read = sent + skipped, at the end sent = acked."""

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kafka.errors import KafkaError

from models.errors import Unaccounted
from streams.sources.files import Row, Unusable
from streams.sources.interrupt import Interrupt, Interrupted
from streams.sources.pacing import Pace
from streams.sources.publish import Delivery, Outgoing
from streams.sources.shape import Shape, Shaped

MAX_UNDER_WAY = 10_000
TICK_S = 0.5
DRAIN_S = 60.0
INTERRUPTED_DRAIN_S = 5.0


@dataclass
class Account:
    """What became of the rows of this run; `done` counts the file's rows that never need to be read again."""

    read: int = 0
    sent: int = 0
    acked: int = 0
    skipped: int = 0
    done: int = 0


@dataclass
class Replay:
    """One run over a file. `tick` is called about every half second, waiting or not, and once at the end."""

    shape: Shape
    send: Callable[[Outgoing], Delivery]
    pace: Pace
    interrupt: Interrupt
    unusable: Callable[[Unusable], None]
    tick: Callable[[Account], None]
    limit: int | None = None
    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    account: Account = field(default_factory=Account)
    _under_way: deque[Delivery | None] = field(default_factory=deque)
    _ticked_s: float = 0.0

    def run(self, rows: Iterator[Row | Unusable], resume_at: int = 0) -> bool:
        """Send `rows` but the first `resume_at`. True when it came to the end, False when interrupted.

        Raises Unaccounted at the first record that Kafka does not acknowledge: what follows is not sent, so that a
        resumed replay starts there.
        """
        self.account.done = resume_at
        whole = False
        try:
            self._pump(itertools.islice(rows, resume_at, None))
            whole = True
        except Interrupted:
            pass
        finally:  # also when reading failed: what was sent is settled and kept
            try:
                self._settle(DRAIN_S if whole else INTERRUPTED_DRAIN_S)
            finally:
                self.tick(self.account)
        return whole

    def _pump(self, rows: Iterator[Row | Unusable]) -> None:
        start = self.monotonic()
        while self.limit is None or self.account.read < self.limit:
            row = self.interrupt.wait_for(lambda: next(rows, None))
            if row is None:
                return
            shaped = row if isinstance(row, Unusable) else self.shape.record(row, self.now())
            self.account.read += 1
            if isinstance(shaped, Unusable):
                self.account.skipped += 1
                self.unusable(shaped)  # may raise: then the row is not done, and read again when it was mended
                self._under_way.append(None)
            else:
                self._send_when_due(shaped, start)
            self._note()
            while len(self._under_way) >= MAX_UNDER_WAY:
                self._await_first(DRAIN_S)

    def _send_when_due(self, shaped: Shaped, start_s: float) -> None:
        due = start_s + self.pace.due_s(self.monotonic() - start_s, shaped.at)
        try:
            while (left := due - self.monotonic()) > 0:
                self.interrupt.sleep(min(left, TICK_S))
                self._note()
        except Interrupted:
            self.account.read -= 1  # given back: the next run reads it again
            raise
        self._under_way.append(self.send(shaped.outgoing))
        self.account.sent += 1

    def _note(self) -> None:
        """Count what is acknowledged, without waiting, and tick when it is time."""
        now = self.monotonic()
        if now - self._ticked_s >= TICK_S:
            self._ticked_s = now
            while self._under_way and (self._under_way[0] is None or self._under_way[0].is_done):
                self._await_first(0.0)
            self.tick(self.account)

    def _settle(self, within_s: float) -> None:
        deadline = self.monotonic() + within_s
        while self._under_way:
            self._await_first(max(0.0, deadline - self.monotonic()))

    def _await_first(self, within_s: float) -> None:
        """The oldest one under way. In order, so that `done` never passes one that is open."""
        first = self._under_way[0]
        if first is not None:
            try:
                first.get(timeout=within_s)
            except KafkaError as error:
                account = self.account
                self._under_way.clear()
                raise Unaccounted(
                    f"sent {account.sent:,}, but Kafka acknowledged only {account.acked:,} in order: {error}; "
                    "see 'gretchen doctor', then go on with --resume"
                ) from error
            self.account.acked += 1
        self._under_way.popleft()
        self.account.done += 1
