"""A result in words, and for machines. Pure."""

from typing import Any

import msgspec

from streams.chat.live.assembly import format
from streams.chat.live.instructions import OPCODES
from streams.chat.live.result import Result


def say(result: Result) -> str:
    """A short answer in plain English; headlines and places in an order have a line each."""
    return OPCODES[result.asked.op].say(result)


def as_json(result: Result) -> dict[str, Any]:
    """What --json prints: the result, its instruction as one line and by argument."""
    told: dict[str, Any] = msgspec.to_builtins(result)
    given = result.asked.given().items()
    told["asked"] = {"op": result.asked.op} | {
        name: [*each] if isinstance(each, tuple) else each for name, each in given
    }
    return {"instruction": format(result.asked), **told}
