"""Quix Streams with a sink of our own for batches: it is flushed at every checkpoint, before that is committed.

(Row by row, its `apply()` would give the model one text at a time.)
"""

from pathlib import Path
from typing import Any

from quixstreams import Application
from quixstreams.sinks import BaseSink

from benchmarks.speed.classifying import classifier
from benchmarks.speed.peers import Config, labelled, read_config, text_of


class Scoring(BaseSink):  # type: ignore[misc]
    def __init__(self, app: Application, config: Config) -> None:
        super().__init__()
        self._config, self._classify = config, classifier(config.classifier, Path(config.model))
        self._producer = app.get_producer().__enter__()
        self._waiting: list[tuple[bytes, str]] = []

    def add(self, value: bytes, key: bytes, *where: Any, **more: Any) -> None:
        self._waiting.append((key, text_of(value)))

    def flush(self) -> None:
        for (key, _), label in zip(self._waiting, self._classify([text for _, text in self._waiting]), strict=True):
            self._producer.produce(self._config.scored, key=key, value=labelled(key, label))
        if left := self._producer.flush(60):
            raise RuntimeError(f"{left} outputs are not acknowledged")
        self._waiting.clear()

    def on_paused(self) -> None:
        self._waiting.clear()


def main(config: Config) -> None:
    app = Application(
        broker_address=config.bootstrap_servers,
        consumer_group=config.group,
        auto_offset_reset="earliest",
        processing_guarantee="at-least-once",
        commit_interval=1.0,
        commit_every=config.batch,
        auto_create_topics=False,
        state_dir=config.data_dir,
        loglevel="WARNING",
        producer_extra_config={"enable.idempotence": True, "linger.ms": 5, "partitioner": "murmur2_random"},
    )
    news = app.topic(config.news, key_deserializer="bytes", value_deserializer="bytes")
    app.dataframe(news).sink(Scoring(app, config))
    app.run()


if __name__ == "__main__":
    main(read_config())
