"""What the page can do beyond its board."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from streams.news.windows import WindowState
from streams.records import AlertAction, ChatFeedback, HandoverReply, Question


@dataclass(frozen=True)
class Reach:
    """All return once Kafka has it, and raise BrokerUnavailable when Kafka does not answer."""

    ask: Callable[[Question], Awaitable[None]]
    act: Callable[[AlertAction], Awaitable[None]]
    reply: Callable[[HandoverReply], Awaitable[None]]
    judge: Callable[[ChatFeedback], Awaitable[None]]
    read: Callable[[str], WindowState | None]  # a stream's state; called in a thread, may take a second
