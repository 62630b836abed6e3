"""The page's state: what the output topics said lately, bounded, as the browser wants it. Pure: no clock, no I/O.

Records come twice now and then (delivery is at least once); each is shown once. All lists are bounded, so that a page
left open for weeks weighs what it weighed on the first day.
"""

from bisect import insort
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from streams.news.groups import STORM
from streams.records import (
    Alert,
    AlertAction,
    Answer,
    ChatFeedback,
    Handover,
    HandoverReply,
    Question,
    ScoredNews,
    Summary,
)
from streams.web.handovers import Handovers
from streams.web.rates import Backlog, Place, Rate
from streams.web.talks import LINES, Talks
from streams.web.views import View, action_view, alert_view, answer_view, headline_view, stream_view, trim

HEADLINES = 200
HEADLINES_PER_DELTA = 40  # nobody reads more in a quarter of a second; the rest counts as skipped
ENTITIES = 600
GROUPS = 120
ALERTS = 100
ACTIONS = 400  # acks, and as many mutes
CHATS = 120
REFUSED = 50
LINE_POINTS = 48
LINE_BUCKET_S = 300

PARTS = ("entities", "groups", "alerts", "acks", "mutes", "chats", "handovers")

BrokerState = Literal["connecting", "no topics", "loading", "connected", "down"]


