"""Dialogues are judged by what was expected of each turn, and by nothing else."""

import pytest

from models.errors import InputError
from streams.chat.rehearsal import Dialogue, Expected, Judged, figures, read_dialogue, replay, same_instruction
from tests.support.talking import NOW, answering

SAID = {"freeze": {"freeze_card": 0.9}, "account": {"closing": 0.8}}


def played(*turns: dict[str, object]) -> list[Judged]:
    dialogue = read_dialogue({"id": "d", "turns": list(turns)}, "file:1")
    return replay([dialogue], answering(SAID), NOW)


def test_a_dialogue_that_goes_as_expected_has_no_faults() -> None:
    judged = played(
        {"customer": "hello", "expect": {"way": "small-talk"}},
        {"customer": "freeze it", "expect": {"way": "template", "intent": "freeze_card", "contains": ["TAP  freeze"]}},
        {"customer": "what is the moon", "expect": {"abstained": True}},
        {"customer": "freeze it", "expect": {}},
    )
    assert [one.faults for one in judged] == [(), (), (), ()]
    told = figures(judged)
    assert (told["right"], told["turns"], told["dialogues_right"], told["intent_f1_macro"]) == (4, 4, 1, 1.0)


def test_each_fault_says_what_was_wanted_and_what_came() -> None:
    (one,) = played(
        {"customer": "freeze it", "expect": {"intent": "closing", "abstained": True, "contains": ["Close"]}}
    )
    assert one.faults == (
        "intent: wanted closing, got freeze_card",
        "abstained: wanted True, got False",
        "says nothing of 'Close'",
    )


def test_a_wrong_answer_counts_apart_from_none() -> None:
    told = figures([
        *played({"customer": "freeze it", "expect": {"intent": "closing"}}),
        *played({"customer": "the moon", "expect": {"intent": "closing"}}),
        *played({"customer": "my account", "expect": {"intent": "closing"}}),
    ])  # fmt: skip
    assert (told["right_answers"], told["wrong_answers"], told["should_have_answered"]) == (1, 1, 1)
    assert told["intent_f1_micro"] == 0.4  # one hit; two said, three meant
    assert told["by_expected_way"] == {}


def test_a_hand_over_where_an_answer_was_expected_is_needless() -> None:
    judged = played(
        {"customer": "talk to a human", "expect": {"way": "handover"}},
        {"customer": "freeze it", "expect": {"way": "template"}},
    )
    told = figures(judged)
    assert (told["handovers"], told["handed_over_needlessly"], told["should_have_answered"]) == (2, 1, 1)
    assert told["by_expected_way"]["handover"] == {"turns": 1, "right": 1}


def test_dialogues_do_not_hear_one_another() -> None:
    dialogues = [
        Dialogue("a", read_dialogue({"id": "a", "turns": [{"customer": "talk to a human"}] * 2}, "f:1").turns),
        Dialogue("b", read_dialogue({"id": "b", "turns": [{"customer": "freeze it"}] * 3}, "f:2").turns),
    ]
    judged = replay(dialogues, answering(SAID), NOW)
    assert [(one.dialogue, one.turn) for one in judged] == [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("b", 3)]
    assert {one.answer.way for one in judged if one.answer and one.dialogue == "b"} == {"template"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": "d"}, "turns"),
        ({"id": "d", "turns": [{"expect": {}}]}, "customer"),
        ({"id": "d", "turns": [{"customer": "hi", "expect": {"wya": "template"}}]}, "wya"),
        ({"id": "d", "turns": [{"customer": "hi", "expect": {"way": "guess"}}]}, "guess"),
        ({"id": "d", "turns": [{"customer": "hi", "expect": {"instruction": "COUNT what"}}]}, "expected instruction"),
    ],
)
def test_a_row_that_is_no_dialogue_is_named_with_its_place(row: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=rf"file:7: .*{said}"):
        read_dialogue(row, "file:7")


def test_an_instruction_is_the_same_however_it_is_written() -> None:
    assert same_instruction("COUNT window=today entity=Tesla", 'COUNT entity="Tesla" window=today')
    assert not same_instruction("COUNT entity=Tesla", "COUNT entity=Ford")
    assert not same_instruction("COUNT entity=Tesla", None)


def test_nothing_is_expected_where_nothing_is_said() -> None:
    assert Expected() == read_dialogue({"id": "d", "turns": [{"customer": "hi"}]}, "f:1").turns[0].expect
