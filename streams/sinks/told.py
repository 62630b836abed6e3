"""What a sink has been told out of one partition: a fold of its alerts, made again after a restart."""

from typing import NamedTuple

from streams.records import Alert
from streams.sinks.wanted import Severity

REMEMBERED = 10_000  # ids; a duplicate in the topic comes soon after the first


class Episode(NamedTuple):
    """An open episode: the last alert of it, and every severity it had."""

    alert: Alert
    severities: tuple[Severity, ...]


class Told:
    """Ids of alerts, and the episodes still open; the same alert twice changes nothing."""

    def __init__(self) -> None:
        self.ids: dict[str, None] = {}
        self.open: dict[str, Episode] = {}

    def add(self, alert: Alert) -> None:
        if alert.id in self.ids:
            return
        self.ids[alert.id] = None
        if len(self.ids) > REMEMBERED:
            del self.ids[next(iter(self.ids))]
        before = self.open.pop(alert.episode, None)
        if alert.status != "resolved":
            severities = before.severities if before else ()
            self.open[alert.episode] = Episode(alert, tuple(dict.fromkeys((*severities, alert.severity))))
