"""What a sink has been told out of one partition: a fold of its alerts, made again after a restart."""

from typing import NamedTuple

from streams.records import Alert
from streams.sinks.wanted import Severity, Silence

REMEMBERED = 10_000  # ids; a duplicate in the topic comes soon after the first


class Episode(NamedTuple):
    """An open episode: the last alert of it, and every severity it had."""

    alert: Alert
    severities: tuple[Severity, ...]


class Told:
    """Ids of alerts, and the episodes still open; the same alert twice changes nothing.

    `silent` are open episodes of which the sink was told nothing, and why.
    """

    def __init__(self) -> None:
        self.ids: dict[str, None] = {}
        self.open: dict[str, Episode] = {}
        self.silent: dict[str, Silence] = {}

    def add(self, alert: Alert) -> None:
        if alert.id in self.ids:
            return
        self.ids[alert.id] = None
        if len(self.ids) > REMEMBERED:
            del self.ids[next(iter(self.ids))]
        self.silent.pop(alert.episode, None)
        before = self.open.pop(alert.episode, None)
        if alert.status != "resolved":
            severities = before.severities if before else ()
            self.open[alert.episode] = Episode(alert, tuple(dict.fromkeys((*severities, alert.severity))))

    def pass_over(self, alert: Alert, why: Silence) -> None:
        """The sink is not told of it. An end is one all the same."""
        if alert.status == "resolved":
            self.open.pop(alert.episode, None)
            self.silent.pop(alert.episode, None)
        elif alert.episode not in self.open:
            self.silent[alert.episode] = why
            if len(self.silent) > REMEMBERED:
                del self.silent[next(iter(self.silent))]
