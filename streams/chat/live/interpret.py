"""Executes an instruction over the live tables. Pure."""

from collections.abc import Mapping
from datetime import datetime, tzinfo

from streams.chat.live.assembly import validate
from streams.chat.live.instruction import Instruction
from streams.chat.live.instructions import OPCODES
from streams.chat.live.reading import Reading
from streams.chat.live.result import Result
from streams.chat.turns import Market

NO_SECTORS: Mapping[str, str] = {}


def execute(
    instruction: Instruction, market: Market, now: datetime, zone: tzinfo, sectors: Mapping[str, str] = NO_SECTORS
) -> Result:
    """What the instruction finds at `now`, an instant with a zone; `sectors`: entity -> its sector, of the watchlist.

    A stream that was never heard of gives figures of 0. Raises InputError for an instruction that is not valid.
    """
    validate(instruction)
    return OPCODES[instruction.op].run(instruction, Reading(market, now, zone, sectors))
