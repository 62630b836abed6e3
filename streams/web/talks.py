"""What was said in conversations, as far as the page remembers: bounded, in order, told to who listens. Pure."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import msgspec

from streams.records import Answer, Question
from streams.web.views import SAID_CHARS, Moment, Told, cut, told_of, trim

LINES = 5000  # of all conversations together; those silent the longest go first
LINES_OF_ONE = 200

Key = tuple[str, str]
Hear = Callable[["Event"], None]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened in a conversation.

    "received": Kafka has the question `id`, which says `text`. "answered" and "handed_over": what the customer is told
    about question `id`. "person": what somebody wrote, in the reply `id`. "refused": question `id` is answered by
    nobody, for a `reason`.
    """

    type: Literal["received", "answered", "handed_over", "person", "refused"]
    id: str
    conversation_id: str
    at: Moment
    text: str = ""
    answer: Told | None = None
    reason: str = ""

    @property
    def key(self) -> Key:
        """The same for what is told twice: a question is settled once."""
        return (self.type if self.type in ("received", "person") else "settled", self.id)


def received(record: Question, at: datetime) -> Event:
    """`at`: when Kafka got it."""
    conversation = record.conversation_id or record.id
    return Event(type="received", id=record.id, conversation_id=conversation, at=at, text=cut(record.text, SAID_CHARS))


def answered(record: Answer) -> Event:
    told = told_of(record)
    kind: dict[str, Literal["handed_over", "person"]] = {"handover": "handed_over", "person": "person"}
    return Event(
        type=kind.get(told.way, "answered"),
        id=record.question_id,
        conversation_id=record.conversation_id,
        at=record.answered_at,
        answer=told,
    )


@dataclass
class Talk:
    """A conversation's events. `handed_over`: since when a person has it."""

    lines: dict[Key, Event] = field(default_factory=dict)
    handed_over: datetime | None = None
    told_at: datetime | None = None

    def add(self, event: Event) -> None:
        self.lines[event.key] = event
        settled = self.lines.pop(("settled", event.id), None) if event.type == "received" else None
        if settled:  # read before its question: the topics are read side by side
            self.lines[settled.key] = settled


class Talks:
    def __init__(self, lines: int = LINES) -> None:
        self.most = lines
        self.lines = 0
        self.talks: OrderedDict[str, Talk] = OrderedDict()
        self.questions: dict[str, str] = {}
        self.answers: dict[str, str] = {}
        self.listeners: dict[str, list[Hear]] = {}

    def ask(self, record: Question, at: datetime) -> None:
        self.questions[record.id] = record.conversation_id or record.id
        trim(self.questions, self.most)
        self.add(received(record, at))

    def answer(self, record: Answer) -> None:
        """The question is kept as the answer quotes it: with what is personal masked."""
        self.answers[record.id] = record.conversation_id
        trim(self.answers, self.most)
        self.add(answered(record))
        talk = self.talks[record.conversation_id]
        asked = talk.lines.get(("received", record.question_id))
        if asked and record.way != "person":
            talk.lines[asked.key] = msgspec.structs.replace(asked, text=cut(record.question, SAID_CHARS))
        if record.conversation and not (talk.told_at and talk.told_at > record.answered_at):
            talk.handed_over, talk.told_at = record.conversation.handed_over, record.answered_at

    def refuse(self, question: str, reason: str, at: datetime) -> None:
        conversation = self.questions.get(question)
        if conversation is not None:
            self.add(Event(type="refused", id=question, conversation_id=conversation, at=at, reason=reason))

    def add(self, event: Event) -> None:
        """Nothing is added twice."""
        talk = self.talks.setdefault(event.conversation_id, Talk())
        if event.key in talk.lines:
            return
        self.talks.move_to_end(event.conversation_id)
        self.lines -= len(talk.lines)
        talk.add(event)
        trim(talk.lines, LINES_OF_ONE)
        self.lines += len(talk.lines)
        while self.lines > self.most and len(self.talks) > 1:
            self.lines -= len(self.talks.popitem(last=False)[1].lines)
        for hear in list(self.listeners.get(event.conversation_id, ())):
            hear(event)

    def settled(self, question: str) -> Event | None:
        """What became of a question, if anything did."""
        talk = self.talks.get(self.questions.get(question, ""))
        return talk.lines.get(("settled", question)) if talk else None

    def listen(self, conversation: str, hear: Hear) -> Callable[[], None]:
        """Calls `hear` with what happens from now on; it may not raise. Returns what ends that."""
        self.listeners.setdefault(conversation, []).append(hear)

        def stop() -> None:
            heard = self.listeners[conversation]
            heard.remove(hear)
            if not heard:
                del self.listeners[conversation]

        return stop
