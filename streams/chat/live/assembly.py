"""The one-line form of an instruction: COUNT topic="Energy | Oil" sentiment=negative window=since:2026-11-23.

text -> parse -> Instruction -> validate; format is the inverse of parse. One instruction has one form.
"""

import difflib
import json
import re
from collections.abc import Iterable

from models.errors import InputError
from streams.chat.live.instruction import ARGUMENTS, MOST_N, STREAMS, Instruction
from streams.chat.live.instructions import OPCODES, Opcode, streams_of
from streams.chat.live.names import Names
from streams.chat.live.times import WINDOWS, is_window

BARE = re.compile(r"(?:[^\W_]|[.:\-&|])+")  # else a value is quoted, as JSON is
ITEM = r'"(?:[^"\\]|\\.)*"|[^\s",=]+'
ARGUMENT = re.compile(rf"\s+([a-z]+)=((?:{ITEM})(?:,(?:{ITEM}))*)(?=\s|$)")
OPCODE = re.compile(r"\s*([A-Za-z]+)(?=\s|$)")
MOST_CHARS = 2000
SHOWN = 60


def format(instruction: Instruction) -> str:
    """The canonical line."""
    return " ".join([instruction.op, *(f"{name}={written(value)}" for name, value in instruction.given().items())])


def written(value: str | int | tuple[str, ...]) -> str:
    items = value if isinstance(value, tuple) else (str(value),)
    return ",".join(item if BARE.fullmatch(item) else json.dumps(item, ensure_ascii=False) for item in items)


def parse(line: str) -> Instruction:
    """Inverse of `format`, which takes arguments in any order. Raises InputError for what can't be read; whether it
    makes sense `validate` says."""
    op = OPCODE.match(line[:MOST_CHARS])
    if op is None or len(line) > MOST_CHARS:
        raise InputError(f"got {line[:SHOWN]!r}, wanted an instruction such as 'COUNT entity=Tesla window=today'")
    given: dict[str, str | int | tuple[str, ...]] = {}
    at = op.end()
    while line[at:].strip():
        found = ARGUMENT.match(line, at)
        if found is None:
            raise InputError(f"{op[1]}: got {line[at:].strip()[:SHOWN]!r}, wanted key=value; quote what has spaces")
        name, at = found[1], found.end()
        if name not in ARGUMENTS:
            raise InputError(
                f"{op[1]}: got the argument {name!r}, wanted one of {', '.join(ARGUMENTS)}{near(name, ARGUMENTS)}"
            )
        if name in given:
            raise InputError(f"{op[1]}: got {name}= twice, wanted it once; separate several values by commas")
        given[name] = read(op[1], name, found[2])
    return Instruction(op=op[1], **given)  # type: ignore[arg-type]


def read(op: str, name: str, text: str) -> str | int | tuple[str, ...]:
    """An argument's value. Raises InputError."""
    try:
        items = tuple(json.loads(item) if item.startswith('"') else item for item in re.findall(ITEM, text))
    except ValueError:
        raise InputError(f"{op}: got {name}={text[:SHOWN]}, wanted JSON's escapes between the quotes") from None
    if name in STREAMS:
        return items
    if len(items) > 1:
        raise InputError(f"{op}: got {len(items)} values for {name}=, wanted one; only streams may be several")
    if name != "n":
        return str(items[0])
    if not re.fullmatch(r"[1-9]\d{0,5}", items[0]):
        raise InputError(f"{op}: got n={items[0][:SHOWN]}, wanted a number from 1 to {MOST_N}")
    return int(items[0])


def validate(instruction: Instruction, names: Names | None = None) -> None:
    """Raises InputError for an instruction that can't be executed; without `names` any stream is taken to exist."""
    opcode = OPCODES.get(instruction.op)
    if opcode is None:
        raise InputError(
            f"got {instruction.op[:SHOWN]!r}, wanted one of {', '.join(OPCODES)}{near(instruction.op, OPCODES)}"
        )
    complaint = wrong_arguments(instruction, opcode) or wrong_values(instruction) or opcode.complaint(instruction)
    if not complaint and names is not None:
        complaint = unknown_streams(instruction, names)
    if complaint:
        raise InputError(f"{instruction.op}: {complaint}")


def wrong_arguments(instruction: Instruction, opcode: Opcode) -> str:
    """What is missing or too much."""
    given = instruction.given()
    for name in given:
        if name not in (*opcode.needs, *opcode.takes):
            return f"got {name}=, wanted only {', '.join((*opcode.needs, *opcode.takes))}; drop it"
    for name in opcode.needs:
        if name not in given:
            return f"got no {name}=, wanted one of {', '.join(ARGUMENTS[name].values)}; add it"
    if streams_of(instruction) > opcode.most_streams:
        return f"got {streams_of(instruction)} streams, wanted {opcode.most_streams} at most; drop some"
    return ""


def wrong_values(instruction: Instruction) -> str:
    """What no argument of that name can hold."""
    for name, value in instruction.given().items():
        values = ARGUMENTS[name].values
        if values and value not in values:
            return f"got {name}={str(value)[:SHOWN]}, wanted one of {', '.join(values)}{near(str(value), values)}"
        if isinstance(value, tuple) and len(set(value)) < len(value):
            return f"got {name}={written(value)[:SHOWN]}, wanted each once; drop one"
        if name in ("window", "against") and not is_window(str(value)):
            return f"got {name}={str(value)[:SHOWN]}, wanted a window such as {WINDOWS}"
    if not 0 <= instruction.n <= MOST_N:
        return f"got n={instruction.n}, wanted 1 to {MOST_N}"
    return ""


def unknown_streams(instruction: Instruction, names: Names) -> str:
    """What nothing is called."""
    for argument in STREAMS:
        known = names.of_argument[argument]
        for value in getattr(instruction, argument):
            if value not in known:
                return f"got the {argument} {value[:SHOWN]!r}, which is none that is watched{near(value, known)}"
    return ""


def near(wrong: str, known: Iterable[str]) -> str:
    """A remedy: what may be meant."""
    folded = {each.casefold(): each for each in known}
    found = difflib.get_close_matches(wrong.casefold(), folded, 1, 0.6)
    return f"; did you mean {folded[found[0]]!r}?" if found else ""
