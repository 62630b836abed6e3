"""The way of the live stream: what the parser reads is executed, follow-ups go on from the last instruction."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from streams.chat.chances import line
from streams.chat.computing import Live, by_minute
from streams.chat.live import assembly
from streams.chat.live.parse import Parsed
from streams.chat.turns import Asked, Part, Turn, Wanted
from streams.records import Conversation, Origin, Question
from tests.streams.chat.live.live_market import NOW, FakeMarket, said, state_of
from tests.support.talking import Talk, answering

MARKET = FakeMarket({"Tesla": state_of("Tesla", [said("negative", hours=1), said("negative", hours=2)])})


class Reads:
    """A parser that reads what it is told: words of a question -> its instruction, or what a follow-up says of one."""

    def __init__(self, whole: Mapping[str, str], follow_ups: Mapping[str, str] | None = None) -> None:
        self.whole, self.follow_ups, self.calls = whole, follow_ups or {}, list[datetime]()

    def parse(self, texts: Sequence[str], now: datetime, zone: tzinfo) -> list[Parsed]:
        self.calls.append(now)
        return [self._parse(text) for text in texts]

    def _parse(self, text: str) -> Parsed:
        for words, instruction in self.follow_ups.items():
            if words in text:
                return Parsed(None, 0.9, True, assembly.parse(instruction))
        for words, instruction in self.whole.items():
            if words in text:
                return Parsed(assembly.parse(instruction), 0.9, False, assembly.parse(instruction))
        return Parsed()


def live(parser: Reads) -> Live:
    return Live(parser, MARKET, UTC, {}, line([(0, 0), (1, 1)]), "reads/1")  # type: ignore[arg-type]


def talk(parser: Reads) -> Talk:
    chat = Talk(answering({"freeze": {"freeze_card": 0.9}}, live=live(parser)))
    chat.now = NOW - timedelta(minutes=1)
    return chat


def test_every_number_of_an_answer_comes_from_the_tables_and_the_instruction_is_shown() -> None:
    answer = talk(Reads({"Tesla": "COUNT entity=Tesla sentiment=negative"}))("how many bad headlines on Tesla").answer
    assert answer.way == "live" and "2 " in answer.text and "Tesla" in answer.text
    assert answer.instruction == "COUNT entity=Tesla sentiment=negative"
    assert answer.sources[0].kind == "live" and answer.sources[0].instruction == answer.instruction
    assert answer.model == "reads/1" and ("live", 0.9) in [(each.way, each.confidence) for each in answer.why]


def test_a_follow_up_goes_on_from_the_last_instruction() -> None:
    parser = Reads({"Tesla": "SENTIMENT entity=Tesla window=today"}, {"last week": "SENTIMENT window=last-week"})
    chat = talk(parser)
    chat("what is the mood around Tesla today")
    assert chat("and last week?").answer.instruction == "SENTIMENT entity=Tesla window=last-week"


def test_a_follow_up_without_anything_before_is_no_question() -> None:
    assert talk(Reads({}, {"last week": "SENTIMENT window=last-week"}))("and last week?").answer.way == "unsure"


def test_another_answer_in_between_ends_what_a_follow_up_goes_on_from() -> None:
    chat = talk(Reads({"Tesla": "SENTIMENT entity=Tesla"}, {"last week": "SENTIMENT window=last-week"}))
    chat("mood around Tesla")
    chat("freeze my card")
    assert chat.state.instruction is None and chat.state.intent == "freeze_card"


def test_an_instruction_that_cannot_be_executed_is_no_answer() -> None:
    assert talk(Reads({"Tesla": "COMPARE entity=Tesla"}))("Tesla against what").answer.way == "unsure"


def test_a_batch_is_parsed_in_one_call_a_minute() -> None:
    wanted = [Wanted(Part("x", "x"), Conversation(id="c"), NOW + timedelta(seconds=s)) for s in (0, 59, 60)]
    assert list(by_minute(wanted).values()) == [[0, 1], [2]]
    parser = Reads({"Tesla": "SENTIMENT entity=Tesla"})
    asked = [Asked(Conversation(id=str(n)), Question(id=str(n), text="Tesla"), NOW, Origin(0, n)) for n in range(4)]
    turns = answering({}, live=live(parser)).answer(asked)
    assert len(parser.calls) == 1
    assert all(isinstance(turn, Turn) and turn.answer.way == "live" for turn in turns)


@pytest.mark.parametrize("text", ["Tesla " * 3000, "Tesla\n\n?", "<b>Tesla</b>"])
def test_odd_questions_are_answered_or_not_but_bounded(text: str) -> None:
    assert len(talk(Reads({"Tesla": "SENTIMENT entity=Tesla"}))(text).answer.text) < 2_000
