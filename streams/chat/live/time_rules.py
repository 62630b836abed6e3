"""What each sort of time phrase means: a pattern, and the window that its match makes. English. Pure."""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from streams.chat.live.days import (
    CLOCK_WORDS,
    DAY,
    DAY_WORDS,
    MONTH,
    NTH,
    NUMBER,
    OF_MONTH,
    PART_WORDS,
    PARTS,
    SURE_MONTH,
    clock_of,
    day_of,
    month_of,
    number_of,
)
from streams.chat.live.times import first_of_month, last_month, monday, next_month

Made = str | None
"""A canonical window; None where the words mean no time after all."""


class Rule(NamedTuple):
    """`made` gets the match and now, by the zone's clocks. A faint rule counts only where no other found anything.

    The phrase is the group `phrase` where there is one, else all that matched. Texts are folded (streams/news/folding).
    """

    pattern: re.Pattern[str]
    made: Callable[[re.Match[str], datetime], Made]
    faint: bool = False


UNIT = r"(?:minutes?|mins?|hours?|hrs?|days?|weeks?|wks?|fortnights?|months?|quarters?|years?)\b"
PAST = r"(?:past|last|previous|preceding|prior|latest)"
UNITS = {
    "mi": ("m", 1), "h": ("h", 1), "d": ("d", 1), "w": ("w", 1), "f": ("w", 2), "mo": ("d", 30), "q": ("d", 91),
    "y": ("d", 365),
}  # fmt: skip
"""How a unit begins -> the canonical one, how many of it."""
GOOD_OR_BAD = (
    """
worst best busiest quietest toughest roughest hardest strongest weakest ugliest nicest happiest better worse bad good
loveliest bleakest gloomiest rosiest brightest darkest lovely
great rough tough terrible awful horrible lousy fine decent strong weak quiet busy hard big difficult brilliant
dreadful nasty stellar fantastic rotten calm mixed
""".strip()
    .replace("\n", " ")
    .replace(" ", "|")
)
LENGTHS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
MOST, MOST_BEFORE = 10_000, timedelta(days=400)
THIS = {"day": "today", "week": "this-week", "month": "this-month"}
LAST = {"day": "yesterday", "week": "last-week", "month": "last-month"}


def rolling(many: int, unit: str) -> Made:
    letter, times = next(value for start, value in UNITS.items() if unit.startswith(start))
    return f"{many * times}{letter}" if 0 < many * times < MOST else None


def so_many(match: re.Match[str], now: datetime) -> Made:
    """'past three hours', 'last day'; without a number 'last week' is a week of the calendar, 'past week' is not."""
    many = match["many"]
    if many is None and match["past"] not in ("past", "latest"):
        return (
            "yesterday"
            if match["past"] == "previous" and match["unit"] == "day"
            else calendar(match["unit"].rstrip("s"), now)
        )
    return rolling(number_of(many or "one"), match["unit"])


def so_long(match: re.Match[str], now: datetime) -> Made:
    return rolling(number_of(match["many"]), match["unit"])


def calendar(unit: str, now: datetime) -> Made:
    """The last one that is over."""
    unit = {"wk": "week"}.get(unit, unit)
    if unit in ("week", "month"):
        return LAST[unit]
    if unit == "year":
        return days(date(now.year - 1, 1, 1), date(now.year - 1, 12, 31))
    if unit == "quarter":
        return days(first_of_quarter(first_of_quarter(now.date()) - DAY), first_of_quarter(now.date()) - DAY)
    return rolling(1, unit)


def first_of_quarter(today: date) -> date:
    return date(today.year, today.month - (today.month - 1) % 3, 1)


def since(on: date, clock: time | None = None) -> str:
    return f"since:{on}" + (f"T{clock:%H:%M}" if clock else "")


def days(first: date, last: date) -> Made:
    return f"{first}..{last}" if first <= last else None


def moments(begin: datetime, end: datetime) -> Made:
    return f"{begin:%Y-%m-%dT%H:%M}..{end:%Y-%m-%dT%H:%M}" if begin < end else None


def at_hour(on: date, hour: int) -> datetime:
    """Wall clock; 30 is six o'clock on the day after."""
    return datetime.combine(on, time()) + timedelta(hours=hour)


def part_of(on: date, part: str, today: date) -> Made:
    """A part of a day; today's lasts until now."""
    first, after = PARTS[part]
    if on == today:
        return since(on, time(first))
    return moments(at_hour(on, first), at_hour(on, after))


def this_part(match: re.Match[str], now: datetime) -> Made:
    when, today = match["when"], now.date()
    if when == "overnight":
        return since(today, time(0))
    if when == "last night":
        return part_of(today - DAY, "night", today)
    return part_of(today, "night" if when == "tonight" else when.split()[-1], today)


