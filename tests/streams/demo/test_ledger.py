"""The ledger settles each origin once and names what is missing."""

from datetime import UTC, datetime

import msgspec
import pytest

from models.errors import Unaccounted
from streams.demo.ledger import Ledger
from streams.records import Alert, Answer, Origin, ScoredNews, Way

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def scored(offset: int) -> bytes:
    return msgspec.json.encode(
        ScoredNews(
            id=f"n{offset}",
            text="text",
            published_at=NOW,
            source=None,
            url=None,
            sentiment="neutral",
            probabilities={},
            topic="Macro",
            topic_probability=0.5,
            entities=[],
            truncated=False,
            model="fake/1",
            origin=Origin(0, offset),
        )
    )


def answer(offset: int, abstained: bool, way: Way = "template") -> bytes:
    return msgspec.json.encode(
        Answer(
            id=f"q{offset}:answer",
            question_id=f"q{offset}",
            conversation_id="c",
            question="?",
            text="…",
            abstained=abstained,
            way=way,
            intent=None,
            confidence=0.1,
            alternatives={},
            answered_at=NOW,
            model="fake/1",
            origin=Origin(0, offset),
        )
    )


def alert(episode: str, status: str) -> bytes:
    return msgspec.json.encode(
        msgspec.convert(
            {
                "id": f"{episode}:{status}",
                "episode": episode,
                "entity": "e",
                "name": "E",
                "status": status,
                "severity": "warning",
                "at": NOW,
                "opened_at": NOW,
                "summary": "s",
                "observed": 5,
                "expected": 0.5,
                "p_value": 0.001,
                "evidence": [],
            },
            Alert,
        )
    )


def refused(topic: str, offset: int) -> dict[str, str]:
    return {"topic": topic, "partition": "0", "offset": str(offset), "reason": "not-json"}


def full_ledger() -> Ledger:
    ledger = Ledger()
    for offset in range(3):
        ledger.send("news", 0, offset)
    ledger.send("chat-questions", 0, 0)
    ledger.enter("scored-news", scored(0), {})
    ledger.enter("scored-news", scored(1), {})
    ledger.enter("dead-letters", b"\xff", refused("news", 2))
    ledger.enter("chat-answers", answer(0, abstained=True), {})
    return ledger


def test_a_run_with_all_settled_balances() -> None:
    ledger = full_ledger()
    ledger.check()
    totals = ledger.totals()
    assert totals["news"] == totals["scored"] + totals["dead_letters"] == 3
    assert (totals["questions"], totals["answers"], totals["abstained"]) == (1, 1, 1)


def test_a_missing_record_is_named() -> None:
    ledger = full_ledger()
    ledger.send("news", 3, 7)
    with pytest.raises(Unaccounted, match=r"1 records went in and did not come out.*news/3@7"):
        ledger.check()


def test_an_output_without_an_input_is_named() -> None:
    ledger = full_ledger()
    ledger.enter("scored-news", scored(99), {})
    with pytest.raises(Unaccounted, match="1 came out that did not go in"):
        ledger.check()


def test_a_repeated_output_counts_once() -> None:
    ledger = full_ledger()
    assert ledger.enter("scored-news", scored(0), {}) is None
    ledger.enter("chat-answers", answer(0, abstained=True), {})
    assert ledger.totals() == full_ledger().totals()


def test_an_episode_counts_once_whatever_follows_its_opening() -> None:
    ledger = Ledger()
    assert ledger.enter("alerts", alert("e1", "opened"), {}) is not None
    for status in ("opened", "grew", "resolved"):
        assert ledger.enter("alerts", alert("e1", status), {}) is None
    assert ledger.totals()["alerts"] == 1


def test_hand_overs_are_counted_once_and_a_persons_reply_settles_no_question() -> None:
    ledger = Ledger()
    ledger.send("chat-questions", 0, 0)
    ledger.enter("chat-answers", answer(0, abstained=False, way="person"), {})  # its origin is in handover-replies
    assert ledger.open_places() == {("chat-questions", 0, 0)}
    for _ in range(2):
        ledger.enter("handovers", b"{}", {"ce_id": "q0:handover"})
    ledger.enter("chat-answers", answer(0, abstained=True, way="handover"), {})
    ledger.check()
    totals = ledger.totals()
    assert (totals["answers"], totals["abstained"], totals["handovers"], totals["by_template"]) == (1, 1, 1, 0)


def test_answers_are_counted_by_their_way() -> None:
    ledger = Ledger()
    for offset, way in enumerate(("template", "documents", "documents", "live", "small-talk")):
        ledger.enter("chat-answers", answer(offset, abstained=False, way=way), {})  # type: ignore[arg-type]
    totals = ledger.totals()
    assert [totals[name] for name in ("answers", "by_template", "by_documents", "by_live")] == [5, 1, 2, 1]
