"""One stream alone, without Kafka: what a mention costs it, which bounds a hot key, and how large its state becomes."""

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from streams.intake import decode
from streams.news.groups import ALL
from streams.news.rules import RuleBook
from streams.news.surge import fold
from streams.news.windows import Live, Sighting, WindowState, encode_state
from streams.records import SENTIMENTS, GroupMention, GroupSentiments
from streams.watching import group_told

BATCH = 256
SEED = 11
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 10  # by then everything that is bounded is full, but for days' counts
SOURCES = 24


def mentions(
    texts: Sequence[str], a_day: float, count: int, since: datetime = BEGIN, offset: int = 0
) -> list[Sighting]:
    """`count` of them at an even pace, with sources and addresses as feeds give them."""
    rng, gap = random.Random(SEED + offset), timedelta(days=1) / a_day
    found = []
    for n in range(offset, offset + count):
        tone = rng.uniform(-1, 1)
        sentiment = SENTIMENTS[0 if tone < -0.3 else 2 if tone > 0.3 else 1]
        source = f"wire-{rng.randrange(SOURCES)}.example.com"
        text = f"{texts[n % len(texts)]} {n}"
        found.append(
            Sighting(
                n % 4,
                n,
                f"{source}/{n}",
                since + n * gap,
                sentiment,
                round(tone, 4),
                round(max(0.0, -tone), 4),
                text,
                source,
                f"https://{source}/markets/2026/{n}",
            )
        )
    return found


def full(texts: Sequence[str], a_day: float, key: str = "Nokia", partitions: int = 4) -> Live:
    """A stream that has been heard of for DAYS; it remembers an offset of every news partition."""
    live, watching = Live(WindowState(entity=key)), RuleBook().watching(key)
    for sighting in mentions(texts, a_day, int(DAYS * a_day)):
        fold(live, sighting, watching, key)
    # what a partition adds is its number and an offset: a billion news lie behind it
    live.state.watermarks = {n: live.state.watermarks.get(n, 0) + 1_000_000_000 for n in range(partitions)}
    return live


def state_bytes(texts: Sequence[str], a_day: float, partitions: int = 4) -> int:
    """Of a full stream's value in its table."""
    return len(encode_state(full(texts, a_day, partitions=partitions).settled()))


def mention_us(texts: Sequence[str], batches: int) -> float:
    """CPU of one mention of the stream of all news: its record decoded, folded, and the state encoded once a batch."""
    live, watching = full(texts, 200, ALL), RuleBook().watching(ALL)
    live.state.watermarks = {}
    records = []
    for n in range(batches):
        batch = mentions(texts, 20 * 86_400, BATCH, BEGIN + timedelta(days=DAYS + 1), n * BATCH)
        told = [GroupMention(*each[1:]) for each in batch]  # a sighting less its partition, field by field
        record = GroupSentiments(id=f"{ALL}:0@{n}", group=ALL, scope="all", name="All news", partition=0, mentions=told)
        records.append(msgspec.json.encode(record))
    began_s = time.process_time()
    for value in records:
        told_of = group_told(decode(value, GroupSentiments, GroupSentiments.TYPE))
        for sighting in told_of.sightings:
            fold(live, sighting, watching, told_of.name)
        encode_state(live.settled())
    took_s = time.process_time() - began_s
    if live.state.applied < batches * BATCH:
        raise AssertionError(f"{live.state.applied} of {batches * BATCH} mentions counted")
    return 1e6 * took_s / (batches * BATCH)
