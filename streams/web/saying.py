"""What people say in a conversation, as the records that go to Kafka. Pure: identifiers and clocks are passed in."""

from datetime import datetime

from streams.records import ChatFeedback, HandoverReply, Question
from streams.web.handovers import Handovers
from streams.web.take import Judged, Refused, Replied


def question_of(text: str, id: str, conversation: str, now: datetime) -> Question:
    """Raises Refused for a text that says nothing."""
    if not text.strip():
        raise Refused(400, "the question is empty")
    return Question(id=id, text=text, conversation_id=conversation, asked_at=now)


def feedback_of(judged: Judged, conversation: str | None, now: datetime) -> ChatFeedback:
    """`conversation`: where the page knows the answer to stand. Raises Refused if neither says where."""
    where = conversation or judged.conversation_id
    if where is None:
        raise Refused(404, "the page knows no such answer any more; send its conversation_id, too")
    return ChatFeedback(
        id=f"{judged.answer_id}:feedback",
        answer_id=judged.answer_id,
        conversation_id=where,
        good=judged.good,
        intent=judged.intent,
        comment=judged.comment,
        at=now,
    )


def reply_of(replied: Replied, conversation: str, id: str, now: datetime) -> HandoverReply:
    """Raises Refused for a reply that neither says nor closes anything, or is by nobody."""
    if not replied.text.strip() and not replied.closes:
        raise Refused(400, "the reply is empty; to give the conversation back without a word, send closes: true")
    if not replied.by.strip():
        raise Refused(400, "the reply is by nobody; customers are told who writes")
    return HandoverReply(
        id=id,
        conversation_id=conversation,
        text=replied.text.strip(),
        by=replied.by.strip(),
        closes=replied.closes,
        at=now,
    )


def with_person(handovers: Handovers, conversation: str) -> str:
    """The conversation, if a person has it. Raises Refused."""
    view = handovers.views.get(conversation)
    if view is None or not view.open:
        raise Refused(404, "no person has a conversation of this id, or the page knows it no more")
    return conversation
