"""Who went in, who came out: each input record is settled by exactly one output that names it as its origin."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from models.errors import Unaccounted
from streams.records import Alert, Answer, ScoredNews, Way
from streams.topics import ALERTS, CHAT_ANSWERS, CHAT_QUESTIONS, DEAD_LETTERS, HANDOVERS, NEWS, SCORED_NEWS

Place = tuple[str, int, int]
"""Topic (without its prefix), partition, offset."""


@dataclass
class Ledger:
    """Counts a run. Repeated outputs of one origin, as after a crash, count once."""

    sent: set[Place] = field(default_factory=set)
    settled: dict[Place, str] = field(default_factory=dict)  # origin -> the output topic that settled it
    entities: int = 0
    abstained: int = 0
    ways: Counter[Way] = field(default_factory=Counter)  # of the answers
    handovers: set[str] = field(default_factory=set)
    opened: dict[str, Alert] = field(default_factory=dict)  # episode -> its opening alert

    def send(self, topic: str, partition: int, offset: int) -> None:
        """A record went in: Kafka has it."""
        self.sent.add((topic, partition, offset))

    def enter(self, topic: str, value: bytes, headers: Mapping[str, str]) -> ScoredNews | Answer | Alert | None:
        """Enter one output record; returns it decoded when it is new to the ledger. A dead letter returns None."""
        if topic == SCORED_NEWS.name:
            scored = msgspec.json.decode(value, type=ScoredNews)
            if self._settle((NEWS.name, scored.origin.partition, scored.origin.offset), topic):
                self.entities += len(scored.entities)
                return scored
        elif topic == CHAT_ANSWERS.name:
            answer = msgspec.json.decode(value, type=Answer)
            asked = (CHAT_QUESTIONS.name, answer.origin.partition, answer.origin.offset)
            if answer.way != "person" and self._settle(asked, topic):
                self.abstained += answer.abstained
                self.ways[answer.way] += 1
                return answer
        elif topic == HANDOVERS.name:
            self.handovers.add(headers["ce_id"])
        elif topic == ALERTS.name:
            alert = msgspec.json.decode(value, type=Alert)
            if alert.status == "opened" and alert.episode not in self.opened:
                self.opened[alert.episode] = alert
                return alert
        elif topic == DEAD_LETTERS.name:
            self._settle((headers["topic"], int(headers["partition"]), int(headers["offset"])), topic)
        return None

    def _settle(self, origin: Place, by: str) -> bool:
        new = origin not in self.settled
        self.settled.setdefault(origin, by)
        return new

    def settled_by(self, topic: str) -> int:
        return sum(by == topic for by in self.settled.values())

    def sent_to(self, topic: str) -> int:
        return sum(place[0] == topic for place in self.sent)

    def totals(self) -> dict[str, int]:
        """What `gretchen demo --once` prints. `answers` counts every question that was answered or handed over, those
        by a way among them."""
        return {
            "news": self.sent_to(NEWS.name),
            "scored": self.settled_by(SCORED_NEWS.name),
            "entities": self.entities,
            "questions": self.sent_to(CHAT_QUESTIONS.name),
            "answers": self.settled_by(CHAT_ANSWERS.name),
            "by_template": self.ways["template"],
            "by_documents": self.ways["documents"],
            "by_live": self.ways["live"],
            "abstained": self.abstained,
            "handovers": len(self.handovers),
            "alerts": len(self.opened),
            "dead_letters": self.settled_by(DEAD_LETTERS.name),
        }

    def open_places(self) -> set[Place]:
        """Records that went in and have not come out."""
        return self.sent - self.settled.keys()

    def check(self) -> None:
        """Raise Unaccounted unless what went in is exactly what came out."""
        missing, alien = self.open_places(), self.settled.keys() - self.sent
        if missing or alien:
            shown = ", ".join(
                f"{topic}/{partition}@{offset}" for topic, partition, offset in sorted(missing | alien)[:5]
            )
            raise Unaccounted(
                f"{len(missing)} records went in and did not come out, {len(alien)} came out that did not go in "
                f"(first: {shown}); look into the worker's log"
            )
