"""The opcodes. A new one is one declaration: what it is for, what it takes, examples. See docs/instructions.md."""

from collections.abc import Callable
from dataclasses import dataclass

from streams.chat.live import operations, sentences
from streams.chat.live.instruction import ARGUMENTS, STREAMS, Argument, Instruction
from streams.chat.live.reading import Reading
from streams.chat.live.result import Result

__all__ = ["ARGUMENTS", "OPCODES", "STREAMS", "Argument", "Example", "Instruction", "Opcode"]


@dataclass(frozen=True, slots=True)
class Example:
    """A question asked on Wednesday, 25 November 2026 at 15:00 UTC, and its instruction."""

    question: str
    assembly: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opcode:
    """What an operation is. `takes` and `needs` are arguments that may and that must be there, streams among them.

    `run` executes it, `say` puts what it found into words.
    `complaint` says what is wrong with an instruction whose arguments are each legal; empty if nothing is.
    """

    name: str
    doc: str
    takes: tuple[str, ...]
    needs: tuple[str, ...] = ()
    most_streams: int = 1
    complaint: Callable[[Instruction], str] = lambda instruction: ""
    run: Callable[[Instruction, Reading], Result]
    say: Callable[[Result], str]
    examples: tuple[Example, ...]


def listed(lines: str) -> tuple[Example, ...]:
    """Examples out of lines such as 'latest news => HEADLINES'."""
    pairs = (line.split(" => ") for line in lines.strip().splitlines())
    return tuple(Example(question.strip(), assembly.strip()) for question, assembly in pairs)


def streams_of(instruction: Instruction) -> int:
    """How many streams are named."""
    return len(instruction.entity) + len(instruction.topic) + len(instruction.sector)


def wrong_comparison(instruction: Instruction) -> str:
    """Two streams or more in one window, or one in two."""
    if streams_of(instruction) >= 2:
        return "" if not instruction.against else "got several streams and against=, wanted one of the two; drop one"
    if instruction.window and instruction.against:
        if instruction.window == instruction.against:
            return f"got {instruction.window} twice, wanted two windows; change one"
        return ""
    return "got neither two streams nor window= and against=, wanted one of the two; name what to compare with"


def wrong_ranking(instruction: Instruction) -> str:
    """A sector bounds entities only."""
    if instruction.sector and instruction.of != "entity":
        return f"got sector= with of={instruction.of}, wanted it with of=entity alone; drop it"
    return ""


def wrong_choice(instruction: Instruction) -> str:
    """A stream is of one scope already."""
    if instruction.of and streams_of(instruction):
        return "got of= and a stream, wanted one of the two; drop of="
    return ""


