"""Alerts for Prometheus Alertmanager, API v2. An open episode is one firing alert; it ends by itself unless repeated.

A severity is a label, and labels are an alert's identity there: an episode that grows more severe ends the alert
of its old severity and fires one of the new.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from streams.intake import utc
from streams.records import Alert, Evidence
from streams.sinks.config import Alertmanager
from streams.sinks.post import Request
from streams.sinks.told import Episode
from streams.sinks.wording import headlines, members, one_line, sources

PATH = "/api/v2/alerts"
ALERTNAME = "SentimentSurge"
KEPT_REPEATS = 4  # how many repeats may fail before Alertmanager takes an episode for over; Prometheus' number


def request(sink: Alertmanager, alerts: Iterable[dict[str, Any]]) -> Request:
    headers = {"Authorization": sink.authorization} if sink.authorization else {}
    return Request(sink.url.rstrip("/") + PATH, headers, msgspec.json.encode(list(alerts)))


def change(sink: Alertmanager, alert: Alert, known: Episode | None, now_s: float) -> list[dict[str, Any]]:
    """What an alert changes; `known` is its episode as it was before."""
    if alert.status != "resolved":
        past = [severity for severity in (known.severities if known else ()) if severity != alert.severity]
        return [firing(sink, alert, now_s), *(entry(sink, alert, severity, now_s) for severity in past)]
    severities = dict.fromkeys((*(known.severities if known else ()), alert.severity))
    return [entry(sink, alert, severity, now_s) for severity in severities]


def firing(sink: Alertmanager, alert: Alert, now_s: float) -> dict[str, Any]:
    """An open episode, until some repeats from now."""
    return entry(sink, alert, alert.severity, now_s + KEPT_REPEATS * sink.repeat_s)


def entry(sink: Alertmanager, alert: Alert, severity: str, ends_s: float) -> dict[str, Any]:
    ends_at = datetime.fromtimestamp(ends_s, UTC)
    annotations = {"summary": one_line(alert.summary)}
    if told := headlines(alert):
        annotations["headlines"] = "\n".join(map(headline, told))
    if named := members(alert):
        annotations["members"] = named
    if alert.rule:
        annotations["rule"] = one_line(alert.rule)
    return {
        "labels": {
            **sink.labels,
            "alertname": ALERTNAME,
            "entity": alert.entity,
            "scope": alert.scope,
            "kind": alert.kind,
            "severity": severity,
            "episode": alert.episode,
        },
        "annotations": annotations,
        # an alert may be dated later than now; one that ends before it starts would be refused
        "startsAt": min(utc(alert.opened_at), ends_at - timedelta(milliseconds=1)).isoformat(),
        "endsAt": ends_at.isoformat(),
    }


def headline(evidence: Evidence) -> str:
    brought = sources(evidence)
    return one_line(evidence.text) + (f" ({brought})" if brought else "")
