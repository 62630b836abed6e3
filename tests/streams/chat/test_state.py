"""A conversation's state: bounded whatever is said, forgotten in time."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.chat.state import BYTES, LINES, SLOTS, clip, opened, say, with_slot
from streams.records import Conversation

NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)


@given(st.lists(st.text(max_size=3000), max_size=40))
def test_a_transcript_is_bounded_and_holds_the_last_lines(texts: list[str]) -> None:
    state = Conversation(id="c")
    for text in texts:
        state = say(state, "customer", text, NOW)
    assert len(state.transcript) <= LINES
    assert sum(len(line.text.encode("utf-8", "surrogatepass")) for line in state.transcript) <= BYTES
    if texts:
        assert state.transcript[-1].text == clip(texts[-1], 400)


def test_ten_thousand_turns_leave_a_small_state() -> None:
    state = Conversation(id="c")
    for n in range(10_000):
        state = with_slot(say(state, "customer" if n % 2 else "gretchen", "é" * 500, NOW), f"slot {n}", "v" * 500)
    assert len(msgspec.json.encode(state)) < 8_000 and len(state.slots) == SLOTS


@pytest.mark.parametrize(("silence_s", "kept"), [(1799, True), (1801, False)])
def test_silence_ends_a_conversation_but_not_what_it_has_seen(silence_s: float, kept: bool) -> None:
    state = Conversation(id="c", turns=3, intent="card", updated_at=NOW, question_offset=7, reply_offset=2)
    found = opened(state, NOW + timedelta(seconds=silence_s), 1800, 86_400)
    assert (found.intent == "card") == kept
    assert (found.question_offset, found.reply_offset) == (7, 2)


def test_a_person_keeps_a_conversation_longer() -> None:
    state = Conversation(id="c", handed_over=NOW, updated_at=NOW)
    assert opened(state, NOW + timedelta(hours=2), 1800, 86_400).handed_over == NOW
    assert opened(state, NOW + timedelta(hours=25), 1800, 86_400).handed_over is None


@given(st.text(), st.integers(1, 20))
def test_a_clipped_text_is_short_enough_and_begins_alike(text: str, most: int) -> None:
    assert len(clip(text, most)) <= most
    assert text.startswith(clip(text, most).removesuffix("…"))
