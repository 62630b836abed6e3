"""What the page shows of the records it reads."""

from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from streams.records import HandoverReply, Record
from streams.topics import (
    ALERT_ACTIONS,
    ALERTS,
    CHAT_ANSWERS,
    CHAT_FEEDBACK,
    CHAT_QUESTIONS,
    DEAD_LETTERS,
    HANDOVER_REPLIES,
    HANDOVERS,
    NEWS,
    SCORED_NEWS,
    SUMMARIES,
    Topic,
)
from streams.web.board import ACTIONS, ENTITIES, GROUPS, HEADLINES, HEADLINES_PER_DELTA, Board
from streams.web.board import ALERTS as ALERTS_KEPT
from streams.web.handovers import KEPT
from streams.web.read import apply
from streams.web.views import link
from tests.support.page_records import (
    NOON,
    action,
    alert,
    answer,
    evidence,
    handed_over,
    judgement,
    passed_on,
    question,
    scored,
    summary,
)


class Consumed(NamedTuple):
    value: bytes | None
    partition: int = 0
    offset: int = 0
    timestamp: int = 5000
    headers: tuple[tuple[str, bytes], ...] = ()


def put(board: Board, topic: Topic, record: Record | bytes, live: bool = True, prefix: str = "", **fields: Any) -> None:
    value = record if isinstance(record, bytes) else msgspec.json.encode(record)
    apply(board, topic, Consumed(value, **fields), 5000, live, prefix)


def test_a_headline_is_shown_once_however_often_it_comes() -> None:
    board = Board()
    for offset in range(3):
        put(board, SCORED_NEWS, scored("a", "Acme rises", "positive", {"Acme": "positive"}), offset=offset)
    assert [view["text"] for view in board.snapshot(5000)["headlines"]] == ["Acme rises"]
    assert board.scored.total == 1


def test_headlines_stand_in_the_order_of_the_broker_whatever_partition_is_read_first() -> None:
    board = Board()
    for partition, timestamps in enumerate([(1000, 4000), (2000, 3000)]):
        for timestamp in timestamps:
            put(board, SCORED_NEWS, scored(f"{timestamp}", f"At {timestamp}"), partition=partition, timestamp=timestamp)
    assert [view["id"] for view in board.snapshot(0)["headlines"]] == ["1000", "2000", "3000", "4000"]


def test_everything_is_bounded() -> None:
    board = Board()
    for i in range(1000):
        put(board, SCORED_NEWS, scored(f"n{i}", f"Headline {i}"), timestamp=i)
        put(board, SUMMARIES, summary(f"E{i}", 1, 0.5))
        put(board, SUMMARIES, summary(f"topic:T{i}", 1, 0.5))
        put(board, ALERTS, alert(f"E{i}"))
        put(board, ALERT_ACTIONS, action("ack", f"e{i}-1"))
        put(board, ALERT_ACTIONS, action("mute", f"e{i}"))
        put(board, CHAT_QUESTIONS, question(f"q{i}", "Why?"), offset=i)
        put(board, HANDOVERS, handed_over(question(f"q{i}", "Why?", f"c{i}"))[0])
        put(board, CHAT_FEEDBACK, judgement(f"q{i}:answer", True))
    shown = board.snapshot(0)
    assert len(shown["headlines"]) == HEADLINES
    assert shown["headlines"][-1]["id"] == "n999"
    assert len(shown["entities"]) == ENTITIES
    assert len(shown["groups"]) == GROUPS
    assert len(shown["alerts"]) == ALERTS_KEPT
    assert len(shown["acks"]) == len(shown["mutes"]) == ACTIONS
    assert len(shown["chats"]) < 200
    assert len(shown["handovers"]) == KEPT
    assert len(board.good) == ACTIONS
    assert len(msgspec.json.encode(shown)) < 1_000_000


