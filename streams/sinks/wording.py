"""An alert in words, as all sinks share them."""

import unicodedata

from streams.intake import utc
from streams.records import Alert, Evidence, Kind

HEADLINES = 5
HEADLINE_CHARS = 300
SOURCE_CHARS = 80
MEMBERS = 20
KINDS: dict[Kind, str] = {
    "negatives": "many negative headlines",
    "share": "a large share of negative headlines",
    "volume": "many headlines",
    "turn": "a turn of tone",
    "storm": "a storm",
}


def one_line(text: str, most: int = HEADLINE_CHARS) -> str:
    """Text from outside as one line without control characters, cut to `most` characters."""
    shown = " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in text).split())
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def title(alert: Alert) -> str:
    """One line: how severe, what happened, to whom."""
    status = "" if alert.status == "opened" else f" {alert.status}"
    return f"[{alert.severity}{status}] {one_line(alert.summary)}"


def subject(alert: Alert) -> str:
    """What it is about and why, without a full stop: 'Entity Nokia, many negative headlines'."""
    if alert.scope == "all":
        return f"{one_line(alert.name)}, {KINDS[alert.kind]}"
    name = alert.entity.removeprefix(f"{alert.scope}:")
    return f"{alert.scope.capitalize()} {one_line(name)}, {KINDS[alert.kind]}"


def members(alert: Alert) -> str:
    """The entities of a storm, as many as a person reads; empty for anything else."""
    more = len(alert.members) - MEMBERS
    named = ", ".join(one_line(each, SOURCE_CHARS) for each in alert.members[:MEMBERS])
    return f"{named} and {more} more" if more > 0 else named


def sources(evidence: Evidence) -> str:
    """Who brought a headline: 'Reuters, also in AP, Bloomberg'; empty where nobody is named."""
    first = one_line(evidence.source, SOURCE_CHARS) if evidence.source else ""
    others = ", ".join(one_line(each, SOURCE_CHARS) for each in evidence.also_in)
    return ", ".join(filter(None, (first, others and f"also in {others}")))


def headlines(alert: Alert) -> list[Evidence]:
    """The latest few of the headlines, newest first."""
    return sorted(alert.evidence, key=lambda evidence: utc(evidence.at), reverse=True)[:HEADLINES]


def web_address(url: str | None) -> str:
    """The URL if it is one that a person may be given to click on, else nothing."""
    usable = url and url.startswith(("http://", "https://")) and url.isprintable() and " " not in url
    return url if url and usable else ""
