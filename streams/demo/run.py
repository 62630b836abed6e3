"""The demo from end to end: broker, topics, worker, page; the sample in, verdicts, answers and alerts out."""

import os
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from streams.admin import delete_topics, ensure_topics, group_lag, kafka_client_config, wait_for_broker
from streams.broker import broker_for
from streams.demo.children import Child, free_port
from streams.demo.ledger import Ledger
from streams.demo.playlist import SAMPLE, Item, playlist
from streams.demo.screen import Screen
from streams.documents.loading import load_all
from streams.events import output
from streams.settings import Settings, load_settings
from streams.topics import ALERTS, CHAT_ANSWERS, CHAT_QUESTIONS, DEAD_LETTERS, DOCUMENTS, HANDOVERS, NEWS, SCORED_NEWS

AHEAD = 10  # records on their way: more, and days of news would meet an entity out of order, most of them too late
OUTPUTS = (SCORED_NEWS, CHAT_ANSWERS, HANDOVERS, ALERTS, DEAD_LETTERS)


@dataclass(frozen=True)
class Options:
    """`rate` is in records per second, 0 for as fast as it goes; `stay` keeps the page up after the last record."""

    rate: float
    stay: bool
    page: bool
    timeout_s: float


def run_demo(options: Options) -> dict[str, float]:
    """Play the sample once and return the totals. Raises Unaccounted when a record that went in did not come out."""
    console = Console(stderr=True)
    began = time.monotonic()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gretchen-demo-")))
        given = load_settings(os.environ)
        logs = given.data_dir / "demo-logs"  # outlives the run, for when something went wrong
        logs.mkdir(parents=True, exist_ok=True)
        console.print("[bold]Gretchen[/] starting Apache Kafka …")
        settings = stack.enter_context(
            broker_for(
                demo_settings(given, directory), progress=lambda files, size: bar_of(console, stack, files, size)
            )
        )
        wait_for_broker(settings)
        stack.enter_context(own_topics(settings))
        add_documents(settings)
        environ = child_environ(settings)
        console.print("Starting the worker and loading the models …")
        worker = stack.enter_context(Child("worker", environ=environ, log=logs / "worker.log"))
        children = [worker]
        if options.page:
            page = stack.enter_context(Child("page", environ=environ, log=logs / "page.log"))
            children.append(page)
        worker.wait_ready(f"http://127.0.0.1:{settings.metrics_port}/readyz")
        if options.page:
            address = f"http://127.0.0.1:{settings.page_port}"
            page.wait_ready(f"{address}/healthz")
            console.print(f"Live page: [bold link={address}]{address}[/]", highlight=False)
        console.print(f"Metrics:   http://127.0.0.1:{settings.metrics_port}/metrics", highlight=False)
        items = playlist(datetime.now(UTC))
        ledger = play(settings, items, options, children, console)
        ledger.check()
        totals = {**ledger.totals(), "seconds": round(time.monotonic() - began, 1)}
        if options.stay:
            console.print(f"All {len(ledger.sent)} records accounted for. Ctrl-C stops everything.")
            while True:
                time.sleep(0.5)
                for child in children:
                    child.check()
    return totals


def bar_of(console: Console, stack: ExitStack, files: int, size_bytes: int) -> Callable[[int], None]:
    """A bar for the download of Kafka, which happens once."""
    bar = Progress(
        TextColumn(f"fetching Apache Kafka ({files} files, once)"),
        BarColumn(40),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
    )
    task = bar.add_task("", total=size_bytes)
    stack.callback(bar.stop)
    bar.start()
    return lambda received: bar.advance(task, received)


def demo_settings(given: Settings, directory: Path) -> Settings:
    """Settings of this run alone: its own topic names and group, its own data, ports that are free."""
    run = f"gretchen-demo-{uuid.uuid4().hex[:8]}"
    return msgspec.structs.replace(
        given,
        app_id=run,
        topic_prefix=f"{run}-",
        data_dir=directory / "data",
        metrics_port=free_port(given.metrics_port),
        page_port=free_port(given.page_port),
    )


