"""The engine without Kafka, on the worker's cores: `python -m benchmarks.speed.alone PLAN RECORDS`; JSON on stdout.

It gets the same texts with the same entities to judge as the worker finds in them, in the order they come.
"""

import os
import sys
import time

import msgspec

from benchmarks.speed.feeding import news
from benchmarks.speed.part import decode_path
from benchmarks.speed.results import Plan
from models.engines import Request
from streams.engines import load_news
from streams.news.entities import Gazetteer, load_watchlist
from streams.news.score import SENTIMENT, first_mentions
from streams.settings import load_settings

AT_ONCE = 1024  # texts the engine is handed together: it bounds its batches itself


class Alone(msgspec.Struct):
    per_s: float
    cpu_s_per_1000: float
    labels: dict[str, str]


def main() -> None:
    plan, count = msgspec.json.decode(sys.argv[1], type=Plan, dec_hook=decode_path), int(sys.argv[2])
    settings, records = load_settings(os.environ), news(plan, count)
    gazetteer = Gazetteer(load_watchlist(settings.watchlist))
    found = (first_mentions(gazetteer.find(each.text)) for each in records)
    requests = [
        Request(each.text, tuple((m.start, m.end) for m in ms)) for each, ms in zip(records, found, strict=True)
    ]
    engine = load_news(settings)
    engine.infer(engine.encode(requests[:64]))
    labels, begun, spent = [], time.perf_counter(), time.process_time()
    for start in range(0, len(requests), AT_ONCE):
        predictions = engine.infer(engine.encode(requests[start : start + AT_ONCE]))
        labels += [engine.labels[SENTIMENT][int(each[SENTIMENT].argmax())] for each in predictions]
    seconds, cpu_s = time.perf_counter() - begun, time.process_time() - spent
    named = {each.id: label for each, label in zip(records, labels, strict=True)}
    sys.stdout.write(
        msgspec.json.encode(Alone(len(requests) / seconds, 1000 * cpu_s / len(requests), named)).decode() + "\n"
    )


if __name__ == "__main__":
    main()
