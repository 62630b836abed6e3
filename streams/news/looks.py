"""How unlikely an entity's last minutes and hours are, given its baseline."""

from math import log
from zlib import crc32

import msgspec

from streams.news.tails import randomized_tail
from streams.news.windows import BUCKET_S, WindowState

GOLDEN = 0.6180339887498949
SMALLEST_P = 1e-300


class Look(msgspec.Struct, frozen=True):
    """One window that ends now. `surprise`: -log of the chance of as many, corrected for looking at several windows."""

    surprise: float
    negatives: int
    expected: float
    span_s: float


def looks(state: WindowState, windows_s: tuple[float, ...]) -> list[Look]:
    """The windows that hold a standard deviation more than expected: less is no surprise, and a tail takes its time.

    The correction is Bonferroni's.
    """
    end_s = (state.head + 1) * BUCKET_S
    dispersion, share = state.baseline.dispersion(state.head // 12), dither(state)
    found = []
    for span_s in windows_s:
        negatives = state.window(span_s)
        expected = state.baseline.expected(end_s - span_s, end_s)
        if negatives > expected + (expected + dispersion * expected * expected) ** 0.5:
            p = len(windows_s) * randomized_tail(negatives, expected, dispersion, share)
            found.append(Look(-log(min(1.0, max(p, SMALLEST_P))), negatives, expected, span_s))
    return found


def dither(state: WindowState) -> float:
    """The share of the last headline that counts today, 0.001..1: counts are whole, a promised rate is not.

    By entity and day, evenly spread over an entity's days (a Weyl sequence): a replay finds the same.
    """
    day = int((state.clock_s or 0.0) // 86_400)
    return max(1e-3, (crc32(state.entity.encode("utf-8", "surrogatepass")) / 2**32 + day * GOLDEN) % 1.0)
