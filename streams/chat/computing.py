"""The way of the live stream: the model emits an instruction, the CPU executes it. Pure, but for the engine."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from models.errors import InputError
from streams.chat.chances import Chance
from streams.chat.decide import Weighed
from streams.chat.live import assembly
from streams.chat.live.instruction import Instruction
from streams.chat.live.interpret import execute
from streams.chat.live.parse import Parsed, Parser, complete
from streams.chat.live.phrase import say
from streams.chat.template import Templates
from streams.chat.turns import Candidate, Market, Wanted
from streams.records import Source


@dataclass(frozen=True)
class Live:
    """`chance`: what the parser's confidence is worth; `sectors`: entity -> its sector, of the watchlist."""

    parser: Parser
    market: Market
    zone: tzinfo
    sectors: Mapping[str, str]
    chance: Chance
    version: str

    def think(self, wanted: Sequence[Wanted], templates: Templates) -> list[Weighed]:
        """Follow-ups go on from the conversation's last instruction."""
        weighed = [Weighed()] * len(wanted)
        for now, places in by_minute(wanted).items():
            parsed = self.parser.parse([wanted[n].part.spoken for n in places], now, self.zone)
            for n, one in zip(places, parsed, strict=True):
                weighed[n] = self._weigh(one, wanted[n])
        return weighed

    def _weigh(self, parsed: Parsed, wanted: Wanted) -> Weighed:
        instruction = instruction_of(parsed, wanted.conversation.instruction)
        if instruction is None:
            return Weighed()
        try:
            text = say(execute(instruction, self.market, wanted.now, self.zone, self.sectors))
        except InputError:  # a window that is not kept, a list that is too long
            return Weighed()
        line = assembly.format(instruction)
        source = Source(kind="live", instruction=line)
        chance = self.chance(parsed.confidence)
        return Weighed((Candidate("live", text, chance, (source,), instruction=line, said=line),))


def by_minute(wanted: Sequence[Wanted]) -> Mapping[datetime, list[int]]:
    """Places by the minute that "today" is reckoned from: nearly always the same one for a whole batch."""
    places: dict[datetime, list[int]] = defaultdict(list)
    for n, one in enumerate(wanted):
        places[one.now.replace(second=0, microsecond=0)].append(n)
    return places


def instruction_of(parsed: Parsed, last: str | None) -> Instruction | None:
    """What is to be executed, however doubtful: the decision over all ways has the say."""
    if not parsed.follow_up:
        return parsed.said
    return complete(parsed, assembly.parse(last)) if last else None
