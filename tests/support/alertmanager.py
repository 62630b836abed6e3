"""The real Prometheus Alertmanager as a process on loopback, where one is installed."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from streams.broker.config import free_port

BINARY = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
RECEIVER = """
route: {{receiver: ops, group_by: [episode], group_wait: 100ms, group_interval: 200ms, repeat_interval: 1h}}
receivers: [{{name: ops, webhook_configs: [{{url: '{url}', send_resolved: true}}]}}]
"""


class RunningAlertmanager:
    def __init__(self, url: str) -> None:
        self.url = url

    def alerts(self) -> list[dict[str, Any]]:
        """Those it takes for active now."""
        found: list[dict[str, Any]] = httpx.get(f"{self.url}/api/v2/alerts", trust_env=False, timeout=5).json()
        return found

    def severities(self, episode: str) -> list[str]:
        return sorted(each["labels"]["severity"] for each in self.alerts() if each["labels"]["episode"] == episode)


@contextmanager
def run_alertmanager(folder: Path, notified_url: str) -> Iterator[RunningAlertmanager]:
    """Tells `notified_url` of what it would tell people."""
    assert BINARY is not None
    (folder / "alertmanager.yml").write_text(RECEIVER.format(url=notified_url))
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        BINARY,
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",
    ]
    with (folder / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 20
        while not answers(url):
            assert process.poll() is None and time.monotonic() < deadline, (folder / "alertmanager.log").read_text()
            time.sleep(0.05)
        yield RunningAlertmanager(url)
    finally:
        process.terminate()
        process.wait(10)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False, timeout=2).status_code == 200
    except httpx.TransportError:
        return False
