"""How long a customer waits: from a question's send to its answer's arrival, through Kafka and one worker, by way.

    python benchmarks/chat_latency.py [--rate 50] [--seconds 60] [--mix template=3 documents=1 live=1]

Starts a Kafka (or uses KAFKA_BOOTSTRAP_SERVERS) and a worker as `gretchen demo` does, with the sample's documents in
it; models and lingers as the environment says (GRETCHEN_READER_MODEL, GRETCHEN_CHAT_LINGER_MS …). Questions are the
sample's and those of benchmarks/chat, each a conversation of its own, sent at an even pace, whatever the answers take;
the first tenth is to warm up, and not counted. Prints a line for each way, in milliseconds, and one for all. Client,
Kafka and worker share the machine's cores.
"""

import argparse
import itertools
import json
import os
import tempfile
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
import numpy as np
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.admin import kafka_client_config, wait_for_broker
from streams.broker import broker_for
from streams.demo.children import Child
from streams.demo.playlist import SAMPLE
from streams.demo.run import add_documents, child_environ, demo_settings, own_topics
from streams.records import Answer, Question
from streams.settings import Settings, load_settings
from streams.topics import CHAT_ANSWERS, CHAT_QUESTIONS

SETS = Path(__file__).parent / "chat"
PATIENCE_S = 30.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=50.0, help="questions a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--mix", nargs="+", default=["template=3", "documents=1", "live=1"], metavar="WAY=SHARE")
    options = parser.parse_args()
    texts = list(itertools.islice(mixed(options.mix), int(options.rate * options.seconds)))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gretchen-latency-")))
        settings = stack.enter_context(broker_for(demo_settings(load_settings(os.environ), folder)))
        wait_for_broker(settings)
        stack.enter_context(own_topics(settings))
        add_documents(settings)
        worker = stack.enter_context(Child("worker", environ=child_environ(settings), log=folder / "worker.log"))
        worker.wait_ready(f"http://127.0.0.1:{settings.metrics_port}/readyz")
        waits = ask(settings, texts, options.rate)
    print(f"{len(texts)} questions at {options.rate:g}/s, chat linger {settings.chat_linger_ms:g} ms")
    print(f"{'way':<12}{'answers':>8}{'p50':>8}{'p90':>8}{'p99':>8}{'max':>8}  ms")
    for way, found in [*sorted(waits.items()), ("all", [wait for each in waits.values() for wait in each])]:
        p50, p90, p99 = np.percentile(found, (50, 90, 99))
        print(f"{way:<12}{len(found):>8}{p50:>8.1f}{p90:>8.1f}{p99:>8.1f}{max(found):>8.1f}")


def mixed(shares: Sequence[str]) -> Iterator[str]:
    """Questions of each kind in turn, as often as its share says, over and over."""
    kinds = [(kind, int(share)) for kind, _, share in (each.partition("=") for each in shares)]
    turns = {kind: itertools.cycle(questions(kind)) for kind, _ in kinds}
    for kind in itertools.cycle([kind for kind, share in kinds for _ in range(share)]):
        yield next(turns[kind])


def questions(kind: str) -> list[str]:
    if kind == "template":
        intents = json.loads((SAMPLE / "truth.json").read_text())["questions"]
        return [row["text"] for row in rows(SAMPLE / "questions.jsonl") if intents.get(row["id"])]
    name = {"documents": "document_questions.jsonl", "live": "live_dev.jsonl"}[kind]
    return [row["question"] for row in rows(SETS / name) if kind == "documents" or row["instruction"]]


def rows(path: Path) -> list[Mapping[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def ask(settings: Settings, texts: Sequence[str], rate: float) -> dict[str, list[float]]:
    """Way -> milliseconds. Raises TimeoutError if answers are missing."""
    sent, run = dict[str, float](), uuid.uuid4().hex[:8]
    consumer = KafkaConsumer(**kafka_client_config(settings), fetch_max_wait_ms=500, enable_auto_commit=False)
    places = [TopicPartition(CHAT_ANSWERS.of(settings), partition) for partition in range(settings.partitions)]
    consumer.assign(places)
    consumer.seek_to_end(*places)
    for place in places:
        consumer.position(place)

    def send() -> None:
        producer, begun = KafkaProducer(**kafka_client_config(settings), acks="all"), time.monotonic()
        for n, text in enumerate(texts):
            time.sleep(max(0.0, begun + n / rate - time.monotonic()))
            name = f"{run}-{n}"
            value = msgspec.json.encode(Question(id=name, text=text, conversation_id=name))
            sent[name] = time.monotonic()
            producer.send(CHAT_QUESTIONS.of(settings), key=name.encode(), value=value)
        producer.close()

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    waits, warm, answers, last = defaultdict[str, list[float]](list), len(texts) // 10, 0, time.monotonic()
    while answers < len(texts):
        for records in consumer.poll(1000).values():
            last = time.monotonic()
            for record in records:
                answer, answers = msgspec.json.decode(record.value, type=Answer), answers + 1
                if int(answer.question_id.rpartition("-")[2]) >= warm:
                    waits[answer.way].append(1000 * (last - sent[answer.question_id]))
        if time.monotonic() - last > PATIENCE_S:
            raise TimeoutError(f"{answers} of {len(texts)} answers came, then none for {PATIENCE_S:.0f} s")
    consumer.close()
    return waits


if __name__ == "__main__":
    main()
