"""Conversations that went well, or that a person answered, as rows that `gretchen chat learn` reads."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from streams.records import Answer, ChatFeedback


def rows_of(answers: Iterable[Answer], feedback: Mapping[str, ChatFeedback]) -> Iterator[dict[str, Any]]:
    """Turns of the conversations in which somebody liked or disliked an answer, or a person wrote one; `feedback` is by
    answer id. What Gretchen said is left out unless it was liked, so that it teaches nothing else."""
    conversations: dict[str, dict[str, Answer]] = {}
    for answer in answers:
        conversations.setdefault(answer.conversation_id, {})[answer.id] = answer
    for name, of in conversations.items():
        if any(answer.way == "person" or answer.id in feedback for answer in of.values()):
            for answer in sorted(of.values(), key=lambda each: each.answered_at):
                yield from turns_of(name, answer, feedback.get(answer.id))


def turns_of(conversation: str, answer: Answer, judged: ChatFeedback | None) -> Iterator[dict[str, Any]]:
    said = {"conversation": conversation, "at": answer.answered_at.isoformat()}
    if answer.way == "person":
        yield said | {"role": "agent", "text": answer.text}
        return
    told = {} if judged is None else {"good": judged.good, "intent": judged.intent or answer.intent}
    yield said | {"role": "customer", "text": answer.question} | told
    if judged is not None and judged.good:
        yield said | {"role": "agent", "text": answer.text}
