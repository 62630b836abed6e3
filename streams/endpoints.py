"""A process's /metrics, /healthz and /readyz in a thread of their own, so that a busy loop still answers."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, generate_latest

from models.errors import SettingsError

TEXT = "text/plain; version=0.0.4; charset=utf-8"


def serve_endpoints(
    registry: CollectorRegistry, ready: Callable[[], bool], host: str, port: int, variable: str
) -> ThreadingHTTPServer:
    """Runs until the process ends; `ready` is asked by its threads. Raises SettingsError, which names the port's
    environment variable, where it can't listen."""

    class Endpoints(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pages: dict[str, Callable[[], tuple[int, bytes]]] = {
                "/metrics": lambda: (200, generate_latest(registry)),
                "/healthz": lambda: (200, b"ok\n"),
                "/readyz": lambda: (200, b"ready\n") if ready() else (503, b"not ready\n"),
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
        server = ThreadingHTTPServer((host, port), Endpoints)
    except OSError as error:
        raise SettingsError(f"can't serve metrics on {host}:{port}: {error.strerror}; set {variable}") from None
    threading.Thread(target=server.serve_forever, name="endpoints", daemon=True).start()
    return server
