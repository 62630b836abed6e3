"""Questions are paired with the replies that solved them, or with none."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.chat.learn.conversations import Conversations, Line
from streams.chat.learn.pairs import Pair, pairs_in, pairs_of


def paired(*turns: str) -> list[tuple[str, str]]:
    """Turns as "c: …" and "a: …"."""
    lines = [Line("customer" if turn.startswith("c") else "agent", turn[3:]) for turn in turns]
    return [(pair.question, pair.reply) for pair in pairs_in("one", lines, Counter())]


def test_greetings_thanks_and_names_are_no_part_of_a_pair() -> None:
    assert paired(
        "c: Good morning!",
        "a: Good morning, you're talking to Ann. How can I help you?",
        "c: where do I find my statements?",
        "a: Dear Ms Ferrow, they are in the app under Documents > Statements.",
        "c: thanks a lot",
        "a: You're welcome.",
    ) == [("where do I find my statements?", "they are in the app under Documents > Statements.")]


def test_a_reply_that_asks_back_or_stalls_solves_nothing() -> None:
    assert paired(
        "c: my new card has not come yet",
        "a: May I have your address, please?",
        "c: Lark Lane 9 in Hull",
        "a: Let me look. One moment please.",
        "a: It left us on Monday and takes ten working days.",
        "c: ok",
    ) == [("my new card has not come yet", "It left us on Monday and takes ten working days.")]


def test_a_reply_that_did_not_help_is_replaced_by_the_next_one() -> None:
    (pair,) = paired(
        "c: how do I unlock the app?",
        "a: Please restart your phone and try it again.",
        "c: that doesn't work",
        "a: Then tap Forgot passcode and follow the steps there.",
        "c: great, thank you",
    )
    assert pair[1].startswith("Then tap Forgot passcode")


def test_a_reply_that_did_not_help_and_was_the_last_one_is_no_solution() -> None:
    assert (
        paired(
            "c: how do I unlock the app?", "a: Please restart your phone and try again.", "c: same problem as before"
        )
        == []
    )


def test_two_questions_of_a_conversation_make_two_pairs() -> None:
    assert [question for question, _ in paired(
        "c: how can I end the rental of my box?",
        "a: Bring both keys to the counter in the branch.",
        "c: can my son bring them to you?",
        "a: Yes, with a signed authority from you and his card.",
    )] == ["how can I end the rental of my box?", "can my son bring them to you?"]  # fmt: skip


def test_what_is_said_after_the_reply_is_not_paired_with_later_replies() -> None:
    pairs = paired(
        "c: I can't find my card anywhere",
        "a: Please freeze it in the app under Cards > Freeze.",
        "c: I found it in my bag",
        "a: Wonderful. Then tap Unfreeze and it works again.",
    )
    assert pairs == [("I can't find my card anywhere", "Please freeze it in the app under Cards > Freeze.")]


def test_personal_data_is_masked_on_both_sides() -> None:
    ((question, reply),) = paired(
        "c: my name is Petra Wendisch, did you charge card 4029388172645093 twice?",
        "a: We wrote to petra.wendisch@post.example about that charge yesterday.",
    )
    assert "4029" not in question and "Wendisch" not in question and "[card]" in question
    assert "[e-mail]" in reply and "petra" not in reply


def test_every_turn_that_is_in_no_pair_is_counted() -> None:
    dropped: Counter[str] = Counter()
    lines = [Line("customer", "hi"), Line("agent", "Hello, how may I help?"), Line("customer", "bye")]
    assert pairs_of([("one", lines)], dropped) == []
    assert dropped["of a conversation without a question and its reply"] == 3


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["customer", "agent"]), st.text(max_size=60)), max_size=12))
def test_any_conversation_gives_pairs_that_are_not_empty(turns: list[tuple[str, str]]) -> None:
    lines = [Line(role, text) for role, text in turns]  # type: ignore[arg-type]
    for pair in pairs_in("one", lines, Counter()):
        assert isinstance(pair, Pair) and pair.question.strip() and pair.reply.strip()


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"role": "agent", "text": "yes"}, "without a conversation"),
        ({"conversation": "1", "role": "agent", "text": "  "}, "without text"),
        ({"conversation": "1", "role": "agent", "text": 7}, "without text"),
        ({"conversation": "1", "role": "narrator", "text": "yes"}, "of an unknown role"),
        ({"conversation": "1", "role": None, "text": "yes"}, "of an unknown role"),
    ],
)
def test_a_row_that_is_no_turn_is_counted_by_its_reason(row: dict[str, object], why: str) -> None:
    read = Conversations()
    read.add(row)
    assert read.dropped == {why: 1} and not read.lines


def test_turns_are_put_in_the_order_of_their_times_where_all_have_one() -> None:
    timed, untimed = Conversations(), Conversations()
    for text, at in (("second", "2026-09-01T08:01:00Z"), ("first", "2026-09-01T08:00:00Z")):
        timed.add({"conversation": 1, "role": "user", "text": text, "at": at})
        untimed.add({"conversation": 1, "role": "user", "text": text})
    assert [line.text for _, lines in timed.in_order() for line in lines] == ["first", "second"]
    assert [line.text for _, lines in untimed.in_order() for line in lines] == ["second", "first"]
