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
from streams.exact import ExactApp
from streams.settings import Settings

TEXT = "text/plain; version=0.0.4; charset=utf-8"


def run_worker(settings: Settings, build: Callable[[CollectorRegistry], ExactApp]) -> NoReturn:
    """Run until told to stop, then exit. Raises BrokerUnavailable, TopicMismatch, SettingsError before it starts."""
    registry = CollectorRegistry()
    (settings.data_dir / settings.app_id).mkdir(parents=True, exist_ok=True)  # Faust makes only the last folder
    wait_for_broker(settings)
    ensure_topics(settings)
    app = build(registry)
    serve_endpoints(settings, app, registry)
    logging.getLogger(__name__).info("worker of group %s starts", settings.app_id)
    worker = faust.Worker(app, loglevel=settings.log_level, quiet=True)
    worker.execute_from_commandline()
    sys.exit(0)


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
