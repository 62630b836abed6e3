"""A worker's process: topics, endpoints, agents, until SIGTERM or Ctrl-C."""

import logging
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NoReturn

import faust
from prometheus_client import CollectorRegistry, generate_latest

from models.errors import SettingsError
from streams.admin import ensure_topics, wait_for_broker
from streams.exact import FAIL_STOP, ExactApp
from streams.lag import LagWatch
from streams.metrics import lag_gauge, ready_gauge
from streams.settings import Settings

TEXT = "text/plain; version=0.0.4; charset=utf-8"


def run_worker(settings: Settings, build: Callable[[CollectorRegistry], ExactApp]) -> NoReturn:
    """Run until told to stop, then exit. Raises BrokerUnavailable, TopicMismatch, SettingsError before it starts."""
    registry = CollectorRegistry()
    (settings.data_dir / settings.app_id).mkdir(parents=True, exist_ok=True)  # Faust makes only the last folder
    wait_for_broker(settings)
    ensure_topics(settings)
    app = build(registry)
    ready_gauge(registry, lambda: app.ready)
    serve_endpoints(settings, app, registry)
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


def serve_endpoints(settings: Settings, app: ExactApp, registry: CollectorRegistry) -> ThreadingHTTPServer:
    """/metrics, /healthz and /readyz in a thread of their own, so that a busy loop still answers."""

    class Endpoints(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pages: dict[str, Callable[[], tuple[int, bytes]]] = {
                "/metrics": lambda: (200, generate_latest(registry)),
                "/healthz": lambda: (200, b"ok\n"),
                "/readyz": lambda: (200, b"ready\n") if app.ready else (503, b"not ready\n"),
            }
            status, body = pages.get(self.path, lambda: (404, b"not found\n"))()
            self.send_response(status)
            self.send_header("Content-Type", TEXT)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Scrapes are not logged."""

    try:
        server = ThreadingHTTPServer((settings.metrics_host, settings.metrics_port), Endpoints)
    except OSError as error:
        raise SettingsError(
            f"can't serve metrics on {settings.metrics_host}:{settings.metrics_port}: {error.strerror}; "
            "set GRETCHEN_METRICS_PORT"
        ) from None
    threading.Thread(target=server.serve_forever, name="endpoints", daemon=True).start()
    return server
