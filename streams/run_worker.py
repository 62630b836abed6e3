"""A worker's process: topics, endpoints, agents, until SIGTERM or Ctrl-C."""

import gc
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import NoReturn

import faust
from prometheus_client import CollectorRegistry

from streams.admin import ensure_topics, wait_for_broker
from streams.endpoints import serve_endpoints
from streams.exact import FAIL_STOP, ExactApp
from streams.lag import LagWatch
from streams.metrics import lag_gauge, ready_gauge
from streams.mirror import Mirror
from streams.settings import Settings

log = logging.getLogger(__name__)

GARBAGE = (10_000, 20, 50)  # objects, and turns, between looks for cycles: the stream's own objects are freed without


def run_worker(
    settings: Settings,
    build: Callable[[CollectorRegistry], ExactApp],
    mirrors: Sequence[Mirror] = (),
    notes: Sequence[str] = (),
) -> NoReturn:
    """Run until told to stop, then exit. Raises BrokerUnavailable, TopicMismatch, SettingsError before it starts.

    `mirrors` are open meanwhile, and the worker is ready once they are; `notes` are logged when it starts.
    """
    registry = CollectorRegistry()
    (settings.data_dir / settings.app_id).mkdir(parents=True, exist_ok=True)  # Faust makes only the last folder
    wait_for_broker(settings)
    ensure_topics(settings)
    app = build(registry)

    def ready() -> bool:
        return app.ready and all(mirror.ready for mirror in mirrors)

    async def say() -> None:  # in the app, as the log is opened by the worker
        for note in notes:
            log.info("%s", note)

    app.task(say)
    ready_gauge(registry, ready)
    serve_endpoints(registry, ready, settings.metrics_host, settings.metrics_port, "GRETCHEN_METRICS_PORT")
    LagWatch(settings, lag_gauge(registry))
    logging.getLogger("kafka").setLevel(logging.WARNING)  # the lag's look every few seconds is no news
    gc.collect()
    gc.freeze()  # what is loaded by now stays: a look for cycles need not walk through it
    gc.set_threshold(*GARBAGE)
    worker = faust.Worker(app, loglevel=settings.log_level, quiet=True)
    code = 0
    with ExitStack() as open_:
        for mirror in mirrors:
            open_.enter_context(mirror)
        try:
            worker.execute_from_commandline()
        except SystemExit as ended:
            if ended.code:  # a crash inside Faust is a fail-stop too: nothing is lost, and a restart mends it
                code = FAIL_STOP
    sys.exit(code)