def test_a_delta_holds_what_changed_and_only_once() -> None:
    board = Board()
    put(board, SCORED_NEWS, scored("a", "One"))
    put(board, SUMMARIES, summary("Acme", 1, 0.5))
    first = board.delta()
    assert [view["id"] for view in first["headlines"]] == ["a"]
    assert [view["name"] for view in first["entities"]] == ["Acme"]
    assert "alerts" not in first
    assert board.delta() == {}


def test_a_flood_shows_the_latest_headlines_and_says_how_many_it_skipped() -> None:
    board = Board()
    for i in range(HEADLINES_PER_DELTA + 7):
        put(board, SCORED_NEWS, scored(f"n{i}", "x"))
    delta = board.delta()
    assert (len(delta["headlines"]), delta["skipped"]) == (HEADLINES_PER_DELTA, 7)
    assert delta["headlines"][-1]["id"] == f"n{HEADLINES_PER_DELTA + 6}"


def test_an_entity_keeps_its_latest_state_and_one_point_for_five_minutes() -> None:
    board = Board()
    for applied, (minutes, index) in enumerate([(0, 0.1), (2, 0.2), (10, -0.3), (3, -0.4)], 1):
        put(board, SUMMARIES, summary("Acme", applied, index, minutes))
    [entity] = board.snapshot(0)["entities"]
    assert entity["line"] == [0.2, -0.4]  # two in the first five minutes; late news moves the last point
    assert entity["index"] == -0.4


def test_an_old_summary_that_comes_again_changes_nothing() -> None:
    board = Board()
    put(board, SUMMARIES, summary("Acme", 5, 0.5, 10))
    put(board, SUMMARIES, summary("Acme", 4, 0.1, 5))
    assert board.snapshot(0)["entities"][0]["index"] == 0.5


def test_a_count_that_starts_anew_is_followed() -> None:
    board = Board()
    put(board, SUMMARIES, summary("Acme", 500, 0.5, 10))
    put(board, SUMMARIES, summary("Acme", 1, -0.1, 20))
    assert board.snapshot(0)["entities"][0]["index"] == -0.1


def test_an_episode_goes_from_opened_to_resolved_and_keeps_its_evidence() -> None:
    board = Board()
    put(board, ALERTS, alert("Acme", "opened", 0, texts=("Acme burns", "Acme sinks")))
    put(board, ALERTS, alert("Acme", "grew", 5, texts=("Acme burns", "Acme sinks", "Acme falls")))
    put(board, ALERTS, alert("Acme", "resolved", 60, texts=()))
    put(board, ALERTS, alert("Acme", "opened", 0, texts=("Acme burns",)))  # again, after a crash
    [shown] = board.snapshot(0)["alerts"]
    assert shown["status"] == "resolved"
    assert [item["text"] for item in shown["evidence"]] == ["Acme burns", "Acme sinks", "Acme falls"]


def test_groups_are_no_entities_and_a_storm_is_neither() -> None:
    board = Board()
    for name in ("Acme", "topic:Earnings", "sector:technology", "all:"):
        put(board, SUMMARIES, summary(name, 1, 0.5, trend=0.25, z=3.14))
    put(board, SUMMARIES, msgspec.structs.replace(summary("all:", 1, 0.0), entity="storm:"))
    shown = board.snapshot(0)
    assert [view["id"] for view in shown["entities"]] == ["acme"]
    groups = [(view["scope"], view["name"], view["trend"], view["z"]) for view in shown["groups"]]
    assert groups == [
        ("topic", "Earnings", 0.25, 3.1),
        ("sector", "technology", 0.25, 3.1),
        ("all", "All news", 0.25, 3.1),
    ]
    changed = board.delta()
    assert (len(changed["entities"]), len(changed["groups"])) == (1, 3)


