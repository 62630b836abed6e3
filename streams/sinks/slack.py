"""An alert for an incoming webhook of Slack, or of what takes the same JSON: Mattermost, Rocket.Chat."""

import msgspec

from streams.intake import utc
from streams.records import Alert, Evidence
from streams.sinks.config import Slack
from streams.sinks.post import Request
from streams.sinks.wording import headlines, members, one_line, sources, subject, title, web_address

COLORS = {"info": "#439fe0", "warning": "#daa038", "critical": "#d00000"}
RESOLVED = "#2eb886"


def request(sink: Slack, alert: Alert) -> Request:
    over = alert.status == "resolved"
    lines = [] if over else [f"• {line(evidence)}" for evidence in headlines(alert)]
    if named := members(alert):
        lines.append(f"Entities: {escape(named)}")
    attachment = {
        "color": RESOLVED if over else COLORS[alert.severity],
        "text": "\n".join([*lines, f"_{escape(subject(alert))}, episode {escape(one_line(alert.episode))}_"]),
        "mrkdwn_in": ["text"],
        "ts": int(utc(alert.at).timestamp()),
    }
    body = {"text": f"*{escape(title(alert))}*", "attachments": [attachment]}
    return Request(sink.url, {}, msgspec.json.encode(body))


def line(evidence: Evidence) -> str:
    """A headline, linked where it has an address."""
    text, url = escape(one_line(evidence.text)), web_address(evidence.url)
    linked = f"<{url}|{text}>" if url and not set(url) & set("<>|") else text
    return linked + (f" ({escape(brought)})" if (brought := sources(evidence)) else "")


def escape(text: str) -> str:
    """Text as text: no link, no mention of anybody (a headline must not call @channel), no emphasis."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for mark in "@*_~`":
        text = text.replace(mark, f"{mark}\u200b" if mark == "@" else f"\u200b{mark}")
    return text
