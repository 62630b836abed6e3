"""What each opcode does: an instruction and a reading of the live tables -> a Result. Pure.

Instructions are valid here (assembly.validate).
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from streams.chat.live.instruction import DEFAULT_N, Instruction
from streams.chat.live.reading import Reading, Sums, keys_of
from streams.chat.live.result import Figures, Result, Window
from streams.chat.live.times import Period, before
from streams.news.trends import CLOCK_S, believed
from streams.news.windows import EARLIEST_S, WindowState, seconds
from streams.records import Alert, Evidence, Severity

ALIKE = 0.15  # two windows are of a kind if their lengths differ by no more of the longer one
MOST_ALERTS = 10
MOST_EXPLAINED = 3
CHANGES = ("improved", "declined")


def count(instruction: Instruction, reading: Reading) -> Result:
    """COUNT and SENTIMENT."""
    (key,) = keys_of(instruction)
    window, figures = reading.read(key, instruction.window)
    return result(instruction, reading, window=window, figures=[figures], found=figures.of(instruction.sentiment))


def trend(instruction: Instruction, reading: Reading) -> Result:
    """A window and the time before it."""
    (key,) = keys_of(instruction)
    window, figures = reading.read(key, instruction.window)
    earlier_window, plan = reading.open_period("", before(window.window, reading.now, reading.zone))
    earlier = reading.figures(key, plan)
    return result(
        instruction,
        reading,
        window=window,
        figures=[figures],
        earlier_window=earlier_window,
        earlier=[earlier],
        change=changed(figures, earlier),
        found=figures.mentions,
    )


def compare(instruction: Instruction, reading: Reading) -> Result:
    """Streams in one window, or one stream in two."""
    if not instruction.against:
        window, plan = reading.open(instruction.window)
        figures = [reading.figures(key, plan) for key in keys_of(instruction)]
        return result(instruction, reading, window=window, figures=figures, found=len(figures))
    (key,) = keys_of(instruction)
    window, here = reading.read(key, instruction.window)
    earlier_window, earlier = reading.read(key, instruction.against)
    alike = same_part(instruction, reading, key, window)
    return result(
        instruction,
        reading,
        window=window,
        figures=[here],
        earlier_window=earlier_window,
        earlier=[earlier],
        alike=alike,
        change=changed(here, alike or earlier),
        found=here.mentions,
    )


def same_part(instruction: Instruction, reading: Reading, key: str, window: Window) -> Figures | None:
    """What the earlier window held when as much of it had passed as of one that goes on; None where the two are of
    different lengths, or where that is not kept so finely."""
    asked, against = reading.period(instruction.window), reading.period(instruction.against)
    lengths = sorted((asked.length(), against.length()))
    if not window.unfinished or seconds(against.end) > reading.now_s or lengths[0] < (1 - ALIKE) * lengths[1]:
        return None
    part = against.first(asked.until(reading.now).length())
    opened, plan = reading.open_period("", part)
    return reading.figures(key, plan) if plan.spans and not opened.approximate else None


def rank(instruction: Instruction, reading: Reading) -> Result:
    """The first of an order: those of which something was said, and that improved or declined if that is asked."""
    worth = ORDERS[instruction.by]
    window, plan = reading.open(instruction.window)
    earlier_window = earlier = None
    if instruction.by in CHANGES:
        earlier_window, earlier = reading.open_period("", before(window.window, reading.now, reading.zone))
    ordered: list[tuple[float, int, str, WindowState]] = []
    for state in ranked_states(instruction, reading):
        here = reading.sums_of(state, plan)
        if here.mentions:
            change = 0.0 if earlier is None else here.change(reading.sums_of(state, earlier)) or 0.0
            if earlier is None or worth(here, change) < 0:
                ordered.append((worth(here, change), -here.mentions, state.entity, state))
    ordered.sort(key=lambda each: each[:3])
    return result(
        instruction,
        reading,
        window=window,
        figures=[reading.figures_of(each[3], plan, earlier) for each in ordered[: instruction.n or DEFAULT_N]],
        earlier_window=earlier_window,
        found=len(ordered),
    )


ORDERS: dict[str, Callable[[Sums, float], float]] = {
    "worst": lambda here, change: here.drawn,
    "best": lambda here, change: -here.drawn,
    "busiest": lambda here, change: -here.mentions,
    "improved": lambda here, change: -change,
    "declined": lambda here, change: change,
}
"""What decides, the least first; then the busier one comes first, then the key, as in trends.ranked."""


def ranked_states(instruction: Instruction, reading: Reading) -> Iterable[WindowState]:
    states = reading.market.states(instruction.of)  # type: ignore[arg-type]
    if not instruction.sector:
        return states
    return (state for state in states if reading.sectors.get(state.entity) in instruction.sector)


def headlines(instruction: Instruction, reading: Reading) -> Result:
    """The latest headlines that are kept; without a window however old."""
    (key,) = keys_of(instruction)
    window, figures = reading.read(key, instruction.window)
    kept = kept_headlines(reading, key, window if instruction.window else None)
    kept = [each for each in kept if instruction.sentiment in ("", each.sentiment)]
    return result(
        instruction,
        reading,
        window=window if instruction.window else None,
        figures=[figures],
        headlines=kept[: instruction.n or DEFAULT_N],
        found=max(len(kept), figures.of(instruction.sentiment)) if instruction.window else len(kept),
    )


def kept_headlines(reading: Reading, key: str, window: Window | None) -> list[Evidence]:
    """The latest first; those of a window that lasts until now may be dated a little ahead."""
    state = reading.market.state(key)
    state = None if state is None else believed(state, reading.now_s)
    kept = [*state.evidence, *state.others] if state else []
    until_s = seconds(window.end) if window and window.end < reading.now else reading.now_s + CLOCK_S
    since_s = seconds(window.begin) if window else EARLIEST_S
    inside = [each for each in kept if since_s <= seconds(each.at) < until_s]
    return [localized(each, reading) for each in sorted(inside, key=lambda each: each.at, reverse=True)]


def explain(instruction: Instruction, reading: Reading) -> Result:
    """A stream's open alerts, else its latest one; where there is none, how it stands and its latest bad headlines."""
    latest = [each for each in latest_of_episodes(reading.market.alerts()) if is_about(each, instruction, reading)]
    if instruction.window:
        latest = [each for each in latest if overlaps(each, reading.period(instruction.window), reading)]
    open_ones = [each for each in latest if each.status != "resolved"]
    told = (open_ones or latest[:1])[:MOST_EXPLAINED] if keys_named(instruction) else latest[:1]
    (key,) = keys_of(instruction)
    window, figures = reading.read(key, instruction.window)
    bad = [each for each in kept_headlines(reading, key, window) if each.sentiment == "negative"]
    return result(
        instruction,
        reading,
        window=window,
        figures=[figures],
        headlines=[] if told else bad[:MOST_EXPLAINED],
        alerts=[shown(each, reading) for each in told],
        found=len(latest),
    )


