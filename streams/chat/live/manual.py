"""The part of docs/instructions.md that is made of the declarations: `python -m streams.chat.live.manual` prints it."""

import sys
from collections.abc import Iterator

from streams.chat.live.instructions import ARGUMENTS, OPCODES, STREAMS, Opcode

BEGIN, END = "<!-- begin: streams.chat.live.manual -->", "<!-- end -->"


def manual() -> str:
    """Arguments and opcodes, as Markdown between its two marks."""
    return "\n".join(
        [BEGIN, *arguments(), "", *(line for opcode in OPCODES.values() for line in section(opcode)), END, ""]
    )


def arguments() -> Iterator[str]:
    yield "## Arguments"
    yield ""
    yield "| argument | values | meaning |"
    yield "|---|---|---|"
    for each in ARGUMENTS.values():
        yield f"| `{each.name}` | {', '.join(f'`{value}`' for value in each.values)} | {each.doc} |"


def section(opcode: Opcode) -> Iterator[str]:
    yield f"## {opcode.name}"
    yield ""
    yield f"{opcode.doc} `{synopsis(opcode)}`"
    yield ""
    yield "| question | instruction |"
    yield "|---|---|"
    for example in opcode.examples:
        yield f"| {cell(example.question)} | `{cell(example.assembly)}` |"
    yield ""


def synopsis(opcode: Opcode) -> str:
    """'RANK of= by= [sector=] [n=] [window=]', in the order of the assembly; STREAM where any stream is taken."""
    several = "STREAM[,STREAM…]" if opcode.most_streams > 1 else "STREAM"
    words, any_stream = [opcode.name], set(STREAMS) <= set(opcode.takes)
    for name in ARGUMENTS:
        if any_stream and name in STREAMS:
            words += [f"[{several}]"] if name == STREAMS[0] else []
        elif name in opcode.needs:
            words.append(f"{name}=")
        elif name in opcode.takes:
            words.append(f"[{name}=]")
    return " ".join(words)


def cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    sys.stdout.write(manual())
