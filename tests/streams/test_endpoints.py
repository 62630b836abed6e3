"""What a process serves for probes and Prometheus."""

import socket

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from models.errors import SettingsError
from streams.endpoints import serve_endpoints


def test_probes_and_metrics_are_answered_and_nothing_else_is() -> None:
    registry, is_ready = CollectorRegistry(), False
    Counter("gretchen_things", "Some.", registry=registry).inc()
    with serve_endpoints(registry, lambda: is_ready, "127.0.0.1", 0, "GRETCHEN_METRICS_PORT") as server:
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            with httpx.Client(base_url=url, trust_env=False) as client:
                assert [client.get(path).status_code for path in ("/healthz", "/readyz", "/")] == [200, 503, 404]
                is_ready = True
                assert client.get("/readyz").text == "ready\n"
                assert "gretchen_things_total 1.0" in client.get("/metrics").text
        finally:
            server.shutdown()


def test_a_taken_port_is_one_line_that_names_its_variable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"127\.0\.0\.1:{port}: Address .* in use; set GRETCHEN_NOTIFY_PORT"):
            serve_endpoints(CollectorRegistry(), lambda: True, "127.0.0.1", port, "GRETCHEN_NOTIFY_PORT")
