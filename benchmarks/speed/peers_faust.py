"""Stock Faust as its documentation has batches: `take()`, a classifier in a thread, each output awaited.

take() acknowledges when the body ends, so outputs are in Kafka before the input is committed; its producer can't be
idempotent but by transactions.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import faust

from benchmarks.speed.classifying import classifier
from benchmarks.speed.peers import Config, labelled, read_config, text_of

WITHIN_S = 0.1


def main(config: Config) -> None:
    app = faust.App(
        config.group,
        broker=f"kafka://{config.bootstrap_servers}",
        datadir=config.data_dir,
        store="memory://",
        producer_acks=-1,
        producer_linger=0.005,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        web_enabled=False,
        autodiscover=False,
    )
    raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    news, scored = app.topic(config.news, **raw), app.topic(config.scored, **raw)
    classify = classifier(config.classifier, Path(config.model))

    @app.agent(news)  # type: ignore[untyped-decorator]
    async def score(stream: Any) -> None:
        async for events in stream.take_events(config.batch, within=WITHIN_S):
            labels = await asyncio.to_thread(classify, [text_of(event.value) for event in events])
            under_way = [
                await scored.send(key=event.key, value=labelled(event.key, label))
                for event, label in zip(events, labels, strict=True)
            ]
            await asyncio.gather(*under_way)

    try:
        faust.Worker(app, loglevel="WARNING", quiet=True).execute_from_commandline()
    except SystemExit as ended:
        sys.exit(ended.code)


if __name__ == "__main__":
    main(read_config())
