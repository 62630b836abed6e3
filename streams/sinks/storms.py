"""Storms as sinks see them: while one is open, it is told instead of each entity's alert within it. Pure."""

from typing import NamedTuple

from streams.intake import utc
from streams.news.groups import STORM
from streams.records import Alert, Kind

KEPT = 64  # storms
LONGEST_S = 86_400.0  # a storm that has said nothing for so long covers no alert any more, told as over or not
SETTLE_S = 2.0  # an entity's alert waits so long after its append: it may be what a storm begins with
KINDS: tuple[Kind, ...] = ("negatives", "share")
"""What a storm is made of (streams/news/storms.py)."""


class Storm(NamedTuple):
    """The last alert of a storm; when its first was appended (s); whether none of them was for sinks."""

    alert: Alert
    appended_s: float
    held: bool

    def covers(self, alert: Alert) -> bool:
        """Whether it tells of an entity's alert: of a member's, or of one that opened while it was open."""
        last_s, opened_s = utc(self.alert.at).timestamp(), utc(alert.opened_at).timestamp()
        begin_s = utc(self.alert.opened_at).timestamp()
        if alert.entity in self.alert.members:
            begin_s = min(begin_s, last_s - self.alert.span_s)
        end_s = last_s if self.alert.status == "resolved" else last_s + LONGEST_S
        return begin_s <= opened_s <= end_s and utc(alert.at).timestamp() <= end_s


class Storms:
    """The latest storms, out of the alerts topic; the same alert twice changes nothing."""

    def __init__(self) -> None:
        self.by_episode: dict[str, Storm] = {}

    def add(self, alert: Alert, appended_s: float) -> None:
        """`appended_s` is the record's. What is no storm's is passed over."""
        if alert.kind != "storm":
            return
        known = self.by_episode.get(alert.episode)
        if known is None:
            self.by_episode[alert.episode] = Storm(alert, appended_s, bool(alert.held))
        elif known.alert.status != "resolved":
            held = known.held and bool(alert.held)
            self.by_episode[alert.episode] = known._replace(alert=alert, held=held)
        while len(self.by_episode) > KEPT:
            del self.by_episode[next(iter(self.by_episode))]

    def covering(self, alert: Alert, by_s: float | None = None) -> list[Storm]:
        """Those that tell of an alert; with `by_s`, of those that had begun to be told by then."""
        if not part_of_storms(alert):
            return []
        known = [each for each in self.by_episode.values() if by_s is None or each.appended_s <= by_s]
        return [each for each in known if each.covers(alert)]


def part_of_storms(alert: Alert) -> bool:
    """Whether a storm can tell of it."""
    return alert.scope == "entity" and alert.kind in KINDS and alert.entity != STORM