def test_an_alert_keeps_its_series_members_and_other_sources() -> None:
    board = Board()
    told = alert("Storm", kind="storm", members=("acme", "zenith"), held="quiet hours")
    told = msgspec.structs.replace(told, evidence=[evidence("Bad", also_in=("Bourse Brief",))])
    put(board, ALERTS, told)
    put(board, ALERTS, alert("Storm", "resolved", 9, texts=(), kind="storm", series=None))
    [shown] = board.snapshot(0)["alerts"]
    assert (shown["kind"], shown["status"], shown["members"]) == ("storm", "resolved", ["acme", "zenith"])
    assert shown["evidence"][0]["also_in"] == ["Bourse Brief"]
    assert (shown["series"]["threshold"], len(shown["series"]["values"])) == (0.5, 36)


def test_the_last_action_on_a_stream_holds_and_is_told_to_everyone() -> None:
    board = Board()
    put(board, ALERT_ACTIONS, action("ack", "acme-1", "Ada"))
    put(board, ALERT_ACTIONS, action("mute", "acme", "Ada"))
    put(board, ALERT_ACTIONS, action("unmute", "acme", "Bob"))
    told = board.delta()
    assert [(view["key"], view["by"]) for view in told["acks"]] == [("acme-1", "Ada")]
    assert [(view["key"], view["by"], view["until"]) for view in told["mutes"]] == [("acme", "Bob", None)]
    assert board.snapshot(0)["mutes"] == told["mutes"]


def test_open_alerts_outlive_resolved_ones_when_there_are_too_many() -> None:
    board = Board()
    put(board, ALERTS, alert("First"))
    for i in range(2 * ALERTS_KEPT):
        put(board, ALERTS, alert(f"E{i}", "resolved"))
    assert "first-1" in board.alerts
    assert len(board.alerts) == ALERTS_KEPT


def test_a_question_waits_until_its_answer_comes_in_whatever_order() -> None:
    asked = question("q1", "Where is my card?")
    early, late = Board(), Board()
    put(early, CHAT_QUESTIONS, asked)
    assert early.snapshot(0)["chats"][0]["answer"] is None
    assert len(early.questions.waiting) == 1
    put(early, CHAT_ANSWERS, answer(asked, "On its way."))
    put(late, CHAT_ANSWERS, answer(asked, "On its way."))
    put(late, CHAT_QUESTIONS, asked)
    for board in (early, late):
        [chat] = board.snapshot(0)["chats"]
        assert (chat["question"], chat["answer"]["text"]) == ("Where is my card?", "On its way.")
        assert not board.questions.waiting


def test_a_person_and_gretchen_speak_in_one_conversation() -> None:
    board, asked = Board(), question("q1", "A person, please")
    record, told = handed_over(asked, NOON)
    assert told.conversation is not None
    put(board, CHAT_QUESTIONS, asked)
    put(board, HANDOVERS, record)
    put(board, CHAT_ANSWERS, told)
    reply = HandoverReply(id="r1", conversation_id="c1", text="Hello, I am Ada.", by="Ada", closes=True)
    put(board, HANDOVER_REPLIES, reply)
    for _ in range(2):
        put(board, CHAT_ANSWERS, passed_on(reply, told.conversation, NOON + timedelta(minutes=1)))
    first, second = board.snapshot(0)["chats"]
    assert (first["answer"]["way"], first["answer"]["abstained"]) == ("handover", True)
    assert (second["question"], second["answer"]["way"], second["answer"]["by"]) == ("", "person", "Ada")
    assert board.answered.total == 1  # a person's reply is none of Gretchen's
    changed = board.delta()
    assert [view.open for view in changed["handovers"]] == [False]
    assert msgspec.json.encode(changed)
    assert board.delta() == {}


def test_the_last_judgement_on_an_answer_is_shown_with_it_in_whatever_order() -> None:
    board = Board()
    put(board, CHAT_FEEDBACK, judgement("q1:answer", False))
    put(board, CHAT_ANSWERS, answer(question("q1", "Why?"), "So."))
    assert board.delta()["chats"][0]["good"] is False
    put(board, CHAT_FEEDBACK, judgement("q1:answer", True))
    assert board.delta()["chats"][0]["good"] is True


