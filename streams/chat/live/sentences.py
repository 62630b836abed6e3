"""How the results of each opcode are said: plain English, every number is the result's; no advice. Pure."""

from streams.chat.live.result import Figures, Result, Window
from streams.chat.live.wording import about, before, caveats, doubts, moment, nothing, plural, subject, told, when
from streams.news.alerts import signed
from streams.records import Alert, Evidence

MOOD = 0.1  # a tone so far from 0, drawn to it, is one
STEADY = 0.05  # a change so small is none
SHOWN = 3  # headlines of an alert
IS = {0: "is about as it was", 1: "is getting better", -1: "is getting worse"}
WAS = {0: "stayed about as it was", 1: "got better", -1: "got worse"}


def paragraph(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def time_of(result: Result) -> str:
    """The window in words; empty without one."""
    return said(result.window, result)


def said(window: Window | None, result: Result) -> str:
    return when(window, result.now) if window else ""


def ahead(result: Result) -> bool:
    return result.window is not None and result.window.ahead


def over(result: Result) -> bool:
    """Whether the window lies behind."""
    return result.window is not None and result.window.end < result.now


def notes(result: Result, *figures: Figures) -> list[str]:
    """What to doubt of an answer; each once."""
    windows = (result.window, result.earlier_window if result.asked.against else None)
    return [*doubts(*figures), *dict.fromkeys(each for window in windows for each in caveats(window, result.now))]


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def say_count(result: Result) -> str:
    (figures,) = result.figures
    if not figures.mentions:
        return nothing(figures, result.window, result.now)
    sentiment = result.asked.sentiment
    number = figures.of(sentiment)
    what = plural(number, f"{sentiment} headline" if sentiment else "headline")
    of_all = f", of {figures.mentions} in all" if sentiment else ""
    return paragraph(
        f"{capital(what)}{about(figures)} {time_of(result)}{of_all}.",
        *notes(result),
    )


def say_sentiment(result: Result) -> str:
    (figures,) = result.figures
    if not figures.mentions:
        return nothing(figures, result.window, result.now)
    return paragraph(f"{sounds(figures, result)} on a scale from −1 to +1.", *notes(result, figures))


def sounds(figures: Figures, result: Result) -> str:
    """'The news about Tesla today is mostly negative: a tone of …'."""
    verb = "was" if over(result) else "is"
    return f"The news{about(figures)} {time_of(result)} {verb} {mood(figures)}: {told(figures)}"


def mood(figures: Figures) -> str:
    if abs(figures.drawn) >= MOOD:
        return "mostly negative" if figures.drawn < 0 else "mostly positive"
    return "neutral" if 2 * figures.neutrals >= figures.mentions else "mixed"


def say_trend(result: Result) -> str:
    (figures,), (earlier,) = result.figures, result.earlier
    if not figures.mentions:
        return nothing(figures, result.window, result.now)
    now = f"{told(figures)} {time_of(result)}"
    if result.change is None:
        known = result.earlier_window is not None and result.earlier_window.counted_from is not None
        missing = f"There were no headlines {before(result.window)}" if known else "The time before is not kept"
        return paragraph(
            f"{missing}, so no trend can be told for the news{about(figures)}: {now}.",
            *notes(result),
        )
    way = 0 if abs(result.change) < STEADY else 1 if result.change > 0 else -1
    words = (WAS if over(result) else IS)[way]
    return paragraph(
        f"The news{about(figures)} {words}: {now}, against {told(earlier)} {before(result.window)}.",
        *notes(result, figures, earlier),
    )


def say_compare(result: Result) -> str:
    return say_windows(result) if result.earlier else say_streams(result)


def say_windows(result: Result) -> str:
    """One stream in two windows."""
    (here,), (earlier,) = result.figures, result.earlier
    if not here.mentions and not earlier.mentions:
        return nothing(here, result.window, result.now)
    words, words_before = time_of(result), said(result.earlier_window, result)
    alike = f"; up to the same time {told(result.alike)}" if result.alike is not None and earlier.mentions else ""
    verdict = ""
    if result.change is not None:
        by_then = " by the same time" if result.alike is not None else ""
        verdict = f"That is {versus(result.change)} {words_before}{by_then}."
    return paragraph(
        f"The news{about(here)} {words}: {told(here)}.",
        f"{capital(words_before)}: {told(earlier)}{alike}.",
        verdict,
        *notes(result, here, result.alike or earlier),
    )


def versus(change: float) -> str:
    return "about the same as" if abs(change) < STEADY else "better than" if change > 0 else "worse than"


def say_streams(result: Result) -> str:
    """Several streams in one window."""
    heard = [each for each in result.figures if each.mentions]
    lines = [f"- {capital(subject(each))}: {ranked(each)}" for each in result.figures]
    verdict = ""
    if len(heard) > 1:
        best, second = sorted(heard, key=lambda each: -each.drawn)[:2]
        verdict = f"{capital(subject(best))} has the {'better' if len(heard) == 2 else 'best'} press."
        if best.drawn - second.drawn < STEADY:
            verdict = f"{capital(subject(best))} and {subject(second)} sound about the same."
    end = paragraph(verdict, *notes(result))
    return "\n".join([f"{capital(time_of(result))}:", *lines, *([end] if end else [])])


TITLES = {
    "worst": ("had the worst tone", "with the worst tone"),
    "best": ("had the best tone", "with the best tone"),
    "busiest": ("had the most headlines", "with the most headlines"),
    "improved": ("improved most", "that improved most"),
    "declined": ("declined most", "that declined most"),
}
CHANGES = ("improved", "declined")
KINDS = {"entity": ("name", "names"), "topic": ("topic", "topics"), "sector": ("sector", "sectors")}


def say_rank(result: Result) -> str:
    asked, words = result.asked, time_of(result)
    among = f" in the sector {asked.sector[0]}" if asked.sector else ""
    one, several = TITLES[asked.by]
    kind, kinds = KINDS[asked.of]
    if not result.figures:
        none = (
            f"None of the {kinds}{among} {asked.by}"
            if asked.by in CHANGES
            else f"Nothing was said about {kinds}{among}"
        )
        return paragraph("That time has not come yet." if ahead(result) else f"{none} {words}.", *notes(result))
    if len(result.figures) == 1:
        (first,) = result.figures
        head = f"Of the {plural(result.found, kind)}{among} in the news, {first.name} {one} {words}: {ranked(first)}."
        return paragraph(head, *notes(result))
    lines = [f"{place}. {each.name}: {ranked(each)}" for place, each in enumerate(result.figures, 1)]
    end = paragraph(*notes(result))
    head = f"The {len(result.figures)} {kinds}{among} {several} {words}, of {result.found}:"
    return "\n".join([head, *lines, *([end] if end else [])])


def ranked(figures: Figures) -> str:
    """What a place in an order rests on."""
    change = "" if figures.change is None else f", {signed(figures.change)} against the time before"
    doubt = "; too few to say much" if figures.doubtful and figures.mentions else ""
    return f"{told(figures)}{change}{doubt}"


def say_headlines(result: Result) -> str:
    (figures,) = result.figures
    sentiment = f"{result.asked.sentiment} " if result.asked.sentiment else ""
    words = f" {time_of(result)}" if result.window else ""
    if not result.headlines:
        if result.found:
            gone = plural(result.found, f"{sentiment}headline")
            return f"{capital(gone)}{about(figures)}{words}: of that time no texts are kept."
        none = f"No {sentiment}headline is kept" if figures.mentions or not result.window else "Nothing was said"
        return paragraph(nothing(figures, result.window, result.now, none), *notes(result))
    number = len(result.headlines)
    of_all = f", of {result.found} in all" if result.window and result.found > number else ""
    which = f"The latest {sentiment}headline" if number == 1 else f"The {number} latest {sentiment}headlines"
    lines = [f"- {quoted(each, result)}" for each in result.headlines]
    return "\n".join([f"{which}{about(figures)}{words}{of_all}:", *lines])


def quoted(evidence: Evidence, result: Result) -> str:
    """A headline with its source and time."""
    source = f"{one_line(evidence.source)}, " if evidence.source else ""
    return f"“{one_line(evidence.text)}” ({source}{moment(evidence.at, result.now)})"


def one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def say_explain(result: Result) -> str:
    (figures,) = result.figures
    if not result.alerts:
        none = f"No alert{about(figures)}{f' {time_of(result)}' if result.asked.window else ''} is remembered."
        if not figures.mentions:
            return paragraph(none, nothing(figures, result.window, result.now))
        lines = [f"- {quoted(each, result)}" for each in result.headlines]
        return "\n".join([paragraph(none, f"{sounds(figures, result)}.", *notes(result, figures)), *lines])
    return "\n".join(explained(alert, result) for alert in result.alerts)


def explained(alert: Alert, result: Result) -> str:
    """What was seen and what expected, since when, and the headlines behind it."""
    lines = [f"{one_line(alert.summary)}. {capital(standing(alert, result))}."]
    if alert.evidence:
        lines.append("Behind it:")
    lines += [f"- {quoted(each, result)}" for each in alert.evidence[:SHOWN]]
    return "\n".join(lines)


def standing(alert: Alert, result: Result) -> str:
    """'warning since 25 November, 13:10 UTC, not over yet'."""
    over = f"over since {moment(alert.at, result.now)}" if alert.status == "resolved" else "not over yet"
    return f"{alert.severity} alert of {moment(alert.opened_at, result.now)}, {over}"


def say_alerts(result: Result) -> str:
    (figures,) = result.figures
    asked = result.asked
    of = f" on {KINDS[asked.of][1]}" if asked.of else about(figures)
    words = f" {time_of(result)}" if result.window else ""
    what = " ".join(filter(None, ("open" if asked.open else "", asked.severity, "alert")))
    if not result.found:
        return f"There {'is' if asked.open else 'was'} no {what}{of}{words}."
    shown = f"; the first {len(result.alerts)}" if len(result.alerts) < result.found else ""
    lines = [f"- {one_line(alert.summary)} ({standing(alert, result)})" for alert in result.alerts]
    return "\n".join([f"{capital(plural(result.found, what))}{of}{words}{shown}:", *lines])
