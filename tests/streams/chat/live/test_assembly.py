"""An instruction has one line and a line one instruction; what makes no sense is refused with what is meant perhaps."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InputError
from streams.chat.live.assembly import format, parse, validate
from streams.chat.live.instruction import ARGUMENTS, STREAMS, Instruction
from streams.chat.live.instructions import OPCODES
from streams.chat.live.names import Names

NAMES = Names(
    {"Tesla": "consumer discretionary", "Ford": "consumer discretionary", "AT&T": "communication", "Bitcoin": ""},
    ["Energy | Oil", "Earnings"],
)
VALID = [
    "COUNT",
    'COUNT topic="Energy | Oil" sentiment=negative window=since:2026-11-23',
    "SENTIMENT entity=AT&T window=today",
    'COMPARE entity=Tesla sector="consumer discretionary"',
    "COMPARE entity=Tesla,Ford window=this-week",
    "COMPARE window=today against=yesterday",
    'RANK of=entity sector="consumer discretionary" by=worst n=1 window=3h',
    "HEADLINES sentiment=positive n=50",
    "ALERTS of=topic severity=critical open=yes window=on:2026-11-20",
]


@pytest.mark.parametrize("line", VALID)
def test_a_canonical_line_is_valid_and_comes_back_as_it_was(line: str) -> None:
    instruction = parse(line)
    validate(instruction, NAMES)
    assert format(instruction) == line


def test_arguments_may_come_in_any_order_and_be_quoted_without_need() -> None:
    line = '  COUNT   window="today"  sentiment=negative entity="Tesla" '
    assert format(parse(line)) == "COUNT entity=Tesla sentiment=negative window=today"


@pytest.mark.parametrize("example", [each for opcode in OPCODES.values() for each in opcode.examples], ids=str)
def test_every_example_of_the_manual_is_canonical_and_valid(example) -> None:  # type: ignore[no-untyped-def]
    instruction = parse(example.assembly)
    validate(instruction)
    assert format(instruction) == example.assembly


WRONG = {
    "COUNTT entity=Tesla": "did you mean 'COUNT'",
    "count": "did you mean 'COUNT'",
    "COUNT entity=Telsa": "did you mean 'Tesla'",
    'COUNT topic="Energy | Oi"': "did you mean 'Energy | Oil'",
    "COUNT sector=comunication": "did you mean 'communication'",
    "COUNT entity=Zzyzx": "none that is watched",
    "COUNT sentiment=bad": "wanted one of negative, neutral, positive",
    "COUNT window=lately": "got window=lately, wanted a window such as today",
    "COUNT entity=Tesla,Ford": "got 2 streams, wanted 1",
    "COUNT n=5": "got n=, wanted only entity, topic, sector, sentiment, window",
    "RANK by=worst": "got no of=, wanted one of entity, topic, sector",
    "RANK of=entity": "got no by=, wanted one of worst, best",
    "RANK of=topic sector=communication by=worst": "wanted it with of=entity alone",
    "COMPARE entity=Tesla": "name what to compare with",
    "COMPARE entity=Tesla window=today": "name what to compare with",
    "COMPARE entity=Tesla,Ford window=today against=yesterday": "drop one",
    "COMPARE entity=Tesla,Tesla": "wanted each once",
    "COMPARE window=today against=today": "wanted two windows",
    "HEADLINES n=51": "wanted 1 to 50",
    "ALERTS of=topic entity=Tesla": "drop of=",
    "ALERTS open=no": "wanted one of yes",
}


@pytest.mark.parametrize(("line", "said"), WRONG.items(), ids=WRONG)
def test_what_makes_no_sense_is_refused_with_a_remedy(line: str, said: str) -> None:
    instruction = parse(line)
    with pytest.raises(InputError, match="got ") as error:
        validate(instruction, NAMES)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "line",
    ["", "   ", "=", "COUNT entity", "COUNT entity=", "COUNT entity=Tesla entity=Ford", "COUNT windw=today",
     'COUNT entity="Tesla', "COUNT n=many", "COUNT n=0", "COUNT sentiment=negative,positive", 'COUNT entity="\\x"',
     "COUNT entity=Tesla,", "COUNT " + "x" * 3000],
)  # fmt: skip
def test_what_is_no_line_is_refused(line: str) -> None:
    with pytest.raises(InputError):
        parse(line)


def test_an_unknown_argument_is_refused_with_the_one_meant() -> None:
    with pytest.raises(InputError, match="did you mean 'window'"):
        parse("COUNT windw=today")


names = st.text(min_size=1, max_size=30)
values = {
    name: st.lists(names, max_size=3).map(tuple)
    if name in STREAMS
    else st.integers(0, 999_999)
    if name == "n"
    else st.text(max_size=20)
    for name in ARGUMENTS
}


@settings(deadline=None)
@given(st.sampled_from([*OPCODES]), st.fixed_dictionaries(values))
def test_whatever_an_instruction_holds_its_line_says(op: str, arguments: dict[str, object]) -> None:
    instruction = Instruction(op=op, **arguments)  # type: ignore[arg-type]
    line = format(instruction)
    assert "\n" not in line
    assert parse(line) == instruction
    assert format(parse(line)) == line


@settings(deadline=None)
@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from(["COUNT", "RANK", " ", "of=", "entity", "=", '"', "Tesla", ",", "n=3"])).map("".join)
)
def test_whatever_is_written_is_read_or_refused(line: str) -> None:
    try:
        instruction = parse(line)
        validate(instruction, NAMES)
    except InputError:
        return
    assert parse(format(instruction)) == instruction
