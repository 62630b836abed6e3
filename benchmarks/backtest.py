"""How many scored events a second gretchen backtest takes, from the file's bytes to the alerts.

    python benchmarks/backtest.py [EVENTS]    # 200,000 without a number

Made-up events of 200 entities over 30 days, a third of them negative, without and with texts. Seconds are of this
process's processor time, so that a busy machine tells less of a lie; the parts are timed alone, in the same run.
"""

import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time

import msgspec

from streams.backtest.lines import Unread, read_lines
from streams.backtest.running import Backtest
from streams.news.rules import RuleBook
from streams.records import SENTIMENTS
from streams.sources.files import open_source

START = datetime(2026, 1, 1, tzinfo=UTC)
ENTITIES, DAYS, WORDS = 200, 30, 11
VOCABULARY = [f"word{n}" for n in range(5_000)]


def write_events(path: Path, events: int, with_text: bool) -> None:
    """Entities are named as often as Zipf's law has it, roughly."""
    chance = random.Random(1)
    entities = chance.choices(range(ENTITIES), [1 / (n + 1) ** 0.7 for n in range(ENTITIES)], k=events)
    with path.open("wb") as file:
        for number, at_s in enumerate(sorted(chance.uniform(0, DAYS * 86_400) for _ in range(events))):
            event = {
                "at": START + timedelta(seconds=at_s),
                "entity": f"Entity {entities[number]}",
                "sentiment": chance.choice(SENTIMENTS),
                "id": f"news-{number}",
            }
            if with_text:
                event |= {"text": " ".join(chance.choices(VOCABULARY, k=WORDS)), "source": "The Ledger Desk"}
            file.write(msgspec.json.encode(event) + b"\n")


@contextmanager
def timed(what: str, events: int) -> Iterator[None]:
    begun = process_time()
    yield
    took_s = process_time() - begun
    print(f"{what:24} {events / took_s:10,.0f} events/s  {1e6 * took_s / events:6.1f} µs an event", flush=True)


def main(events: int) -> None:
    for with_text in (False, True):
        kind = "with text" if with_text else "without text"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "events.jsonl"
            write_events(path, events, with_text)
            with timed(f"{kind}, read only", events), open_source(str(path)) as source:
                read = sum(1 for _ in read_lines(source, Unread()))
            run, alerts = Backtest(RuleBook()), 0
            with timed(kind, events), open_source(str(path)) as source:
                for each in read_lines(source, Unread()):
                    alerts += len(run.take(each))
            assert read == run.events == events
            print(f"{'':24} {alerts} alerts of {len(run.streams)} entities")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