def child_environ(settings: Settings) -> dict[str, str]:
    """What differs from the parent's environment."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "KAFKA_SECURITY_PROTOCOL": settings.security_protocol,
        "GRETCHEN_APP_ID": settings.app_id,
        "GRETCHEN_TOPIC_PREFIX": settings.topic_prefix,
        "GRETCHEN_DATA_DIR": str(settings.data_dir),
        "GRETCHEN_METRICS_PORT": str(settings.metrics_port),
        "GRETCHEN_PAGE_PORT": str(settings.page_port),
        "GRETCHEN_PARTITIONS": str(settings.partitions),
    }


@contextmanager
def own_topics(settings: Settings) -> Iterator[None]:
    """The run's topics, deleted at the end: a cluster of somebody's keeps nothing of a demo."""
    ensure_topics(settings)
    yield
    if "KAFKA_BOOTSTRAP_SERVERS" in os.environ:
        delete_topics(settings)


def add_documents(settings: Settings) -> None:
    """The sample's, before the worker starts: it is ready once it has read them."""
    producer = KafkaProducer(**kafka_client_config(settings), acks="all")
    for passage in load_all([SAMPLE / "documents"]):
        record = output(settings, DOCUMENTS, passage.id, passage)
        producer.send(record.topic, key=record.key, value=record.value, headers=list(record.headers))
    producer.close()


def play(settings: Settings, items: list[Item], options: Options, children: list[Child], console: Console) -> Ledger:
    """Send and watch until everything has come out and the alerts are settled."""
    headlines = sum(item.topic is NEWS and not item.broken for item in items)
    questions = sum(item.topic is CHAT_QUESTIONS for item in items)
    screen = Screen(console, headlines, questions, sum(item.broken for item in items), talkative=options.rate > 0)
    ledger, stop, failed = Ledger(), threading.Event(), list[BaseException]()
    consumer = output_consumer(settings)
    sender = threading.Thread(target=send, args=(settings, items, options.rate, ledger, stop, failed), daemon=True)
    deadline = time.monotonic() + options.timeout_s + (len(items) / options.rate if options.rate else 0)
    sender.start()
    try:
        with screen.live:
            while sender.is_alive() or ledger.open_places() or group_lag(settings):
                watch(settings, consumer, ledger, screen)
                for child in children:
                    child.check()
                if failed:
                    raise failed[0]
                if time.monotonic() > deadline:
                    break  # the ledger's check names what is missing
            watch(settings, consumer, ledger, screen)
    finally:
        stop.set()
        sender.join(5)
        consumer.close()
    return ledger


def output_consumer(settings: Settings) -> KafkaConsumer:
    """Reads all output topics from their beginning, outside of any group."""
    consumer = KafkaConsumer(**kafka_client_config(settings), auto_offset_reset="earliest", enable_auto_commit=False)
    partitions = range(settings.partitions)
    consumer.assign([TopicPartition(topic.of(settings), p) for topic in OUTPUTS for p in partitions])
    return consumer


def watch(settings: Settings, consumer: KafkaConsumer, ledger: Ledger, screen: Screen) -> None:
    for place, records in consumer.poll(timeout_ms=200).items():
        topic = place.topic.removeprefix(settings.topic_prefix)
        for record in records:
            headers = {name: value.decode() for name, value in record.headers}
            if new := ledger.enter(topic, record.value, headers):
                screen.show(new)
    screen.update(ledger)


def send(
    settings: Settings,
    items: list[Item],
    rate: float,
    ledger: Ledger,
    stop: threading.Event,
    failed: list[BaseException],
) -> None:
    """The thread that plays: evenly paced, or as fast as records come out; each enters the ledger once Kafka has it."""
    try:
        producer = KafkaProducer(**kafka_client_config(settings), acks="all", max_request_size=2 << 20)
        start, futures = time.monotonic(), []
        for n, item in enumerate(items):
            if rate and stop.wait(max(0.0, start + n / rate - time.monotonic())):
                return
            while not rate and n - len(ledger.settled) >= AHEAD:
                if stop.wait(0.002):
                    return
            futures.append((item, producer.send(item.topic.of(settings), key=item.key, value=item.value)))
        for item, future in futures:
            metadata = future.get(timeout=30)
            ledger.send(item.topic.name, metadata.partition, metadata.offset)
        producer.close()
    except Exception as error:  # noqa: BLE001 - handed to the main thread, which raises it
        failed.append(error)
