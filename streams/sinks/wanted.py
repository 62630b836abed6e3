"""Does a sink want an alert, here and now? What the sink asks for, the rules hold back, a storm tells of anyway, and
what operators have acked and muted."""

from collections.abc import Collection
from datetime import datetime
from typing import Literal, Protocol

from streams.intake import utc
from streams.records import Alert, AlertAction, Kind, Scope
from streams.sinks.storms import Storms

Severity = Literal["info", "warning", "critical"]
Status = Literal["opened", "grew", "resolved"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
STATUSES: tuple[Status, ...] = ("opened", "grew", "resolved")
Silence = Literal["held", "storm"]
Verdict = Literal["wanted", "unwanted", "held", "storm", "acked", "muted"]
"""`held` and `storm` are silences: the sink hears nothing of the episode, nor of its end unless it is told later."""


class Filter(Protocol):
    """What a sink asks for; no entities, kinds or scopes means all."""

    @property
    def name(self) -> str: ...
    @property
    def minimum_severity(self) -> Severity: ...
    @property
    def entities(self) -> Collection[str]: ...
    @property
    def kinds(self) -> Collection[Kind]: ...
    @property
    def scopes(self) -> Collection[Scope]: ...
    @property
    def statuses(self) -> Collection[Status]: ...
    @property
    def storms(self) -> bool: ...


class Actions:
    """What operators have done: the last action of each id holds."""

    def __init__(self) -> None:
        self.by_id: dict[str, AlertAction] = {}

    def add(self, action: AlertAction) -> None:
        self.by_id[action.id] = action

    def acked(self, episode: str, now: datetime) -> bool:
        action = self.by_id.get(ack_id(episode))
        return action is not None and action.kind == "ack" and utc(action.at) <= now

    def muted(self, entity: str, now: datetime) -> bool:
        action = self.by_id.get(mute_id(entity))
        if action is None or action.kind != "mute" or action.until is None:
            return False
        return utc(action.at) <= now < utc(action.until)


def ack_id(episode: str) -> str:
    return f"ack:{episode}"


def mute_id(entity: str) -> str:
    return f"mute:{entity}"


def wanted(
    alert: Alert,
    sink: Filter,
    actions: Actions,
    known: bool,
    now: datetime,
    storms: Storms | None = None,
    silent: Silence | None = None,
    by_s: float | None = None,
) -> Verdict:
    """`known` says that an earlier alert of the episode passed the sink's filter, `silent` that one was kept from it.

    Who heard of the beginning wants to hear of the end, whatever its severity and route; who did not hear of it, does
    not. An ack holds back what an episode grows by, never its end. `by_s`: as it was decided with the storms known by
    then.
    """
    ending = known and alert.status == "resolved"
    if alert.status not in sink.statuses or not (asks_for(sink, alert) or (ending and about(sink, alert))):
        return "unwanted"
    if alert.held:
        return "held"
    if silent and alert.status == "resolved" and not known:
        return silent
    if not known and sink.storms and storms and told_by_storm(alert, sink, actions, now, storms, by_s):
        return "storm"
    if alert.status == "grew" and actions.acked(alert.episode, now):
        return "acked"
    return "muted" if actions.muted(alert.entity, now) else "wanted"


def asks_for(sink: Filter, alert: Alert) -> bool:
    """Whether an alert passes the sink's filters, its status aside, and the routes of the rule behind it."""
    severe = SEVERITIES.index(alert.severity) >= SEVERITIES.index(sink.minimum_severity)
    return severe and about(sink, alert) and (not alert.routes or sink.name in alert.routes)


def about(sink: Filter, alert: Alert) -> bool:
    """Whether it is about what the sink is for; a storm is about its members, too."""
    if sink.entities and not {alert.entity, *alert.members} & set(sink.entities):
        return False
    return (not sink.kinds or alert.kind in sink.kinds) and (not sink.scopes or alert.scope in sink.scopes)


def told_by_storm(
    alert: Alert, sink: Filter, actions: Actions, now: datetime, storms: Storms, by_s: float | None
) -> bool:
    """Whether the sink hears, or heard, of a storm that tells of the alert: else it must have the alert itself."""
    return "opened" in sink.statuses and any(
        not storm.held and asks_for(sink, storm.alert) and not actions.muted(storm.alert.entity, now)
        for storm in storms.covering(alert, by_s)
    )
