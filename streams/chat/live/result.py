"""What an instruction led to, as values: sentences.py says it in words, --json prints it."""

from datetime import datetime

import msgspec

from streams.chat.live.instruction import Instruction
from streams.records import Alert, Evidence, Scope


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A window, and the buckets that were counted for it; all times are in the asker's zone.

    [begin, end) is what was asked for, as far as it has passed. `counted_from` and `counted_to` are the edges of what
    was counted, None where nothing is kept. `approximate`: they differ by more than a tenth of the window.
    `reaches_only_to`: nothing older is known, though it was asked for. `unfinished`: it goes on after now.
    """

    window: str
    begin: datetime
    end: datetime
    counted_from: datetime | None
    counted_to: datetime | None
    approximate: bool
    reaches_only_to: datetime | None
    unfinished: bool
    ahead: bool  # has not begun


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """A stream's headlines in a window. `tone` is their mean, -1..1, None without any; `drawn` the same with a few
    neutral ones added (trends.DOUBTED), which is what is compared. `change` is that of `drawn` since the time before.

    `doubtful`: so few headlines that the tone says little. `latest_at`: when it was last heard of, None for never.
    """

    key: str
    name: str
    scope: Scope
    mentions: int
    negatives: int
    neutrals: int
    positives: int
    tone: float | None
    drawn: float
    doubtful: bool
    change: float | None = None
    latest_at: datetime | None = None

    def of(self, sentiment: str) -> int:
        """Headlines of a sentiment, all without one."""
        counts = {"negative": self.negatives, "neutral": self.neutrals, "positive": self.positives}
        return counts[sentiment] if sentiment else self.mentions


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An executed instruction. What an opcode has no use for stays empty.

    `earlier` are the figures of the window that those in `figures` are measured by, `earlier_window`; `alike` are of
    that only its first part, as long as the unfinished window by now. `found`: how many there are, shown or not.
    """

    asked: Instruction
    now: datetime
    window: Window | None = None
    figures: list[Figures] = []
    earlier_window: Window | None = None
    earlier: list[Figures] = []
    alike: Figures | None = None
    change: float | None = None
    headlines: list[Evidence] = []
    alerts: list[Alert] = []
    found: int = 0
