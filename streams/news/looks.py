"""How unlikely a stream's last minutes, hours and days are, given what it has learned of itself."""

from math import erfc, exp, log, sqrt
from zlib import crc32

import msgspec

from streams.news.levels import TONE_VARIANCE, Level
from streams.news.tails import incomplete_beta, is_common, randomized_tail
from streams.news.windows import BUCKET_S, NEGATIVE, PER_HOUR, TONE, Detector, WindowState
from streams.records import Kind

GOLDEN = 0.6180339887498949
SMALLEST_P = 1e-300
ROUNDING = 1e-6  # of a tail, relative, at most
TURNED = 0.5  # so large a change of tone is a turn even on the same side of zero


class Look(msgspec.Struct, frozen=True):
    """One window that ends now. `surprise`: -log of the chance of as much, corrected for looking at several windows.

    `observed` and `expected`: counts, shares or tones; `support`: how many mentions that rests on.
    """

    surprise: float
    observed: float
    expected: float
    span_s: float
    support: int


def looks(
    state: WindowState, kind: Kind, detector: Detector, windows_s: tuple[float, ...], over: float = 0.0
) -> list[Look]:
    """The windows that hold more than is usual. The correction is Bonferroni's.

    None at all where each is easily seen to surprise less than `over`.
    """
    if kind == "share":
        return share_looks(state, detector.level, windows_s)
    if kind == "turn":
        return turn_looks(state, detector.level, windows_s)
    return count_looks(state, kind, detector, windows_s, over)


def count_looks(
    state: WindowState, kind: Kind, detector: Detector, windows_s: tuple[float, ...], over: float
) -> list[Look]:
    """Negatives, or all mentions for `volume`: windows that hold a standard deviation more than expected, as less is no
    surprise, and a tail takes its time."""
    end_s, baseline, unusual = (state.head + 1) * BUCKET_S, detector.baseline, []
    dispersion = -1.0
    for span_s, expected in zip(windows_s, baseline.expectations(windows_s, end_s), strict=True):
        counted = state.window(span_s) if kind == "negatives" else state.volume(span_s)
        if counted <= expected:
            continue
        if dispersion < 0.0:
            dispersion = baseline.dispersion(state.head // PER_HOUR)
        if counted > expected + sqrt(expected + dispersion * expected * expected):
            unusual.append((counted, expected, span_s))
    if not unusual:
        return []
    if over > 0.0:
        share, p = dither(state), exp(-over) / len(windows_s) * (1.0 + ROUNDING)
        if all(is_common(counted, expected, dispersion, share, p) for counted, expected, _ in unusual):
            return []
    return [
        count_look(state, counted, expected, dispersion, span_s, windows_s) for counted, expected, span_s in unusual
    ]


def count_look(
    state: WindowState, counted: int, expected: float, dispersion: float, span_s: float, windows_s: tuple[float, ...]
) -> Look:
    p = randomized_tail(counted, expected, dispersion, dither(state))
    return Look(surprise(p, windows_s), counted, expected, span_s, counted)


def share_looks(state: WindowState, level: Level, windows_s: tuple[float, ...]) -> list[Look]:
    """The share of negatives: a binomial tail over as many mentions as count as independent.

    P(K >= k) = I_p(k, n - k + 1) (Johnson, Kemp and Kotz, chapter 3), n and k divided by the design effect
    1 + (n - 1) rho (Kish, Survey Sampling, 1965).
    """
    usual = level.share()
    rho = min(0.5, level.between() / TONE_VARIANCE) + 1.0 / (1.0 + level.mentions)
    found = []
    for span_s in windows_s:
        said, negatives = state.volume(span_s), state.window(span_s, NEGATIVE)
        if said == 0 or negatives <= usual * said:
            continue
        effect = 1.0 + (said - 1) * rho
        k, n = negatives / effect, said / effect
        p = incomplete_beta(k, n - k + 1.0, usual)
        found.append(Look(surprise(p, windows_s), negatives / said, usual, span_s, negatives))
    return found


def turn_looks(state: WindowState, level: Level, windows_s: tuple[float, ...]) -> list[Look]:
    """The mean tone, where it has changed sides or by half the scale: a normal tail, both ways."""
    usual, between = level.mean_tone(), level.between()
    found = []
    for span_s in windows_s:
        said = state.volume(span_s)
        if said == 0:
            continue
        tone = state.window(span_s, TONE) / 100 / said
        if tone * usual >= 0.0 and abs(tone - usual) < TURNED:
            continue
        variance = TONE_VARIANCE / said + between + TONE_VARIANCE / (1.0 + level.mentions)
        p = erfc(abs(tone - usual) / sqrt(2.0 * variance))
        found.append(Look(surprise(p, windows_s), tone, usual, span_s, said))
    return found


def surprise(p: float, windows_s: tuple[float, ...]) -> float:
    return -log(min(1.0, max(len(windows_s) * p, SMALLEST_P)))


def dither(state: WindowState) -> float:
    """The share of the last headline that counts today, 0.001..1: counts are whole, a promised rate is not.

    By entity and day, evenly spread over an entity's days (a Weyl sequence): a replay finds the same.
    """
    day = int((state.clock_s or 0.0) // 86_400)
    return max(1e-3, (crc32(state.entity.encode("utf-8", "surrogatepass")) / 2**32 + day * GOLDEN) % 1.0)
