"""A worker's process: topics, endpoints, agents, until SIGTERM or Ctrl-C."""

import logging
import sys
from collections.abc import Callable
from typing import NoReturn

import faust
from prometheus_client import CollectorRegistry

from streams.admin import ensure_topics, wait_for_broker
from streams.endpoints import serve_endpoints
from streams.exact import FAIL_STOP, ExactApp
from streams.lag import LagWatch
from streams.metrics import lag_gauge, ready_gauge
from streams.settings import Settings


def run_worker(settings: Settings, build: Callable[[CollectorRegistry], ExactApp]) -> NoReturn:
    """Run until told to stop, then exit. Raises BrokerUnavailable, TopicMismatch, SettingsError before it starts."""
    registry = CollectorRegistry()
    (settings.data_dir / settings.app_id).mkdir(parents=True, exist_ok=True)  # Faust makes only the last folder
    wait_for_broker(settings)
    ensure_topics(settings)
    app = build(registry)
    ready_gauge(registry, lambda: app.ready)
    serve_endpoints(registry, lambda: app.ready, settings.metrics_host, settings.metrics_port, "GRETCHEN_METRICS_PORT")
    LagWatch(settings, lag_gauge(registry))
    logging.getLogger("kafka").setLevel(logging.WARNING)  # the lag's look every few seconds is no news
    worker = faust.Worker(app, loglevel=settings.log_level, quiet=True)
    code = 0
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        if ended.code:  # a crash inside Faust is a fail-stop too: nothing is lost, and a restart mends it
            code = FAIL_STOP
    sys.exit(code)