@dataclass
class Stream:
    """A stream's last summary, and its index at the end of each five minutes of event time that had news."""

    summary: Summary
    line: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=LINE_POINTS))

    def apply(self, summary: Summary) -> None:
        bucket = int(summary.at.timestamp() // LINE_BUCKET_S)
        if self.line and bucket <= self.line[-1][0]:  # late news belongs to the point at hand
            bucket = self.line.pop()[0]
        self.line.append((bucket, summary.index))
        self.summary = summary

    def view(self) -> View:
        return stream_view(self.summary, [index for _, index in self.line])


class Board:
    """What the page shows. `snapshot` is all of it, `delta` what changed since the last delta."""

    def __init__(self) -> None:
        self.broker: BrokerState = "connecting"
        self.trouble = ""  # what a person should check, when the broker is not connected
        self.shown = 0
        self.headlines: list[tuple[int, int, View]] = []  # (broker time ms, count, view), oldest first
        self.ids: dict[str, None] = {}
        self.entities: dict[str, Stream] = {}
        self.groups: dict[str, Stream] = {}
        self.alerts: dict[str, View] = {}
        self.acks: dict[str, View] = {}
        self.mutes: dict[str, View] = {}
        self.chats: dict[str, View] = {}
        self.asked: dict[Place, str] = {}
        self.good: dict[str, bool] = {}
        self.talks = Talks()
        self.handovers = Handovers()
        self.refused: deque[View] = deque(maxlen=REFUSED)
        self.refusals: Counter[str] = Counter()
        self.dead_letters = 0
        self.unreadable = 0
        self.scored = Rate()
        self.answered = Rate()
        self.news = Backlog()
        self.questions = Backlog()
        self.newest_ms: int | None = None
        self.new: deque[View] = deque(maxlen=HEADLINES_PER_DELTA)
        self.skipped = 0
        self.changed: dict[str, set[str]] = {part: set() for part in PARTS}
        self.refused_changed = False

    def add_news(self, place: Place, at_ms: int) -> None:
        """A headline went in: its content is of no interest until it is scored."""
        self.news.entered(place, at_ms)

    def add_headline(self, record: ScoredNews, at_ms: int, now_ms: int, live: bool) -> None:
        """`live` is false for what was there before the page: it is shown, but counts for no rate."""
        if record.id in self.ids:
            return
        self.ids[record.id] = None
        trim(self.ids, 4 * HEADLINES)
        view = headline_view(record)
        self.shown += 1
        insort(self.headlines, (at_ms, self.shown, view), key=lambda item: item[:2])
        del self.headlines[:-HEADLINES]
        self.newest_ms = max(at_ms, self.newest_ms or 0)
        if len(self.new) == HEADLINES_PER_DELTA:
            self.skipped += 1
        self.new.append(view)
        if live:
            self.scored.add(now_ms)
            self.news.left((record.origin.partition, record.origin.offset), at_ms)

    def add_summary(self, record: Summary) -> None:
        if record.entity.startswith(STORM):  # it has alerts, but no news and no index of its own
            return
        part, streams, most = "entities", self.entities, ENTITIES
        if record.scope != "entity":
            part, streams, most = "groups", self.groups, GROUPS
        known = streams.get(record.entity)
        if known and record.applied <= known.summary.applied and record.at <= known.summary.at:
            return  # a duplicate; a count that starts anew (a table thrown away) has later times
        stream = streams.pop(record.entity, None) or Stream(record)
        stream.apply(record)
        streams[record.entity] = stream  # last in the dict: the longest silent goes first
        trim(streams, most)
        self.changed[part].add(record.entity)

    def add_alert(self, record: Alert) -> None:
        known = self.alerts.get(record.episode)
        view = alert_view(record, known)
        if view is known:
            return
        self.alerts.pop(record.episode, None)
        self.alerts[record.episode] = view  # last in the dict: the latest news
        self.changed["alerts"].add(record.episode)
        while len(self.alerts) > ALERTS:  # resolved ones go first
            gone = next((k for k, v in self.alerts.items() if v["status"] == "resolved"), next(iter(self.alerts)))
            del self.alerts[gone]

    def add_action(self, record: AlertAction) -> None:
        """The last action on an episode or a stream holds, as for the sinks."""
        part, actions = ("acks", self.acks) if record.kind in ("ack", "unack") else ("mutes", self.mutes)
        view = action_view(record)
        actions.pop(view["key"], None)
        actions[view["key"]] = view
        trim(actions, ACTIONS)
        self.changed[part].add(view["key"])

    def add_question(self, record: Question, place: Place, at_ms: int, at: datetime, live: bool) -> None:
        if live:
            self.questions.entered(place, at_ms)
        self.asked[place] = record.id
        trim(self.asked, LINES)
        self.talks.ask(record, at)
        if record.id not in self.chats:
            asked = {"id": record.id, "conversation": record.conversation_id or record.id, "question": record.text}
            self.chat(record.id, asked | {"asked_at": at, "answer": None, "refused": None, "good": None})

    def add_answer(self, record: Answer, at_ms: int, now_ms: int, live: bool) -> None:
        person = record.way == "person"
        id = record.id if person else record.question_id
        known = self.chats.get(id)
        self.talks.answer(record)
        if self.handovers.answered(record):
            self.changed["handovers"].add(record.conversation_id)
        if known and known["answer"]:
            return
        self.chat(id, answer_view(record, known, self.good.get(record.id)))
        if live and not person:  # a person's reply is none to a place in chat-questions
            self.answered.add(now_ms)
            self.questions.left((record.origin.partition, record.origin.offset), at_ms)

    def add_handover(self, record: Handover) -> None:
        if self.handovers.add(record):
            self.changed["handovers"].add(record.conversation_id)

    def add_reply(self, record: HandoverReply, at: datetime) -> None:
        """What it says is shown once it is passed on, as an answer."""
        if self.handovers.replied(record, at):
            self.changed["handovers"].add(record.conversation_id)

    def add_feedback(self, record: ChatFeedback) -> None:
        """The last one on an answer holds."""
        self.good.pop(record.answer_id, None)
        self.good[record.answer_id] = record.good
        trim(self.good, ACTIONS)
        for id, view in self.chats.items():
            if view["answer"] and view["answer"]["id"] == record.answer_id:
                self.chat(id, view | {"good": record.good})
                return

    def add_refusal(self, source: str, place: Place, reason: str, detail: str, at_ms: int, live: bool) -> None:
        """A dead letter: `source` is "news", "chat-questions" or another topic's name."""
        self.refusals[reason] += 1
        place_view = {"topic": source, "partition": place[0], "offset": place[1]}
        self.refused.append({"reason": reason, "detail": detail[:300], "at_ms": at_ms, **place_view})
        self.refused_changed = True
        backlog = {"news": self.news, "chat-questions": self.questions}.get(source)
        if backlog and live:
            backlog.left(place, at_ms)
        question = self.asked.get(place, "") if source == "chat-questions" else ""
        self.talks.refuse(question, reason, datetime.fromtimestamp(at_ms / 1000, UTC))
        asked = self.chats.get(question)
        if asked and not asked["answer"]:
            self.chat(asked["id"], asked | {"refused": reason})

    def chat(self, question: str, view: View) -> None:
        self.chats[question] = view
        trim(self.chats, CHATS)
        self.changed["chats"].add(question)

    def status(self, now_ms: int) -> View:
        """The figures at the top of the page; rates are zero, not unknown, while nothing comes."""
        return {
            "now_ms": now_ms,
            "broker": self.broker,
            "trouble": self.trouble,
            "newest_ms": self.newest_ms,
            "headlines": self.scored.total,
            "headlines_per_s": self.scored.per_second(now_ms),
            "headlines_series": self.scored.series(now_ms),
            "answers": self.answered.total,
            "answers_per_s": self.answered.per_second(now_ms),
            "latency_s": self.news.median_s(),
            "answer_latency_s": self.questions.median_s(),
            "waiting": len(self.news.waiting) + len(self.questions.waiting),
            "waiting_s": max(self.news.oldest_s(now_ms) or 0, self.questions.oldest_s(now_ms) or 0),
            "entities": len(self.entities),
            "dead_letters": self.dead_letters,
            "unreadable": self.unreadable,
        }

    def snapshot(self, now_ms: int) -> View:
        return {
            "status": self.status(now_ms),
            "headlines": [view for _, _, view in self.headlines],
            "entities": [stream.view() for stream in self.entities.values()],
            "groups": [stream.view() for stream in self.groups.values()],
            "alerts": list(self.alerts.values()),
            "acks": list(self.acks.values()),
            "mutes": list(self.mutes.values()),
            "chats": list(self.chats.values()),
            "handovers": list(self.handovers.views.values()),
            "refused": list(self.refused),
            "refusals": dict(self.refusals),
            "skipped": 0,
        }

    def delta(self) -> View:
        """What changed since the last call; empty when nothing did. Headlines oldest first."""
        changed: dict[str, Any] = {}
        if self.new:
            changed |= {"headlines": list(self.new), "skipped": self.skipped}
        views: dict[str, dict[str, Any]] = {
            "alerts": self.alerts,
            "acks": self.acks,
            "mutes": self.mutes,
            "chats": self.chats,
        }
        views["handovers"] = self.handovers.views
        for part, streams in (("entities", self.entities), ("groups", self.groups)):
            views[part] = {key: streams[key].view() for key in self.changed[part] & streams.keys()}
        for kind, keys in self.changed.items():
            if keys:
                changed[kind] = [view for key, view in views[kind].items() if key in keys]
        if self.refused_changed:
            changed |= {"refused": list(self.refused), "refusals": dict(self.refusals)}
        self.forget_changes()
        return changed

    def forget_changes(self) -> None:
        self.new.clear()
        self.skipped = 0
        self.refused_changed = False
        for keys in self.changed.values():
            keys.clear()
