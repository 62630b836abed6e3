"""The answers' topic folded: the state that has seen most, whoever wrote what behind it."""

from datetime import UTC, datetime, timedelta

import msgspec

from streams.chat.memory import NOTHING, conversation_in, fold_answer, heard_before
from streams.records import Answer, Conversation, Origin

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def record(question_offset: int, reply_offset: int = -1, partition: int = 1, state: bool = True) -> bytes:
    conversation = Conversation(id="c", question_offset=question_offset, reply_offset=reply_offset, updated_at=NOON)
    return msgspec.json.encode(
        Answer(
            id="q:answer", question_id="q", conversation_id="c", question="?", text="…", abstained=False, intent=None,
            confidence=1.0, alternatives={}, answered_at=NOON, model="", origin=Origin(partition, question_offset),
            conversation=conversation if state else None,
        )
    )  # fmt: skip


def folded(*records: bytes, partition: int = 1) -> tuple[int, int] | None:
    value = None
    for each in records:
        value = fold_answer(value, each)
    assert value is not None
    state = conversation_in(value, partition)
    return (state.question_offset, state.reply_offset) if state else None


def test_the_last_record_holds_the_state() -> None:
    assert folded(record(3), record(5), record(5, 0), record(8, 0)) == (8, 0)


def test_a_record_that_is_read_again_changes_nothing() -> None:
    assert folded(record(3), record(5), record(3), record(5)) == (5, -1)


def test_a_zombie_that_has_seen_less_of_either_topic_takes_nothing_back() -> None:
    assert folded(record(5, 2), record(4, 2)) == (5, 2)
    assert folded(record(5, 3), record(6, 2)) == (5, 3)


def test_records_without_a_state_and_of_others_change_nothing() -> None:
    assert folded(record(3, state=False)) is None
    assert folded(record(3), record(9, state=False), b"\xff", b"{}", b"[1]", b'{"origin": 7}') == (3, -1)
    assert fold_answer(None, b"{}") == NOTHING


def test_a_state_is_of_its_partition() -> None:
    assert folded(record(9, partition=0), partition=1) is None
    assert folded(record(9, partition=0), record(2, partition=1), partition=1) == (2, -1)


def test_a_conversation_is_old_when_nothing_was_heard_since() -> None:
    value = fold_answer(None, record(3))
    assert heard_before(value, NOON + timedelta(seconds=1))
    assert not heard_before(value, NOON)
    assert not heard_before(NOTHING, NOON)
