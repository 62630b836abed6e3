"""Times, windows, numbers and streams as a person says them. Pure."""

from datetime import date, datetime

from streams.chat.live.result import Figures, Window
from streams.chat.live.times import DAYS as DATES
from streams.chat.live.times import MOMENTS, ON, ROLLING, SINCE
from streams.news.alerts import signed

UNITS = {"m": "minute", "h": "hour", "d": "day", "w": "week"}
CALENDAR = {
    "today": "today", "yesterday": "yesterday", "this-week": "this week", "last-week": "last week",
    "this-month": "this month", "last-month": "last month",
}  # fmt: skip
BEFORE = {
    "today": "yesterday up to the same time",
    "this-week": "last week up to the same time",
    "this-month": "last month up to the same day and time",
}


def plural(number: int, what: str) -> str:
    """'1 headline', '12 headlines', 'no headlines'."""
    return f"{number or 'no'} {what}" + ("" if number == 1 else "s")


def subject(figures: Figures) -> str:
    """What a stream is about, after 'about'."""
    return {
        "entity": figures.name,
        "topic": f"the topic {figures.name}",
        "sector": f"the sector {figures.name}",
        "all": "all news",
    }[figures.scope]


def about(figures: Figures) -> str:
    """With a space before; empty of all news."""
    return "" if figures.scope == "all" else f" about {subject(figures)}"


def day(on: date, now: datetime, weekday: bool = False) -> str:
    """'20 November', with the year where it is another."""
    return (f"{on:%A}, " if weekday else "") + f"{on.day} {on:%B}" + ("" if on.year == now.year else f" {on.year}")


def moment(at: datetime, now: datetime) -> str:
    """'20 November, 14:05 UTC'."""
    return f"{day(at.date(), now)}, {at:%H:%M} {at:%Z}"


def when(window: Window, now: datetime) -> str:
    """A window after a sentence's words: 'today', 'in the last 3 hours', 'since Monday, 23 November'."""
    name = window.window
    if name in CALENDAR:
        return CALENDAR[name]
    if match := ROLLING.fullmatch(name):
        number, unit = int(match[1]), UNITS[match[2]]
        return f"in the last {unit}" if number == 1 else f"in the last {number} {unit}s"
    begin, end = window.begin, window.end
    if match := SINCE.fullmatch(name):
        clock = f"{match[2]} {begin:%Z} on " if match[2] else ""
        return f"since {clock}{day(begin.date(), now, weekday=True)}"
    if ON.fullmatch(name):
        return f"on {day(begin.date(), now, weekday=True)}"
    if match := DATES.fullmatch(name):
        return f"from {day(date.fromisoformat(match[1]), now)} to {day(date.fromisoformat(match[2]), now)}"
    if MOMENTS.fullmatch(name):
        same = begin.date() == end.date()
        return f"from {moment(begin, now)} to " + (f"{end:%H:%M} {end:%Z}" if same else moment(end, now))
    return f"from {moment(begin, now)} to {moment(end, now)}"


def before(window: Window | None) -> str:
    """The time that a window is measured by (times.before)."""
    name = window.window if window else ""
    if name in BEFORE:
        return BEFORE[name]
    if match := ROLLING.fullmatch(name):
        number, unit = int(match[1]), UNITS[match[2]]
        return f"in the {unit} before" if number == 1 else f"in the {number} {unit}s before"
    return "in as long a time before"


def caveats(window: Window | None, now: datetime) -> list[str]:
    """Sentences on what could not be counted as it was asked for."""
    if window is None or window.ahead:
        return []
    said = []
    if window.reaches_only_to is not None:
        said.append(f"I know the news only since {day(window.reaches_only_to.date(), now)}.")
    if window.approximate and window.counted_from and window.counted_to:
        said.append(
            f"Counted from {moment(window.counted_from, now)} to {moment(window.counted_to, now)}: "
            "no finer figures are kept of that time."
        )
    return said


def nothing(figures: Figures, window: Window | None, now: datetime, what: str = "Nothing was said") -> str:
    """That there was nothing, and when there was."""
    if figures.latest_at is None:
        return f"Nothing was heard{about(figures)} so far."
    if window is not None and window.ahead:
        return "That time has not come yet."
    if window is not None and window.counted_from is None:
        return f"Figures of that time are no longer kept. {' '.join(caveats(window, now))}".strip()
    said = f"{what}{about(figures)}{f' {when(window, now)}' if window else ''}."
    if window is not None and window.begin <= figures.latest_at <= window.end:
        return said
    return f"{said} The latest news is from {moment(figures.latest_at, now)}."


def told(figures: Figures) -> str:
    """'a tone of −0.42 over 31 headlines (19 negative, 5 neutral, 7 positive)'."""
    if not figures.mentions:
        return "no headlines"
    counts = f"{figures.negatives} negative, {figures.neutrals} neutral, {figures.positives} positive"
    return f"a tone of {signed(figures.tone or 0.0)} over {plural(figures.mentions, 'headline')} ({counts})"


def doubts(*all_figures: Figures) -> list[str]:
    """A sentence where a tone rests on few headlines."""
    few = [each for each in all_figures if each.doubtful and each.mentions]
    return ["So few headlines say little."] if few else []
