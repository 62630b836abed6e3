"""Groups of news that are followed as entities are: those of a topic, those about a sector, all. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from streams.news.windows import TEXT_CHARS, tone_of
from streams.records import EntitySentiment, GroupMention, GroupSentiments, Scope, ScoredNews, Sentiment

TOPIC, SECTOR = "topic:", "sector:"
ALL, ALL_NAME = "all:", "All news"
STORM, STORM_NAME = "storm:", "Many at once"
OWN = "\0"  # begins the keys of what a table keeps beside streams
RESERVED = (TOPIC, SECTOR, ALL, STORM)
"""What no entity's key may begin with, beside OWN."""


class Group(NamedTuple):
    """A group's key, what it is, its name."""

    key: str
    scope: Scope
    name: str


def group_of(key: str) -> Group:
    """The group of a key; an entity's is the key itself."""
    if key.startswith(TOPIC):
        return Group(key, "topic", key.removeprefix(TOPIC))
    if key.startswith(SECTOR):
        return Group(key, "sector", key.removeprefix(SECTOR))
    if key.startswith((ALL, STORM)):
        return Group(key, "all", ALL_NAME if key.startswith(ALL) else STORM_NAME)
    return Group(key, "entity", key)


def group_sentiments(news: Iterable[ScoredNews], sectors: Mapping[str, str]) -> list[GroupSentiments]:
    """The records for `group-sentiments`: of each group and news partition, what a batch has. `sectors`: by entity."""
    found: dict[tuple[str, int], list[GroupMention]] = defaultdict(list)
    for scored in news:
        for key, mention in memberships(scored, sectors):
            found[key, scored.origin.partition].append(mention)
    records = []
    for (key, partition), mentions in found.items():
        group = group_of(key)
        mentions.sort(key=lambda mention: mention.offset)
        records.append(
            GroupSentiments(
                id=f"{key}:{partition}@{mentions[0].offset}-{mentions[-1].offset}",
                group=key,
                scope=group.scope,
                name=group.name,
                partition=partition,
                mentions=mentions,
            )
        )
    return records


def memberships(scored: ScoredNews, sectors: Mapping[str, str]) -> Iterator[tuple[str, GroupMention]]:
    """Each group a news belongs to, with what counts there: the text's tone, in a sector that of its entities."""
    text = mention_of(scored, scored.sentiment, scored.probabilities)
    yield ALL, text
    yield TOPIC + scored.topic, text
    members: dict[str, list[EntitySentiment]] = defaultdict(list)
    for entity in scored.entities:
        if sector := sectors.get(entity.entity):
            members[sector].append(entity)
    for sector, named in members.items():
        if len(named) == 1:  # nearly always
            yield SECTOR + sector, mention_of(scored, named[0].sentiment, named[0].probabilities)
            continue
        mean = {label: sum(each.probabilities[label] for each in named) / len(named) for label in scored.probabilities}
        sentiment = max(mean, key=mean.__getitem__)
        yield SECTOR + sector, mention_of(scored, sentiment, mean)  # type: ignore[arg-type]


def mention_of(scored: ScoredNews, sentiment: Sentiment, probabilities: Mapping[str, float]) -> GroupMention:
    return GroupMention(
        offset=scored.origin.offset,
        news_id=scored.id,
        at=scored.published_at,
        sentiment=sentiment,
        tone=round(tone_of(sentiment, probabilities), 4),
        negative=round(probabilities.get("negative", float(sentiment == "negative")), 4),
        text=scored.text[:TEXT_CHARS],
        source=scored.source,
        url=scored.url,
    )
