"""An alert in words, as all sinks share them."""

import unicodedata

from streams.intake import utc
from streams.records import Alert, Evidence

HEADLINES = 5
HEADLINE_CHARS = 300


def one_line(text: str, most: int = HEADLINE_CHARS) -> str:
    """Text from outside as one line without control characters, cut to `most` characters."""
    shown = " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in text).split())
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def title(alert: Alert) -> str:
    """One line: how severe, what happened, to whom."""
    status = "" if alert.status == "opened" else f" {alert.status}"
    return f"[{alert.severity}{status}] {one_line(alert.summary)}"


def headlines(alert: Alert) -> list[Evidence]:
    """The latest few of the headlines, newest first."""
    return sorted(alert.evidence, key=lambda evidence: utc(evidence.at), reverse=True)[:HEADLINES]


def web_address(url: str | None) -> str:
    """The URL if it is one that a person may be given to click on, else nothing."""
    usable = url and url.startswith(("http://", "https://")) and url.isprintable() and " " not in url
    return url if url and usable else ""
