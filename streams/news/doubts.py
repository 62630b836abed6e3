"""What in a rule book is legal and hardly meant: names that nothing has, rules that watch nothing. Pure."""

from collections.abc import Collection, Iterator

from streams.news import rule_values as values
from streams.news.groups import SECTOR, TOPIC
from streams.news.rules import Rule, RuleBook, known_streams

NAMES = 5  # told of one rule; each is compared with all that there are


def doubts(book: RuleBook) -> list[str]:
    """One line each, in the rules' order."""
    if not book.rules:
        return ["rules: got an empty list, so nothing is watched; drop the key for the defaults"]
    return [
        f"rule {n} ({rule.surge.name!r}): {told}" for n, rule in enumerate(book.rules, 1) for told in of(rule, book)
    ]


def of(rule: Rule, book: RuleBook) -> Iterator[str]:
    sectors = {*book.sectors.values()} - {""}
    if rule.scope == "sector":
        yield from unknown(
            "sectors", {key.removeprefix(SECTOR) for key in rule.keys}, sectors, "sector of the watchlist"
        )
    elif rule.scope == "topic":
        yield from unknown("keys", {key.removeprefix(TOPIC) for key in rule.keys}, book.topics, "topic of the model")
    else:
        yield from unknown("keys", rule.keys, book.sectors, "entity of the watchlist")
        yield from unknown("sectors", rule.sectors, sectors, "sector of the watchlist")
    if not book.streams[rule.surge.name]:
        yield "watches nothing; " + nothing(rule, book)
    elif rule.budget > rule.surge.hot_alarms * len(book.streams[rule.surge.name]):
        most = rule.surge.hot_alarms * len(book.streams[rule.surge.name])
        yield f"budget: got {rule.budget:g}, its streams take {most:g} at most; lower it"


def nothing(rule: Rule, book: RuleBook) -> str:
    """Why, and what mends it."""
    if any(rule.fits(*stream) for stream in known_streams(book.sectors, book.topics)):
        return f"rules before it watch all its streams for {rule.surge.kind}; put it before them, or drop it"
    return "correct its names, or drop it" if rule.keys or rule.sectors else f"there is no {rule.scope} at all"


def unknown(field: str, named: Collection[str], known: Collection[str], what: str) -> Iterator[str]:
    """The names that nothing has, and what they come near to."""
    strange = sorted(name for name in named if name not in known)
    for name in strange[:NAMES]:
        yield f"{field}: {values.shown(name)} is no {what}{values.meant(name, known)}"
    if len(strange) > NAMES:
        yield f"{field}: {len(strange) - NAMES} more are no {what}, either"