def test_a_question_waits_since_kafka_has_it_whatever_time_it_names() -> None:
    board = Board()
    put(board, CHAT_QUESTIONS, question("q1", "Where is my card?"), timestamp=1_700_000_000_000)
    assert board.snapshot(0)["chats"][0]["asked_at"].timestamp() == 1_700_000_000


def test_a_refused_question_says_so_and_waits_no_longer() -> None:
    board = Board()
    put(board, CHAT_QUESTIONS, question("q1", "Why?"), partition=2, offset=7)
    told = {"reason": "text_too_long", "detail": "x", "topic": "pre-chat-questions", "partition": "2", "offset": "7"}
    headers = tuple((name, value.encode()) for name, value in told.items())
    put(board, DEAD_LETTERS, b"\xff", headers=headers, prefix="pre-")
    assert board.snapshot(0)["chats"][0]["refused"] == "text_too_long"
    assert not board.questions.waiting
    assert board.snapshot(0)["refusals"] == {"text_too_long": 1}


def test_a_refused_headline_is_not_waited_for() -> None:
    board = Board()
    put(board, NEWS, b"{", partition=1, offset=3)
    assert board.status(9000)["waiting"] == 1
    headers = (("reason", b"not_json"), ("topic", b"news"), ("partition", b"1"), ("offset", b"3"))
    put(board, DEAD_LETTERS, b"{", headers=headers)
    assert board.status(9000)["waiting"] == 0


def test_what_was_there_before_the_page_counts_for_no_rate() -> None:
    board = Board()
    put(board, SCORED_NEWS, scored("a", "Old"), live=False)
    put(board, SCORED_NEWS, scored("b", "New"), live=True)
    assert board.status(6000)["headlines"] == 1
    assert len(board.snapshot(0)["headlines"]) == 2


def test_the_time_a_verdict_took_is_measured_between_the_topics() -> None:
    board = Board()
    put(board, NEWS, b"{}", offset=9, timestamp=1000)
    put(board, SCORED_NEWS, scored("a", "x", offset=9), timestamp=1300)
    assert board.status(5000)["latency_s"] == 0.3


@given(
    st.binary(max_size=200),
    st.sampled_from([NEWS, SCORED_NEWS, SUMMARIES, ALERTS, ALERT_ACTIONS, CHAT_QUESTIONS, CHAT_ANSWERS, DEAD_LETTERS]),
)
def test_no_bytes_whatever_stop_the_page(value: bytes, topic: Topic) -> None:
    board = Board()
    put(board, topic, value, headers=(("partition", value), ("offset", b"-"), ("topic", value), ("reason", value)))
    msgspec.json.encode(board.snapshot(0))


def test_only_web_links_are_followed() -> None:
    assert link("https://example.com/a?b=c") == "https://example.com/a?b=c"
    for url in (
        "javascript:alert(1)",
        "data:text/html,x",
        "//example.com",
        "http://",
        "http://[",
        "file:///etc",
        "",
        None,
    ):
        assert link(url) is None


def test_a_pasted_article_is_cut_and_so_are_labels_and_links() -> None:
    board = Board()
    much = "word " * 4000
    put(
        board,
        SCORED_NEWS,
        scored("a", much, entities={much: "neutral"}, source=much, topic=much, url="https://e/" + much),
    )
    [view] = board.snapshot(0)["headlines"]
    assert len(view["text"]) == 600
    assert {len(view["source"]), len(view["topic"]), len(view["entities"][0]["name"])} == {80}
    assert view["url"] is None


def test_times_stay_exact_over_the_wire() -> None:
    board = Board()
    put(board, SCORED_NEWS, scored("a", "x", at=NOON + timedelta(seconds=7)))
    assert b'"2026-03-02T12:00:07Z"' in msgspec.json.encode(board.snapshot(0))
