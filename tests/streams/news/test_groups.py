"""News count for their topic, for the sectors of whom they name, and for all."""

from datetime import timedelta

import pytest
from entity_stream import PROBABILITIES, START

from streams.news.groups import group_of, group_sentiments
from streams.news.windows import group_sighting
from streams.records import EntitySentiment, Origin, ScoredNews, Sentiment

SECTORS = {"Nokia": "technology", "Ericsson": "technology", "Shell": "energy"}


def scored(number: int, sentiment: Sentiment = "neutral", partition: int = 0, **entities: Sentiment) -> ScoredNews:
    return ScoredNews(
        id=f"news-{number}",
        text=f"Headline {number}",
        published_at=START + timedelta(seconds=number),
        source="The Ledger Desk",
        url=None,
        sentiment=sentiment,
        probabilities=PROBABILITIES[sentiment],
        topic="earnings",
        topic_probability=0.9,
        entities=[
            EntitySentiment(entity=name, name=name, start=0, end=1, sentiment=tone, probabilities=PROBABILITIES[tone])
            for name, tone in entities.items()
        ],
        truncated=False,
        model="news/1",
        origin=Origin(partition, number),
    )


def test_a_news_counts_once_in_each_of_its_groups() -> None:
    records = group_sentiments([scored(1, Nokia="negative", Ericsson="negative", Shell="positive")], SECTORS)
    assert {record.group: len(record.mentions) for record in records} == {
        "all:": 1,
        "topic:earnings": 1,
        "sector:technology": 1,
        "sector:energy": 1,
    }


def test_a_sector_hears_of_its_own_entities_and_all_hear_the_text() -> None:
    records = {
        r.group: r for r in group_sentiments([scored(1, "neutral", Nokia="negative", Shell="positive")], SECTORS)
    }
    assert records["sector:technology"].mentions[0].sentiment == "negative"
    assert records["sector:energy"].mentions[0].sentiment == "positive"
    assert records["all:"].mentions[0].sentiment == records["topic:earnings"].mentions[0].sentiment == "neutral"


def test_entities_without_a_sector_make_none() -> None:
    assert {r.group for r in group_sentiments([scored(1, Nokia="negative")], {})} == {"all:", "topic:earnings"}


def test_a_record_holds_one_partition_in_the_order_of_offsets() -> None:
    news = [scored(5, partition=1), scored(3, partition=0), scored(4, partition=1), scored(9, partition=0)]
    found = [r for r in group_sentiments(news, SECTORS) if r.group == "all:"]
    assert {(r.partition, tuple(m.offset for m in r.mentions)) for r in found} == {(0, (3, 9)), (1, (4, 5))}
    assert {r.id for r in found} == {"all::0@3-9", "all::1@4-5"}


def test_the_same_news_in_other_batches_make_the_same_sightings() -> None:
    news = [scored(n, "negative", Nokia="negative") for n in range(10)]

    def sightings(cuts: list[int]) -> dict[str, list[object]]:
        found: dict[str, list[object]] = {}
        for begin, end in zip([0, *cuts], [*cuts, 10], strict=True):
            for record in group_sentiments(news[begin:end], SECTORS):
                found.setdefault(record.group, []).extend(group_sighting(0, m) for m in record.mentions)
        return found

    assert sightings([3, 7]) == sightings([]) == sightings([1, 2, 9])


@pytest.mark.parametrize(
    ("key", "scope", "name"),
    [
        ("topic:M&A: rumours", "topic", "M&A: rumours"),
        ("sector:energy", "sector", "energy"),
        ("all:", "all", "All news"),
        ("storm:", "all", "Many at once"),
        ("Nokia", "entity", "Nokia"),
    ],
)
def test_a_key_says_what_its_stream_is_about(key: str, scope: str, name: str) -> None:
    assert group_of(key) == (key, scope, name)
