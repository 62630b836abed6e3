"""An alert as one line of JSON, for whatever collects a process's output."""

import msgspec

from streams.records import Alert
from streams.sinks.wording import headlines, one_line


def line(alert: Alert) -> str:
    told = {
        "alert": alert.id,
        "episode": alert.episode,
        "entity": alert.entity,
        "scope": alert.scope,
        "kind": alert.kind,
        "status": alert.status,
        "severity": alert.severity,
        "at": alert.at,
        "summary": one_line(alert.summary),
        "members": alert.members,
        "headlines": [one_line(evidence.text) for evidence in headlines(alert)],
    }
    return msgspec.json.encode(told).decode()
