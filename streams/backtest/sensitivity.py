"""What other sensitivities would have done: the same history again, every rule's promise multiplied."""

from collections.abc import Callable, Sequence

import msgspec

from streams.backtest.labels import Measured, Totals, totals
from streams.backtest.results import Tally
from streams.backtest.running import Backtest
from streams.backtest.scoring import Taken
from streams.news.rules import RuleBook

FACTORS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # of false alarms
MOST_EVENTS = 2_000_000  # of a history that is run again

NewRun = Callable[[float], Backtest]
"""A run whose rules promise so many times the false alarms."""
Judge = Callable[[dict[str, list[float]]], list[Measured]]


class Tried(msgspec.Struct, frozen=True):
    """One sensitivity: alerts opened in all, by kind, and how they meet the labels, if there are any."""

    factor: float
    opened: int
    by_kind: dict[str, int]
    labels: Totals | None


def try_others(
    history: Sequence[Taken], new_run: NewRun, until_s: float | None, judge: Judge | None, done: Tried
) -> list[Tried]:
    """A row for each factor; `done` is the one of factor 1. None but that for a history too long to be run again."""
    if len(history) > MOST_EVENTS:
        return [done]
    return [done if factor == 1.0 else tried(history, new_run, factor, until_s, judge) for factor in FACTORS]


def tried(
    history: Sequence[Taken], new_run: NewRun, factor: float, until_s: float | None, judge: Judge | None
) -> Tried:
    run, tally = new_run(factor), Tally()
    for taken in history:
        for told in run.take(taken.numbered, taken.scored):
            tally.add(told.alert)
    for told in run.end(until_s):
        tally.add(told.alert)
    return row(factor, tally, judge)


def row(factor: float, tally: Tally, judge: Judge | None) -> Tried:
    return Tried(factor, tally.opened, dict(tally.by_kind), totals(judge(tally.opened_s)) if judge else None)


def multiplied(book: RuleBook, factor: float) -> RuleBook:
    """The same rules with another promise; none promises more than an open episode needs to stay open."""
    rules = [
        msgspec.structs.replace(
            rule,
            budget=0.0,  # shared out already
            surge=msgspec.structs.replace(
                rule.surge, false_alarms=min(rule.surge.hot_alarms, factor * rule.surge.false_alarms)
            ),
        )
        for rule in book.rules
    ]
    return RuleBook(rules, book.sectors, book.lateness_s, topics=book.topics, storm=book.storm)