def alerts(instruction: Instruction, reading: Reading) -> Result:
    """What was raised, each episode once as it stands; the open and severe ones first."""
    wanted = [each for each in latest_of_episodes(reading.market.alerts()) if is_wanted(each, instruction, reading)]
    wanted.sort(key=lambda each: (each.status == "resolved", SEVERE.index(each.severity)))  # stable: else the latest
    (key,) = keys_of(instruction)
    window, plan = reading.open(instruction.window)
    return result(
        instruction,
        reading,
        window=window if instruction.window else None,
        figures=[reading.figures(key, plan)],
        alerts=[shown(each, reading) for each in wanted[:MOST_ALERTS]],
        found=len(wanted),
    )


SEVERE: tuple[Severity, ...] = ("critical", "warning", "info")


def is_wanted(alert: Alert, instruction: Instruction, reading: Reading) -> bool:
    return (
        is_about(alert, instruction, reading)
        and instruction.of in ("", alert.scope)
        and instruction.severity in ("", alert.severity)
        and not (instruction.open and alert.status == "resolved")
        and not (instruction.window and not overlaps(alert, reading.period(instruction.window), reading))
    )


def is_about(alert: Alert, instruction: Instruction, reading: Reading) -> bool:
    """Whether it is of the stream, or of an entity of the sector."""
    if not keys_named(instruction) or alert.entity in keys_of(instruction):
        return True
    return alert.scope == "entity" and reading.sectors.get(alert.entity) in instruction.sector


def keys_named(instruction: Instruction) -> bool:
    return bool(instruction.entity or instruction.topic or instruction.sector)


def latest_of_episodes(alerts: Sequence[Alert]) -> list[Alert]:
    """Of each episode what was said last; the latest first."""
    last: dict[str, Alert] = {}
    for alert in alerts:
        last.pop(alert.episode, None)
        last[alert.episode] = alert
    return sorted(last.values(), key=lambda each: each.at, reverse=True)


def overlaps(alert: Alert, asked: Period, reading: Reading) -> bool:
    """Whether an episode was going on in a period; one that is not over goes on."""
    over_s = seconds(alert.at) if alert.status == "resolved" else reading.now_s
    return seconds(alert.opened_at) < seconds(asked.end) and over_s >= seconds(asked.begin)


def shown(alert: Alert, reading: Reading) -> Alert:
    """In the asker's zone, its headlines the latest first."""
    evidence = sorted((localized(each, reading) for each in alert.evidence), key=lambda each: each.at, reverse=True)
    return msgspec.structs.replace(
        alert,
        at=alert.at.astimezone(reading.zone),
        opened_at=alert.opened_at.astimezone(reading.zone),
        evidence=evidence,
        series=None,
    )


def localized(evidence: Evidence, reading: Reading) -> Evidence:
    return msgspec.structs.replace(evidence, at=evidence.at.astimezone(reading.zone))


def changed(here: Figures, earlier: Figures) -> float | None:
    """By how much the tone is better than it was; None where nothing was said in one of the two."""
    return round(here.drawn - earlier.drawn, 4) if here.mentions and earlier.mentions else None


def result(instruction: Instruction, reading: Reading, **fields: object) -> Result:
    return Result(asked=instruction, now=reading.now, **fields)  # type: ignore[arg-type]
