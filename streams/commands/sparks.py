"""Series as a line of blocks, and times and tones as tables show them."""

from collections.abc import Sequence
from datetime import datetime
from math import ceil

from rich.text import Text

from streams.intake import utc
from streams.news.alerts import signed
from streams.news.trends import Buckets

BLOCKS = "▁▂▃▄▅▆▇█"
NOTHING = "·"
WIDEST = 60  # columns


def volume(buckets: Buckets) -> str:
    """Mentions: a bucket a block, or as many together as the width asks for."""
    values = merged(buckets.mentions)
    most = max(values, default=0)
    return "".join(BLOCKS[ceil(value / most * len(BLOCKS)) - 1] if value else NOTHING for value in values)


def tone(buckets: Buckets) -> Text:
    """Mean tones, -1 to 1 over the height of a block, red below 0 and green above."""
    said = merged(buckets.mentions)
    sums = merged([(mean or 0.0) * number for mean, number in zip(buckets.tone, buckets.mentions, strict=True)])
    shown = Text()
    for total, number in zip(sums, said, strict=True):
        if not number:
            shown.append(NOTHING, "dim")
            continue
        mean = total / number
        shown.append(BLOCKS[min(len(BLOCKS) - 1, int((mean + 1) / 2 * len(BLOCKS)))], tone_color(mean))
    return shown


def merged(values: Sequence[float]) -> list[float]:
    """Sums of as many neighbors as make it no wider than WIDEST, the newest group whole."""
    together = -(-len(values) // WIDEST)
    if together < 2:
        return list(values)
    return [sum(values[max(0, end - together) : end]) for end in range(len(values), 0, -together)][::-1]


def tone_color(value: float) -> str:
    return "red" if value < -0.05 else "green" if value > 0.05 else "yellow"


def toned(value: float | None) -> Text:
    """A tone, or a dash where nothing was said."""
    return Text("–", "dim") if value is None else Text(signed(value), tone_color(value))


def day(at: datetime) -> str:
    return f"{utc(at):%Y-%m-%d %H:%M}"


def length(seconds: float) -> str:
    """'90m', '3h', '7d': the largest unit that divides it."""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
