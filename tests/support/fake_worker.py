"""A worker process without models: `python -m tests.support.fake_worker`, settings from the environment.

KILL_AT=<event>:<what>[:<n>] makes it kill itself with -9 at the n-th (first) time of an event:
half:<topic>     half of a batch's outputs are in Kafka      sent:<topic>    all of them are, the next step is not begun
kept:<table>     the table's local store is written          acked:<agent>   the batch is acknowledged, not committed

STALL=1 makes it block its event loop for good when it has its first output to send.

MIRROR=<path> gives it a mirror that has caught up once the file is there.
"""

import os
import re
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faust
from prometheus_client import CollectorRegistry

from models.engines.fake import FakeEngine
from models.errors import GretchenError
from streams.app import create_app
from streams.desk import Desk
from streams.exact import ExactApp
from streams.metrics import Metrics, rules_gauges, templates_gauge
from streams.rules_file import RulesFile
from streams.run_worker import run_worker
from streams.settings import load_settings
from tests.support import talk

SECTORS = {f"E{n:02d}": "tens" for n in range(10)}


class Names:
    """Finds E00..E99."""

    def find(self, text: str) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(entity=m.group(), name=m.group(), start=m.start(), end=m.end())
            for m in re.finditer(r"E\d\d", text)
        ]


def arm(event: str, what: str, times: str = "1") -> None:
    """Put the kill where KILL_AT wants it."""
    left = int(times)

    def reached(happened: str, to: str) -> None:
        nonlocal left
        if happened == event and what in to:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    publish, finish, apply = ExactApp.publish, Desk.finish, faust.Table.apply_changelog_batch

    async def publishing(app: ExactApp, outputs: Iterable[Any]) -> list[Any]:
        outputs = list(outputs)
        topics = " ".join({each.topic for each in outputs})
        if event == "half" and what in topics:
            await publish(app, outputs[: (len(outputs) + 1) // 2])
            reached("half", topics)
        sent = await publish(app, outputs)
        reached("sent", topics)
        return sent

    def finishing(desk: Desk, agent: str, *rest: Any) -> None:
        finish(desk, agent, *rest)
        reached("acked", agent)

    def applying(table: Any, batch: Iterable[Any]) -> None:
        apply(table, batch)
        if table.app.fence.busy:  # not while the table is recovered
            reached("kept", table.name)

    ExactApp.publish, Desk.finish = publishing, finishing  # type: ignore[method-assign,assignment]
    faust.Table.apply_changelog_batch = applying


def stall() -> None:
    async def publishing(app: ExactApp, outputs: Iterable[Any]) -> list[Any]:
        time.sleep(3600)
        return []

    ExactApp.publish = publishing  # type: ignore[method-assign]


class FileMirror(nullcontext[None]):
    """Ready when a file is there."""

    @property
    def ready(self) -> bool:
        return Path(os.environ["MIRROR"]).exists()


def main() -> None:
    if os.environ.get("STALL"):
        stall()
    if "KILL_AT" in os.environ:
        arm(*os.environ["KILL_AT"].split(":"))
    settings = load_settings(os.environ)
    news = FakeEngine.news()
    mirrors: Any = [FileMirror()] if "MIRROR" in os.environ else []
    rules = RulesFile(settings.rules, SECTORS, news.labels["topic"])

    def build(registry: CollectorRegistry) -> ExactApp:
        rules_gauges(registry, rules.failed, lambda: rules.loaded_at)
        templates_gauge(registry, lambda: False)
        return create_app(
            settings,
            news_engine=news,
            answer=talk.answer,
            gazetteer=Names(),  # type: ignore[arg-type]
            rules=rules,
            clock=lambda: datetime.now(UTC),
            metrics=Metrics(registry),
            informed=lambda: all(mirror.ready for mirror in mirrors),
        )

    run_worker(settings, build, mirrors, ["a note"])


if __name__ == "__main__":
    try:
        main()
    except GretchenError as error:
        print(f"gretchen: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