DECLARED = (
    Opcode(
        name="COUNT",
        doc="How many headlines there were.",
        takes=(*STREAMS, "sentiment", "window"),
        run=operations.count,
        say=sentences.say_count,
        examples=listed("""
        how much bad news on oil since Monday => COUNT topic="Energy | Oil" sentiment=negative window=since:2026-11-23
        How many stories about Nvidia this week? => COUNT entity=Nvidia window=this-week
        number of positive headlines on banks today => COUNT sector=financials sentiment=positive window=today
        how much news came in over the past three hours => COUNT window=3h
        How often was Tesco mentioned on 20 November? => COUNT entity=Tesco window=on:2026-11-20
        count the neutral news on IPOs last month => COUNT topic=IPO sentiment=neutral window=last-month
        how many articles mention Goldman Sachs => COUNT entity="Goldman Sachs"
        """),
    ),
    Opcode(
        name="SENTIMENT",
        doc="How the news sounds.",
        takes=(*STREAMS, "window"),
        run=operations.count,
        say=sentences.say_sentiment,
        examples=listed("""
        what's the mood around Tesla => SENTIMENT entity=Tesla
        How is the news on the Fed today? => SENTIMENT topic="Fed | Central Banks" window=today
        is the press on chip makers positive or negative this week => SENTIMENT sector=technology window=this-week
        overall mood since yesterday? => SENTIMENT window=since:2026-11-24
        tone on AT&T in the last 48 hours => SENTIMENT entity=AT&T window=48h
        How did people feel about earnings last week? => SENTIMENT topic=Earnings window=last-week
        """),
    ),
    Opcode(
        name="TREND",
        doc="Whether the news gets better or worse: a window against as long a time right before.",
        takes=(*STREAMS, "window"),
        run=operations.trend,
        say=sentences.say_trend,
        examples=listed("""
        is the tone on Nokia getting better => TREND entity=Nokia
        Is sentiment on gold improving this week? => TREND topic="Gold | Metals | Materials" window=this-week
        are the utilities recovering => TREND sector=utilities
        which direction is the news going over the past two days => TREND window=2d
        Has the mood on Boeing worsened since Thursday? => TREND entity=Boeing window=since:2026-11-19
        how is coverage of takeovers developing => TREND topic="M&A | Investments"
        """),
    ),
    Opcode(
        name="COMPARE",
        doc="Several streams in one window, or one stream in two windows.",
        takes=(*STREAMS, "window", "against"),
        most_streams=6,
        complaint=wrong_comparison,
        run=operations.compare,
        say=sentences.say_compare,
        examples=listed("""
        how did Tesla do today against yesterday => COMPARE entity=Tesla window=today against=yesterday
        Tesla or Ford this week? => COMPARE entity=Tesla,Ford window=this-week
        compare banks with energy companies => COMPARE sector=financials,energy
        Is the mood better this month than last month? => COMPARE window=this-month against=last-month
        oil vs gold since 9 November => COMPARE topic="Energy | Oil","Gold | Metals | Materials" window=since:2026-11-09
        who gets the better press, Airbus or Boeing => COMPARE entity=Airbus,Boeing
        earnings news this week vs last week => COMPARE topic=Earnings window=this-week against=last-week
        How does Apple compare with the tech sector today? => COMPARE entity=Apple sector=technology window=today
        """),
    ),
    Opcode(
        name="RANK",
        doc="Which streams come first in an order.",
        takes=("sector", "n", "window"),
        needs=("of", "by"),
        complaint=wrong_ranking,
        run=operations.rank,
        say=sentences.say_rank,
        examples=listed("""
        which bank had the worst week => RANK of=entity sector=financials by=worst n=1 window=this-week
        top 3 most talked about companies today => RANK of=entity by=busiest n=3 window=today
        Which sector has the best press right now? => RANK of=sector by=best n=1
        what topics declined the most since Monday => RANK of=topic by=declined window=since:2026-11-23
        Which tech companies improved most this week? => RANK of=entity sector=technology by=improved window=this-week
        ten worst companies last month => RANK of=entity by=worst n=10 window=last-month
        what is everyone writing about => RANK of=topic by=busiest n=1
        rank the sectors by mood => RANK of=sector by=best
        """),
    ),
    Opcode(
        name="HEADLINES",
        doc="The latest headlines.",
        takes=(*STREAMS, "sentiment", "n", "window"),
        run=operations.headlines,
        say=sentences.say_headlines,
        examples=listed("""
        show me the latest bad news on Boeing => HEADLINES entity=Boeing sentiment=negative
        what happened at Siemens today? => HEADLINES entity=Siemens window=today
        three good headlines on dividends => HEADLINES topic=Dividend sentiment=positive n=3
        latest news => HEADLINES
        What are they saying about pharma this morning? => HEADLINES sector="health care" window=since:2026-11-25T06:00
        give me 10 stories on mergers from the past week => HEADLINES topic="M&A | Investments" n=10 window=1w
        """),
    ),
    Opcode(
        name="EXPLAIN",
        doc="Why there was an alert: what was seen, what was expected, the headlines behind it.",
        takes=(*STREAMS, "window"),
        run=operations.explain,
        say=sentences.say_explain,
        examples=listed("""
        why the alert on Nokia? => EXPLAIN entity=Nokia
        What's going on with Volkswagen, why was I warned? => EXPLAIN entity=Volkswagen
        explain yesterday's alert on oil => EXPLAIN topic="Energy | Oil" window=yesterday
        why did the bank sector alarm go off => EXPLAIN sector=financials
        What triggered the last alert? => EXPLAIN
        """),
    ),
    Opcode(
        name="ALERTS",
        doc="Which alerts there are or were.",
        takes=("of", *STREAMS, "severity", "open", "window"),
        complaint=wrong_choice,
        run=operations.alerts,
        say=sentences.say_alerts,
        examples=listed("""
        which alerts are open right now => ALERTS open=yes
        any critical alerts today? => ALERTS severity=critical window=today
        list the alerts on Shell since last Monday => ALERTS entity=Shell window=since:2026-11-23
        Were there warnings on topics this week? => ALERTS of=topic severity=warning window=this-week
        are there any active alarms for energy companies => ALERTS sector=energy open=yes
        alerts about personnel changes last week => ALERTS topic="Personnel Change" window=last-week
        """),
    ),
)  # fmt: skip

OPCODES: dict[str, Opcode] = {each.name: each for each in DECLARED}
