"""What conversations must be, by the pure functions: each answer follows from the state that the one before it left."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from streams.chat.handover import reply_answer
from streams.chat.turns import Asked
from streams.records import Answer, Conversation, HandoverReply, Question
from tests.support import talk

Place = tuple[int, int]
"""Partition and offset."""


def conversed(
    answers: Iterable[Answer],
    questions: Mapping[Place, tuple[Question, datetime]],
    replies: Mapping[Place, tuple[HandoverReply, datetime]],
) -> tuple[dict[str, Conversation], set[str]]:
    """The state of each conversation after all its `answers`, given as they lie in the topic, and the ids of all
    hand-overs. Asserts that each answer is what `talk` says, in the order asked. `questions` and `replies` by place,
    with the time they came.
    """
    states, handovers = dict[str, Conversation](), set[str]()
    for answer in answers:
        place, name = (answer.origin.partition, answer.origin.offset), answer.conversation_id
        state = states.get(name, Conversation(id=name))
        if answer.way == "person":
            assert answer.origin.offset > state.reply_offset, answer.id
            wanted = reply_answer(state, *replies[place], answer.origin)
        else:
            assert answer.origin.offset > state.question_offset, answer.id
            wanted, handover = talk.turn_of(Asked(state, *questions[place], answer.origin))
            handovers |= {handover.id} if handover else set()
        assert answer == wanted
        assert answer.conversation is not None
        states[name] = answer.conversation
    return states, handovers