def on_part(match: re.Match[str], now: datetime) -> Made:
    on = day_of(match["day"], now.date())
    return part_of(on, match["part"], now.date()) if on else None


def on_day(match: re.Match[str], now: datetime) -> Made:
    words = match["day"]
    if match[0].startswith("on ") and words.endswith("days"):
        return None  # on Mondays
    if words in ("today", "yesterday"):
        return words
    on = day_of(words, now.date())
    return f"on:{on}" if on else None


def only_from(match: re.Match[str]) -> bool:
    """'headlines from Monday' are those of that day."""
    return bool(match["origin"]) and not match["onwards"]


def since_day(match: re.Match[str], now: datetime) -> Made:
    if only_from(match):
        return None
    today = now.date()
    on = day_of(match["day"], today, latest=today - DAY if match["day"].startswith(("last", "previous")) else today)
    if on is None or on > today:
        return None
    if match["part"]:
        return since(on, time(PARTS[match["part"]][0]))
    if match["clock"]:
        clock = clock_of(match["clock"])
        return since(on, clock) if clock else None
    return since(on)


def since_clock(match: re.Match[str], now: datetime) -> Made:
    """A time of today, or of yesterday where that is still to come."""
    clock = clock_of(match["clock"], now)
    if clock is None:
        return None
    return since(now.date() - DAY if clock > now.time() else now.date(), clock)


def since_part(match: re.Match[str], now: datetime) -> Made:
    if match["when"] == "last night":
        return since(now.date() - DAY, time(PARTS["night"][0]))
    return since(now.date(), time(PARTS[match["when"].split()[-1]][0]))


def since_start(match: re.Match[str], now: datetime) -> Made:
    """'since last week', 'since the start of the year': its first day."""
    if only_from(match):
        return None
    on = now.date() if match["which"] not in ("last", "previous") else before_this(match["unit"], now.date())
    first = {"day": on, "week": monday(on), "month": first_of_month(on), "quarter": first_of_quarter(on)}
    return since(first.get(match["unit"], date(on.year, 1, 1)))


def before_this(unit: str, today: date) -> date:
    """A day of the last one that is over."""
    first = {"day": today, "week": monday(today), "month": first_of_month(today), "quarter": first_of_quarter(today)}
    return first.get(unit, date(today.year, 1, 1)) - DAY


def since_month(match: re.Match[str], now: datetime) -> Made:
    if only_from(match):
        return None
    return since(month_before(match["month"], now.date()))


def month_before(words: str, today: date) -> date:
    """The first of the last month of that name that has begun."""
    month = month_of(words)
    return date(today.year if month <= today.month else today.year - 1, month, 1)


def in_month(match: re.Match[str], now: datetime) -> Made:
    first = month_before(match["month"], now.date())
    return days(first, next_month(first) - DAY)


def in_year(match: re.Match[str], now: datetime) -> Made:
    year = int(match["year"])
    return days(date(year, 1, 1), date(year, 12, 31)) if year <= now.year else None


def weekend(match: re.Match[str], now: datetime) -> Made:
    """Its two days: of the last one that has begun."""
    saturday = monday(now.date()) + 5 * DAY
    if saturday > now.date() or match["which"] == "last":
        saturday -= 7 * DAY
    return since(saturday) if match["since"] else days(saturday, saturday + DAY)


def between(match: re.Match[str], now: datetime) -> Made:
    """Two days; a weekday is the last up to the later one."""
    today = now.date()
    if match["last"] in ("now", "today"):
        on = day_of(match["first"], today, latest=today)
        return since(on) if on and on <= today else None
    last = day_of(match["last"], today, latest=today)
    first = day_of(match["first"], last, latest=last) if last else None
    return days(first, last) if first and last else None


def between_of_month(match: re.Match[str], now: datetime) -> Made:
    """'3 and 10 Nov', 'Nov 3 to 10'; of this month where none is named."""
    groups = match.groupdict()
    month = f" {groups['month']}{groups['year'] or ''}" if groups.get("month") else ""
    nth = "" if month else "th"
    first, last = (f"{match[each].rstrip('stndrh')}{nth}{month}" for each in ("first", "last"))
    until = day_of(last, now.date())
    begin = day_of(first, until) if until else None
    return days(begin, until) if begin and until else None


def between_months(match: re.Match[str], now: datetime) -> Made:
    last = month_before(match["last"], now.date())
    return days(month_before(match["first"], last), next_month(last) - DAY)


def between_clocks(match: re.Match[str], now: datetime) -> Made:
    on = day_of(match["day"], now.date()) if match["day"] else now.date()
    last = clock_of(match["last"])
    half = re.search(r"[ap](?=\.?m)", match["last"])
    first = clock_of(match["first"] + (f"{half[0]}m" if half and match["first"].isdigit() else ""))
    if not (on and first and last):
        return None
    return moments(datetime.combine(on, first), datetime.combine(on, last))


