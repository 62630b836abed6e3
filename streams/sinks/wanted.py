"""Does a sink want an alert, here and now? What the sink asks for, and what operators have acked and muted."""

from collections.abc import Collection
from datetime import datetime
from typing import Literal, Protocol

from streams.intake import utc
from streams.records import Alert, AlertAction

Severity = Literal["info", "warning", "critical"]
Status = Literal["opened", "grew", "resolved"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
STATUSES: tuple[Status, ...] = ("opened", "grew", "resolved")
Verdict = Literal["wanted", "unwanted", "acked", "muted"]


class Filter(Protocol):
    """What a sink asks for; no entities means all."""

    @property
    def minimum_severity(self) -> Severity: ...
    @property
    def entities(self) -> Collection[str]: ...
    @property
    def statuses(self) -> Collection[Status]: ...


class Actions:
    """What operators have done: the last action of each id holds."""

    def __init__(self) -> None:
        self.by_id: dict[str, AlertAction] = {}

    def add(self, action: AlertAction) -> None:
        self.by_id[action.id] = action

    def acked(self, episode: str, now: datetime) -> bool:
        action = self.by_id.get(ack_id(episode))
        return action is not None and utc(action.at) <= now

    def muted(self, entity: str, now: datetime) -> bool:
        action = self.by_id.get(mute_id(entity))
        if action is None or action.kind != "mute" or action.until is None:
            return False
        return utc(action.at) <= now < utc(action.until)


def ack_id(episode: str) -> str:
    return f"ack:{episode}"


def mute_id(entity: str) -> str:
    return f"mute:{entity}"


def wanted(alert: Alert, sink: Filter, actions: Actions, known: bool, now: datetime) -> Verdict:
    """`known` says that an earlier alert of the episode passed the sink's filter.

    Then its end passes too, whatever its severity: who heard of the beginning wants to hear of the end. An ack holds
    back what an episode grows by, never its end.
    """
    severe = SEVERITIES.index(alert.severity) >= SEVERITIES.index(sink.minimum_severity)
    if not severe and not (known and alert.status == "resolved"):
        return "unwanted"
    if alert.status not in sink.statuses or (sink.entities and alert.entity not in sink.entities):
        return "unwanted"
    if alert.status == "grew" and actions.acked(alert.episode, now):
        return "acked"
    return "muted" if actions.muted(alert.entity, now) else "wanted"
