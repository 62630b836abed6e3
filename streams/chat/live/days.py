"""Words for days and moments: "Friday", "the 20th", "3 Nov", "9am". The last such before now is meant. Pure."""

import re
from datetime import date, datetime, time, timedelta

DAY = timedelta(days=1)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "couple": 2, "couple of": 2, "a couple": 2, "a couple of": 2, "three": 3,
    "few": 3, "a few": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12, "fifteen": 15, "twenty": 20, "twenty-four": 24, "twenty four": 24, "thirty": 30, "forty-eight": 48,
    "forty eight": 48, "forty-five": 45, "fifty": 50, "sixty": 60, "ninety": 90,
}  # fmt: skip
NUMBER = rf"(?:\d{{1,3}}|{'|'.join(sorted(NUMBERS, key=len, reverse=True))})"
PARTS = {"morning": (6, 12), "afternoon": (12, 18), "evening": (18, 24), "night": (18, 30)}
"""Part of a day -> its first hour, the hour after its last; a night ends on the next day."""
CLOCKS = {"noon": time(12), "midday": time(12), "lunchtime": time(12), "lunch": time(12), "midnight": time(0)}

WEEKDAY = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|mon|tues?|weds?|thu(?:rs?)?|fri)\b"
SURE_MONTH = "|".join(name for name in MONTHS if name not in ("may", "march"))  # which are verbs without a preposition
MONTH = rf"(?:{'|'.join(MONTHS)}|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?"
NTH = r"\d{1,2}(?:st|nd|rd|th)"
OF_MONTH = r"\d{1,2}(?:st|nd|rd|th)?"
DATES = (
    re.compile(r"(?P<year>\d{4})-(?P<number>\d\d)-(?P<day>\d\d)"),
    re.compile(rf"(?:the )?(?P<day>{OF_MONTH})(?: of)? (?P<month>{MONTH})(?:,? (?P<year>\d{{4}}))?"),
    re.compile(rf"(?P<month>{MONTH}) (?:the )?(?P<day>{OF_MONTH})\b(?:,? (?P<year>\d{{4}}))?"),
    re.compile(r"(?P<day>\d{1,2})\.(?P<number>\d{1,2})\.(?P<year>\d{4})?"),
    re.compile(r"(?P<day>1[3-9]|2\d|3[01])/(?P<number>\d{1,2})(?:/(?P<year>\d{4}))?"),
    re.compile(r"(?P<number>\d{1,2})/(?P<day>1[3-9]|2\d|3[01])(?:/(?P<year>\d{4}))?"),
)
"""With a slash only what can be read in one way."""
AGO = re.compile(rf"(?P<many>{NUMBER}) (?P<unit>day|week)s? ago")
NAME = re.compile(rf"(?:(?P<which>last|this past|past|this|previous) )?(?P<weekday>{WEEKDAY})")
ON_WEEKDAY = re.compile(rf"{WEEKDAY},? (?P<date>.+)")
OF_WEEK = re.compile(
    rf"(?P<weekday>{WEEKDAY})(?: of)? (?P<week>this|last) week|(?P<early>this|last) week'?s? (?P<name>{WEEKDAY})"
)
CLOCK = re.compile(
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d\d)(?: ?(?P<half>[ap])\.?m\b\.?)?"
    r"|(?P<whole>\d{1,2}) ?(?:(?P<noon>[ap])\.?m\b\.?|o'?clock)"
    rf"|(?P<name>{'|'.join(CLOCKS)})"
)


def bare(pattern: re.Pattern[str]) -> str:
    """A pattern to be part of a larger one, without its groups' names."""
    return f"(?:{re.sub(r'[?]P<[a-z]+>', '?:', pattern.pattern)})"


ONE_DATE = "|".join(map(bare, DATES))
DAY_WORDS = (
    rf"(?:the day before yesterday|day before yesterday|yesterday|today|{bare(OF_WEEK)}"
    rf"|{WEEKDAY},? (?:the )?(?:{ONE_DATE}|{NTH})|{ONE_DATE}|the {NTH}|{bare(NAME)}|{bare(AGO)})"
)
CLOCK_WORDS = bare(CLOCK)
PART_WORDS = rf"(?:{'|'.join(PARTS)})"


def number_of(words: str) -> int:
    """Of digits, or of a word that NUMBERS has."""
    return int(words) if words.isdigit() else NUMBERS[words]


def day_of(words: str, today: date, latest: date | None = None) -> date | None:
    """The day that is meant, None for none. A weekday is the last up to `latest`, by default up to yesterday."""
    words = words.strip()
    if words in ("today", "yesterday"):
        return today if words == "today" else today - DAY
    if words.endswith("day before yesterday"):
        return today - 2 * DAY
    if match := OF_WEEK.fullmatch(words):
        weeks = 1 if "last" in (match["week"], match["early"]) else 0
        monday = today - (today.weekday() + 7 * weeks) * DAY
        return monday + weekday_of(match["weekday"] or match["name"]) * DAY
    if match := AGO.fullmatch(words):
        return today - number_of(match["many"]) * (7 if match["unit"] == "week" else 1) * DAY
    if match := NAME.fullmatch(words):
        return last_weekday(weekday_of(match["weekday"]), latest or today - DAY)
    if match := re.fullmatch(rf"(?:the )?({NTH})", words):
        return last_nth(int(match[1][:-2]), today)
    for pattern in DATES:
        if match := pattern.fullmatch(words):
            return date_of(match, today)
    if match := ON_WEEKDAY.fullmatch(words):
        return day_of(match["date"], today)
    return None


def weekday_of(word: str) -> int:
    return next(place for place, name in enumerate(WEEKDAYS) if name.startswith(word[:3]))


def month_of(word: str) -> int:
    return next(place for place, name in enumerate(MONTHS, 1) if name.startswith(word[:3]))


def last_weekday(weekday: int, latest: date) -> date:
    return latest - (latest.weekday() - weekday) % 7 * DAY


def last_nth(number: int, today: date) -> date | None:
    """The last day up to today that is the so-manieth of its month."""
    if not 1 <= number <= 31:
        return None
    found = today
    while found.day != number:
        found -= DAY
    return found


def date_of(match: re.Match[str], today: date) -> date | None:
    """A calendar day; without a year the last one up to today."""
    groups = match.groupdict()
    month = month_of(groups["month"]) if groups.get("month") else int(groups["number"])
    number = int(groups["day"].rstrip("stndrh"))
    years = [int(groups["year"])] if groups["year"] else range(today.year, today.year - 5, -1)  # a leap day's
    for year in years:
        try:
            found = date(year, month, number)
        except ValueError:
            continue
        if groups["year"] or found <= today:
            return found
    return None


def clock_of(words: str, now: datetime | None = None) -> time | None:
    """A time of day. Without am or pm, an hour on the dial is the later one if that is over by `now`."""
    match = CLOCK.fullmatch(words.strip())
    if match is None:
        return None
    if match["name"]:
        return CLOCKS[match["name"]]
    hour, minute, half = int(match["hour"] or match["whole"]), int(match["minute"] or 0), match["half"] or match["noon"]
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    elif match["whole"] and 1 <= hour <= 7 and now is not None and hour + 12 <= now.hour:
        hour += 12
    return time(hour, minute) if hour < 24 and minute < 60 else None