def week_of(match: re.Match[str], now: datetime) -> Made:
    on = day_of(match["day"], now.date())
    return days(monday(on), monday(on) + 6 * DAY) if on else None


def week_before_last(match: re.Match[str], now: datetime) -> Made:
    if match["unit"] == "week":
        first = monday(now.date()) - 14 * DAY
        return days(first, first + 6 * DAY)
    first = last_month(last_month(now.date()))
    return days(first, next_month(first) - DAY)


def going_on(match: re.Match[str], now: datetime) -> Made:
    """A day, week, month, quarter or year that goes on."""
    unit = match["unit"]
    if unit in THIS:
        return THIS[unit]
    return since(date(now.year, 1, 1) if unit == "year" else first_of_quarter(now.date()))


def to_date(match: re.Match[str], now: datetime) -> Made:
    """Abbreviations."""
    if match[0][0] in "yq":
        return since(date(now.year, 1, 1) if match[0] == "ytd" else first_of_quarter(now.date()))
    return "this-month" if match[0] == "mtd" else "this-week"


def before_that(match: re.Match[str], now: datetime) -> Made:
    """'against the 24 hours before': as long a time, right before the last so many."""
    letter, times = next(value for start, value in UNITS.items() if match["unit"].startswith(start))
    length = times * number_of(match["many"] or "one") * timedelta(**{LENGTHS[letter]: 1})
    return moments(now - 2 * length, now - length) if length < MOST_BEFORE else None


def over(match: re.Match[str], now: datetime) -> Made:
    return LAST[match["unit"]]


def rule(made: Callable[[re.Match[str], datetime], Made], *patterns: str, faint: bool = False) -> Rule:
    """Of several patterns the first that matches; they are whole words."""
    return Rule(re.compile(rf"(?<![\w&])(?:{'|'.join(patterns)})(?![\w&])"), made, faint)


def always(window: str) -> Callable[[re.Match[str], datetime], Made]:
    return lambda match, now: window


SINCE = r"(?:(?:ever )?since|starting(?: from| on)?|beginning|as of|(?P<origin>from))(?: about| around)?"
ONWARDS = r"(?P<onwards> onwards?| on(?! \w)| until now| till now| to now| up to now)?"
TO = r"(?:to|till|until|through|thru|up to|-)"
PERIOD = r"(?P<unit>day|week|month|quarter|year)"
MANY, A_DAY = rf"(?P<many>{NUMBER})", rf"(?P<day>(?<!black )(?<!cyber )(?<!good ){DAY_WORDS})"
THE, WITHIN = r"(?:(?:the|these|this) )?", r"(?:within|in|over|during|for|since)"
CURRENT = r"(?:this(?: whole| entire)?|the current)"
PART, THIS_PART = rf"(?P<part>{PART_WORDS})", r"this (?:morning|afternoon|evening)"
START = r"(?:the )?(?:start|beginning|first day)"
FROM, YEAR = r"(?:between |from )?", r"(?:,?(?P<year> \d{4}))?"
FIRST_LAST = rf"(?:the )?(?P<first>{OF_MONTH}) ?(?:and|{TO}) ?(?:the )?(?P<last>{OF_MONTH})"
RULES = (
    rule(so_many, rf"{THE}(?P<past>{PAST})(?: {MANY})?[ -](?:full )?(?P<unit>{UNIT})(?:'s?)?(?: or so)?"),
    rule(always("30m"), rf"(?:the )?{PAST} half(?: an| a)? hour"),
    rule(always("90m"), rf"(?:the )?{PAST} hour and a half"),
    rule(always("15m"), rf"(?:the )?{PAST} quarter of an hour"),
    rule(so_long, rf"{WITHIN} (?P<phrase>(?:the )?{MANY}[ -](?P<unit>{UNIT}))(?! (?:ago|from now|time))"),
    rule(so_long, r"(?:the )?(?:(?:past|last|previous) )?(?P<many>\d{1,3})[ -]?(?P<unit>hours?|hrs?|h|d|wks?|w|mins?)"),
    rule(so_long, r"(?:the )?(?P<many>\d{1,3}|one|two|three|seven|thirty)-(?P<unit>hour|day|week|month)"),
    rule(so_long, rf"since {MANY} (?P<unit>hour|hr|minute|min)s? ago"),
    rule(always("today"), r"so far today|earlier today|today so far|today'?s?|all day(?: long)?|all of today|2day"),
    rule(always("today"), r"todya|tday|tody|todat"),
    rule(always("yesterday"), r"all (?:of |day )?yesterday|yesterday'?s?|yday"),
    rule(always("yesterday"), r"yest?(?:er|re|e|ar|ur|r)?da?y|yesterdya|yesterady|yetserday"),
    rule(always("this-week"), r"this (?:weak|wek|weeek|wekk)"),
    rule(always("last-week"), r"last (?:weak|wek|weeek|wekk)"),
    rule(this_part, rf"(?:so far )?(?P<when>{THIS_PART}|tonight|overnight|last night)(?:'s)?(?: so far)?"),
    rule(on_part, rf"(?:on )?{A_DAY}(?:'s)? {PART}(?:'s)?"),
    rule(on_day, rf"(?:on )?{A_DAY}(?:'s)?"),
    rule(since_day, rf"{SINCE} {A_DAY}(?:,? (?:the )?{PART}|,?(?: at)? (?P<clock>{CLOCK_WORDS}))?{ONWARDS}"),
    rule(since_clock, rf"{SINCE} (?P<clock>{CLOCK_WORDS})(?: today)?{ONWARDS}"),
    rule(since_part, rf"{SINCE} (?P<when>{THIS_PART}|last night){ONWARDS}"),
    rule(since_start, rf"{SINCE} {START} of (?P<which>the|this|last|previous) {PERIOD}{ONWARDS}"),
    rule(since_start, rf"{SINCE} (?P<which>last|previous|this) (?P<unit>week|month|quarter|year){ONWARDS}"),
    rule(since_month, rf"{SINCE} (?:{START} of )?(?P<month>{MONTH})(?! \d){ONWARDS}"),
    rule(in_month, rf"(?:in|during|for|of|this|throughout) (?P<month>{MONTH})(?! \d)(?:'s)?"),
    rule(in_month, rf"(?<!\d )(?P<month>(?:{SURE_MONTH}))(?! \d)(?:'s)?"),
    rule(in_year, r"(?:in|during|throughout) (?P<year>20\d\d)"),
    rule(weekend, r"(?:(?P<since>since)|over|on|at|during)? ?(?:(?P<which>last|this|the)(?: past)?) weekend(?:'s)?"),
    rule(between, rf"(?P<how>between|from) (?P<first>{DAY_WORDS}) (?:and|{TO}) (?P<last>{DAY_WORDS}|now)"),
    rule(between, rf"(?P<first>{DAY_WORDS}) ?{TO} ?(?P<last>{DAY_WORDS})"),
    rule(between_of_month, rf"{FROM}{FIRST_LAST}(?: of)? (?P<month>{MONTH}){YEAR}"),
    rule(between_of_month, rf"{FROM}(?P<month>{MONTH}) {FIRST_LAST}{YEAR}"),
    rule(between_of_month, rf"(?:between|from) the (?P<first>{NTH}) ?(?:and|{TO}) ?(?:the )?(?P<last>{NTH})"),
    rule(between_months, rf"(?:between|from) (?P<first>{MONTH}) (?:and|{TO}) (?P<last>{MONTH})(?! \d)"),
    rule(
        between_clocks,
        rf"(?:between|from) (?P<first>{CLOCK_WORDS}|\d{{1,2}}) ?(?:and|{TO}) ?(?P<last>{CLOCK_WORDS})"
        rf"(?: (?:on )?{A_DAY})?",
    ),
    rule(week_of, rf"(?:in |during )?(?:the )?week (?:of|starting|beginning) {A_DAY}"),
    rule(week_before_last, r"the (?P<unit>week|month) before last"),
    rule(going_on, rf"(?:(?:so far|earlier|all|all of) )?{CURRENT} {PERIOD}(?:'s)?(?: so far)?"),
    rule(going_on, rf"(?:the )?{PERIOD} so far"),
    rule(going_on, r"(?:all|the whole|the entire) (?P<unit>week|month|quarter|year)(?: long)?"),
    rule(going_on, r"(?P<unit>week|month|quarter|year)[ -]to[ -]date"),
    rule(to_date, r"wtd|mtd|qtd|ytd|this wk"),
    rule(over, r"(?:the )?(?P<unit>day|week|month) (?:before|earlier)"),
    rule(before_that, rf"(?:the )?{MANY} (?P<unit>{UNIT}) (?:before|prior|earlier)(?: that| those)?"),
    rule(before_that, r"the (?P<many>)(?P<unit>hour|minute) (?:before|earlier)(?: that)?"),
    rule(going_on, rf"(?:{GOOD_OR_BAD}) (?P<phrase>(?P<unit>day|week|month))", faint=True),
    rule(going_on, r"(?:for|on|of|over|during|in) (?P<phrase>the (?P<unit>day|week|month))", faint=True),
    rule(going_on, r"(?P<phrase>the (?P<unit>day|week|month)'s)", faint=True),
)  # fmt: skip
"""Beside "right now" and "lately", which are no window, and what lies ahead."""
